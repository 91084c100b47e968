"""
A client of HTTPS that puts and gets files (RFC 9110, 9.3.4 and 9.3.1).

Nothing is sent before the channel was measured. Redirects are not followed: they would
lead to a place that nobody measured.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import io
import re
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from sealgate.client.sending import RemoteError, check_channel
from sealgate.client.tls import ClientContext, TLSClient
from sealgate.protocols.model import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.client.access import ClientAccess
    from sealgate.client.destination import Destination
    from sealgate.protocols.model import Channel
    from sealgate.storage.model import Buffer

_READ_BYTES = 256 * 1024
_UNAUTHORIZED = 401


def connect_https(destination: Destination, access: ClientAccess) -> HTTPSRemote:
    """Return a measured connection; see :func:`sealgate.client.connect.connect`."""
    remote = HTTPSRemote(destination, access)
    remote.reconnect()
    return remote


class HTTPSRemote:
    """One origin. Every request has a connection of its own, each measured."""

    def __init__(self, destination: Destination, access: ClientAccess) -> None:
        """Prepare TLS; nothing is connected yet."""
        self._destination = destination
        self._access = access
        self._context = ClientContext(access.tls, alpn="http/1.1")
        self._client: TLSClient | None = None
        self._used: list[TLSClient] = []
        self._channel: Channel | None = None
        self._methods: frozenset[Method] = frozenset()
        self._authorization = ""

    @property
    def channel(self) -> Channel:
        """Return what was negotiated last."""
        if self._channel is None:
            self.reconnect()
        channel = self._channel
        assert channel is not None  # noqa: S101  # reconnect sets it
        return channel

    @property
    def methods(self) -> frozenset[Method]:
        """Return what we proved who we are with."""
        password = [Method.PASSWORD] if self._authorization else []
        return self._methods | frozenset(password)

    def reconnect(self) -> TLSClient:
        """Return a new connection whose channel is good enough."""
        self.close()
        client = TLSClient(self._access.address(self._destination), self._destination.port)
        try:
            client.start_tls(self._context, self._destination.host)
            self._channel, self._methods = client.channel, client.methods
            # Each connection for itself: the next one may ask for no certificate.
            check_channel(
                self._destination.origin, "it", self._access.rung, client.channel, client.methods
            )
        except BaseException:
            client.close()
            raise
        self._client = client
        return client

    def size(self, path: str) -> int | None:
        """Return the length that HEAD tells."""
        response = self._exchange("HEAD", path)
        length = response.getheader("Content-Length") or ""
        fine = response.status == http.client.OK and re.fullmatch(r"\d{1,19}", length)
        return int(length) if fine else None

    def upload(self, path: str, *, offset: int, size: int | None) -> HTTPSUpload:  # noqa: ARG002  # PUT has no offset
        """Begin a PUT of the whole."""
        if self._destination.user and not self._authorization:
            self._authorize()
        connection = self._connection()
        connection.putrequest("PUT", quote(path), skip_accept_encoding=True)
        self._put_headers(connection)
        if size is None:
            connection.putheader("Transfer-Encoding", "chunked")
        else:
            connection.putheader("Content-Length", str(size))
        connection.endheaders()
        return HTTPSUpload(connection, chunked=size is None)

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the body of GET."""
        response = self._exchange("GET", path)
        if response.status != http.client.OK:
            raise RemoteError(_said("GET", response))
        length, got = response.length, 0
        try:
            while chunk := response.read(_READ_BYTES):
                got += len(chunk)
                yield chunk
        except (http.client.HTTPException, ValueError) as error:
            raise RemoteError("the answer broke off") from error
        if length is not None and got != length:
            raise RemoteError(f"{got} of {length} bytes came")

    def digest(self, path: str, *, length: int | None = None) -> str | None:
        """Return what Repr-Digest says (RFC 9530, 3), when HEAD gives it."""
        if length is not None:
            return None
        response = self._exchange("HEAD", path)
        given = response.getheader("Repr-Digest") or ""
        found = re.search(r"sha-256=:([A-Za-z0-9+/=]+):", given)
        try:
            raw = base64.b64decode(found[1], validate=True) if found else b""
        except binascii.Error:
            return None
        return raw.hex() if len(raw) == hashlib.sha256().digest_size else None

    def close(self) -> None:
        """Close."""
        for client in self._used:
            client.close()
        self._used.clear()
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _authorize(self) -> None:
        user = self._destination.user
        password = self._access.ask_password(f"{user} at {self._destination.origin}")
        pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        self._authorization = f"Basic {pair}"

    def _connection(self) -> http.client.HTTPConnection:
        client = self._client or self.reconnect()
        self._client = None  # a request uses it up
        self._used.append(client)
        connection = http.client.HTTPConnection(self._destination.host, self._destination.port)
        connection.default_port = http.client.HTTPS_PORT
        connection.sock = ClientSocket(client)  # what it needs of one
        return connection

    def _put_headers(self, connection: http.client.HTTPConnection) -> None:
        connection.putheader("User-Agent", "sealgate")
        connection.putheader("Connection", "close")
        if self._authorization:
            connection.putheader("Authorization", self._authorization)

    def _exchange(self, method: str, path: str) -> http.client.HTTPResponse:
        response = self._once(method, path)
        if response.status == _UNAUTHORIZED and self._destination.user and not self._authorization:
            self._authorize()
            response = self._once(method, path)
        return response

    def _once(self, method: str, path: str) -> http.client.HTTPResponse:
        connection = self._connection()
        connection.putrequest(method, quote(path), skip_accept_encoding=True)
        self._put_headers(connection)
        connection.endheaders()
        return _response(connection)


class HTTPSUpload:
    """The body of one PUT."""

    def __init__(self, connection: http.client.HTTPConnection, *, chunked: bool) -> None:
        """Take the connection over, whose headers are sent."""
        self._connection = connection
        self._chunked = chunked

    def write(self, data: Buffer, /) -> int:
        """Send the next bytes."""
        if self._chunked and len(data):
            self._connection.send(f"{len(data):x}\r\n".encode())
            self._connection.send(bytes(data))
            self._connection.send(b"\r\n")
        elif len(data):
            self._connection.send(bytes(data))
        return len(data)

    def finish(self) -> None:
        """End the body, and await 2xx."""
        if self._chunked:
            self._connection.send(b"0\r\n\r\n")
        response = _response(self._connection)
        response.close()
        if response.status not in {200, 201, 204}:
            raise RemoteError(_said("PUT", response))

    def abandon(self) -> None:
        """Break off."""
        self._connection.close()


class ClientSocket:
    """What :mod:`http.client` needs of a socket. It closes one as soon as it has a reader."""

    def __init__(self, client: TLSClient) -> None:
        self._client = client

    def sendall(self, data: bytes) -> None:
        """Send all of *data*."""
        self._client.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader, which closes the connection with itself."""
        return io.BufferedReader(_Raw(self._client))

    def close(self) -> None:
        """Do nothing: the reader still needs it."""


class _Raw(io.RawIOBase):
    def __init__(self, client: TLSClient) -> None:
        self._client = client

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than Buffer
        data = self._client.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._client.close()
        super().close()


def _response(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    try:
        return connection.getresponse()
    except (http.client.HTTPException, ValueError) as error:
        raise RemoteError("the answer is no HTTP") from error


def _said(method: str, response: http.client.HTTPResponse) -> str:
    reason = "".join(c for c in response.reason if c.isprintable())[:80]
    return f"{method} is answered {response.status} {reason}".rstrip()

"""
One GET, over plain HTTP or verified TLS, whose answer is read as it comes.

Fields and body are handed out as they are on the wire: nothing is decoded, followed or
kept. What they are worth is for the caller to verify.
"""

from __future__ import annotations

import http.client
import io
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, cast

from sealgate.client.sending import RemoteError
from sealgate.client.tls import ClientContext, TLSClient
from sealgate.signing.model import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.client.tls import TLSIdentity

# The library passes over the first by itself; after the second there is no HTTP any more.
_CONTINUE, _SWITCHING = 100, 101
_READ_BYTES = 256 * 1024
# The head with all that may come before it: any number of interim answers (RFC 9110, 15.2).
HEAD_BYTES = 1024 * 1024
HEAD_SECONDS = 60.0
# What may come for one piece of a body: chunks of a byte each take six, and trailers some more.
_AROUND = 16


class _Wire(io.RawIOBase):
    """
    What comes over *client*: no more than was allowed, and in time while there is one.

    A server that nobody trusts yet could send what is passed over for ever.
    """

    def __init__(self, client: TLSClient) -> None:
        self._client = client
        self._left = HEAD_BYTES
        self._until: float | None = time.monotonic() + HEAD_SECONDS

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader, which is all that an answer asks of a socket."""
        return io.BufferedReader(self)

    def allow(self, size: int) -> None:
        """Let *size* bytes come from here on, however long that takes."""
        self._left, self._until = size, None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than Buffer
        late = self._until is not None and time.monotonic() > self._until
        if self._left <= 0 or late:
            raise RemoteError(
                "the answer does not begin"
                if self._until is not None
                else "the answer does not end"
            )
        data = self._client.recv(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)


class _Final(http.client.HTTPResponse):
    """The final answer: the library passes over 100 alone, and takes 103 for what was asked for."""

    def _read_status(self) -> tuple[str, int, str]:
        # RFC 9110, 15.2: any number of interim answers may come first, each with a head alone.
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in its stubs
            if status // 100 != 1 or status in {_CONTINUE, _SWITCHING}:
                return version, status, reason
            http.client.parse_headers(self.fp)


class Fetched:
    """The answer to *request*: its head, and its body while it comes."""

    def __init__(self, request: Request, response: http.client.HTTPResponse, wire: _Wire) -> None:
        self.request = request
        self._wire = wire
        self.answer = Answer(response.status, tuple(response.getheaders()))
        self._response = response

    def body(self) -> Iterator[bytes]:
        """
        Yield the body, content codings left as they are.

        Raises:
            RemoteError: it broke off.
        """
        try:
            while chunk := self._piece():
                yield chunk
        except (http.client.HTTPException, ValueError) as error:
            raise RemoteError("the answer broke off") from error
        if self._response.length:
            raise RemoteError(f"the answer broke off: {self._response.length} bytes are missing")

    def _piece(self) -> bytes:
        self._wire.allow(_AROUND * _READ_BYTES)
        return self._response.read(_READ_BYTES)


@contextmanager
def fetched(
    request: Request, host: str, port: int, identity: TLSIdentity, *, address: str = ""
) -> Iterator[Fetched]:
    """
    Send *request* to *host*, over TLS where its scheme is https, and give the answer.

    *address* is where the connection really goes, when that is not where *host* leads.

    Raises:
        RefusedError: the certificate is not to be trusted, or not for *host*.
        RemoteError: nobody answers, or with what is no HTTP.
        UsageError: a CA file cannot be used.
    """
    client = TLSClient(address or host, port)
    try:
        if request.scheme == "https":
            client.start_tls(ClientContext(identity, alpn="http/1.1"), host)
        client.sendall(_head(request))
        wire = _Wire(client)
        # HTTPResponse only ever asks its socket for makefile(). It is closed by hand: left to the
        # collector, it might find its reader gone, and complain.
        with closing(_Final(cast("Any", wire), method=request.method)) as response:
            try:
                response.begin()
                # Names and values are the wire's; what breaks a line was none.
                found = Fetched(request, response, wire)
            except (http.client.HTTPException, ValueError) as error:
                raise RemoteError("the answer is no HTTP") from error
            yield found
    finally:
        client.close()


def _head(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.fields]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii")

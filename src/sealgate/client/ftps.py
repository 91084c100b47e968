"""
A client of FTPS: TLS on the control and on every data connection, or nothing (RFC 4217).

The channel is measured after TLS and before the first user name; what is below its class
goes no further. Data connections resume the session of the control connection.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Self

from sealgate.audit.ftp import MalformedReplyError, Reply, features, parse_reply
from sealgate.client.sending import ChannelRefusedError, RemoteError, check_channel
from sealgate.client.tls import IDLE_SECONDS, ClientContext, TLSClient
from sealgate.policy.protection import TransitRung
from sealgate.protocols.lines import sentence
from sealgate.protocols.model import Method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.client.access import ClientAccess
    from sealgate.client.destination import Destination
    from sealgate.protocols.model import Channel
    from sealgate.storage.model import Buffer

# A server that says nothing this long waits for TLS, or is none.
GREETING_SECONDS = 15.0
_READ_BYTES = 256 * 1024
_SHA256_HEX = re.compile(r"\b[0-9a-fA-F]{64}\b")
_EPSV = re.compile(r"\((.)\1\1(\d{1,5})\1\)")


def connect_ftps(destination: Destination, access: ClientAccess) -> FTPSRemote:
    """Return a signed-in connection; see :func:`sealgate.client.connect.connect`."""
    context = ClientContext(access.tls)
    client = TLSClient(access.address(destination), destination.port)
    try:
        remote = FTPSRemote(client, context, destination, access.rung)
        remote.secure()
        # Before any name: who they would be asked for is below the class already.
        trusted = remote.methods or frozenset(
            [Method.CLIENT_CERTIFICATE] if access.tls.certificate else []
        )
        check_channel(destination.origin, "it", access.rung, remote.channel, trusted)
        remote.sign_in(destination.user or access.user, access)
    except BaseException:
        client.close()
        raise
    return remote


class FTPSRemote:
    """One control connection."""

    def __init__(
        self, client: TLSClient, context: ClientContext, destination: Destination, rung: TransitRung
    ) -> None:
        """Take *client* over, on which nothing was said yet; data need the rank *rung*, too."""
        self._rung = rung
        self._client = client
        self._context = context
        self._destination = destination
        self._buffer = b""
        self._features: tuple[str, ...] = ()
        self._password_used = False

    # Sign-in.

    def secure(self) -> None:
        """Have TLS on the control connection."""
        if self._destination.is_implicit:
            self._client.start_tls(self._context, self._destination.host)
            self._expect(self._reply(), 220, what="the greeting")
            return
        self._greeting()
        reply = self._ask("AUTH TLS")
        if reply.code != 234:  # noqa: PLR2004  # RFC 4217, 4
            message = f"{self._destination.origin} has no TLS: AUTH TLS is answered {reply.code}"
            raise ChannelRefusedError("transit-ftp-plaintext", message)
        if self._buffer:
            # Whoever sits in between could have said this, and it is in clear.
            raise ChannelRefusedError(
                "transit-ftp-injection", "the server went on in clear behind AUTH"
            )
        self._client.start_tls(self._context, self._destination.host)

    def _greeting(self) -> None:
        self._client.idle_seconds = GREETING_SECONDS
        try:
            self._expect(self._reply(), 220, what="the greeting")
        except RemoteError as error:
            message = f"{self._destination.origin}: {error.message} before its greeting"
            hint = "where TLS begins with the first byte, the port must be 990"
            raise RemoteError(message, hint=hint) from error
        finally:
            self._client.idle_seconds = IDLE_SECONDS

    def sign_in(self, user: str, access: ClientAccess) -> None:
        """Sign in as *user*, with a password if one is asked for, and protect the data."""
        reply = self._ask(f"USER {user}")
        if reply.code == 331:  # noqa: PLR2004  # RFC 959: a password is needed
            origin = self._destination.origin
            self._password_used = True
            beside = ", or a one-time code" if self._client.methods else ""
            reply = self._ask(f"PASS {access.ask_password(f'{user} at {origin}{beside}')}")
        # RFC 4217, 9 lets 232 say that the certificate was enough.
        self._expect(reply, 230, 232, 202, what=f'the sign-in of "{user}"')
        self._expect(self._ask("PBSZ 0"), 200, what="PBSZ 0")
        reply = self._ask("PROT P")
        if not reply.is_taken:
            message = f"the server does not protect the data: PROT P is answered {reply.code}"
            raise ChannelRefusedError("transit-ftp-clear-data", message)
        self._expect(self._ask("TYPE I"), 200, what="TYPE I")
        self._features = features(self._ask("FEAT"))

    # What the protocol of a remote asks for.

    @property
    def channel(self) -> Channel:
        """Return what was negotiated on the control connection."""
        return self._client.channel

    @property
    def methods(self) -> frozenset[Method]:
        """Return what we proved who we are with."""
        password = [Method.PASSWORD] if self._password_used else []
        return self._client.methods | frozenset(password)

    def size(self, path: str) -> int | None:
        """Return how many bytes lie at *path*."""
        reply = self._ask(f"SIZE {path}")
        text = reply.lines[-1].strip()
        return int(text) if reply.code == 213 and re.fullmatch(r"\d{1,19}", text) else None  # noqa: PLR2004  # RFC 3659, 4

    def upload(self, path: str, *, offset: int, size: int | None) -> FTPSUpload:  # noqa: ARG002  # FTP does not announce it
        """Begin to write; with an *offset* by REST, and where that is refused by APPE."""
        command = f"STOR {path}"
        if offset and self._ask(f"REST {offset}").code != 350:  # noqa: PLR2004  # RFC 3659, 5
            command = f"APPE {path}"
        return FTPSUpload(self, self._data(command))

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the bytes at *path*."""
        size, got = self.size(path), 0
        data = self._data(f"RETR {path}")
        try:
            while chunk := self._received(data, at_end=size == got):
                got += len(chunk)
                yield chunk
        finally:
            data.close()
        self.finished()
        if size is not None and got != size:
            raise RemoteError(f"{got} of {size} bytes came")

    def digest(self, path: str, *, length: int | None = None) -> str | None:
        """Return the SHA-256 that HASH gives (draft-bryan-ftpext-hash), or XSHA256."""
        if length is not None or not any(f.startswith("HASH") for f in self._features):
            return None
        if not self._ask("OPTS HASH SHA-256").is_taken:
            return None
        reply = self._ask(f"HASH {path}")
        found = _SHA256_HEX.search(" ".join(reply.lines))
        return found[0].lower() if reply.is_taken and found else None

    def close(self) -> None:
        """Say goodbye and close."""
        with contextlib.suppress(RemoteError):
            self._client.sendall(b"QUIT\r\n")
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Commands and data.

    def finished(self) -> None:
        """Return once the server has acknowledged what went over the data connection."""
        self._expect(self._reply(), 226, 250, what="the transfer")

    def _received(self, data: TLSClient, *, at_end: bool) -> bytes:
        try:
            return data.recv(_READ_BYTES)
        except RemoteError:
            # Some servers close without close_notify; the size tells that it was all.
            if at_end:
                return b""
            raise

    def _data(self, command: str) -> TLSClient:
        reply = self._ask("EPSV")
        found = _EPSV.search(" ".join(reply.lines))
        if reply.code != 229 or found is None:  # noqa: PLR2004  # RFC 2428, 3
            raise RemoteError(f"EPSV is answered {reply.code}, 229 is required")
        # RFC 2428: the data go to the host of the control connection, and no other.
        data = TLSClient(self._client.peer, int(found[2]))
        try:
            self._expect(self._ask(command), 125, 150, what=command.partition(" ")[0])
            data.start_tls(self._context, self._destination.host, self._client.session)
            # A resumed session shows no certificate again; that of its session counts.
            subject = f"a data connection of {self._destination.origin}"
            check_channel(subject, "it", self._rung, data.channel, self.methods)
        except BaseException:
            data.close()
            raise
        return data

    def _ask(self, command: str) -> Reply:
        if any(c in command for c in "\r\n\0"):
            raise RemoteError("FTP cannot carry a line break in a name")
        self._client.sendall(command.encode() + b"\r\n")
        return self._reply()

    def _reply(self) -> Reply:
        try:
            while (found := parse_reply(self._buffer)) is None:
                chunk = self._client.recv(_READ_BYTES)
                if not chunk:
                    raise RemoteError("the server closed the connection")
                self._buffer += chunk
        except MalformedReplyError as error:
            raise RemoteError(error.message) from error
        reply, self._buffer = found
        return reply

    def _expect(self, reply: Reply, *codes: int, what: str) -> None:
        if reply.code in codes:
            return
        said = sentence(" ".join(" ".join(reply.lines).split())[:300])
        raise RemoteError(f"{what} is answered {reply.code}: {said}")


class FTPSUpload:
    """One upload on its data connection."""

    def __init__(self, remote: FTPSRemote, data: TLSClient) -> None:
        """Take the data connection over."""
        self._remote = remote
        self._data = data

    def write(self, data: Buffer, /) -> int:
        """Send the next bytes."""
        self._data.sendall(data)
        return len(data)

    def finish(self) -> None:
        """Close properly, so that the server knows that this was all; await its 226."""
        self._data.finish()
        self._remote.finished()

    def abandon(self) -> None:
        """Break off without close_notify: the file is not whole."""
        self._data.close()

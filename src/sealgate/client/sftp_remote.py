"""
A signed-in session of SFTP: files up and down, and what was negotiated.

How one comes about is told in :mod:`sealgate.client.sftp`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Self, TypeVar, cast

import asyncssh

from sealgate.client.sending import RemoteError
from sealgate.protocols.model import Channel, Method
from sealgate.protocols.ssh.transit import SFTP

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from sealgate.client.sftp_sign_in import SFTPClient
    from sealgate.storage.model import Buffer

T = TypeVar("T")

_READ_BYTES = 4 * 1024 * 1024
_WRITE_BYTES = 4 * 1024 * 1024
TOP_CIPHERS = ("aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
CIPHERS = (*TOP_CIPHERS, "aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")


class SFTPRemote:
    """One SFTP session; each call runs the event loop as long as it takes."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: asyncssh.SSHClientConnection,
        client: SFTPClient,
    ) -> None:
        """Take *connection* over."""
        self._loop = loop
        self._connection = connection
        self._client = client
        self._sftp: asyncssh.SFTPClient | None = None

    async def begin(self) -> None:
        """Open the SFTP session."""
        try:
            self._sftp = await self._connection.start_sftp_client()
        except (asyncssh.Error, OSError) as error:
            raise RemoteError(f"SFTP is not served: {reason_of(error)}") from error

    @property
    def channel(self) -> Channel:
        """Return what was agreed on; of two ciphers the one that was asked for last."""
        told = self._connection.get_extra_info
        ciphers = [str(told("send_cipher", "")), str(told("recv_cipher", ""))]
        macs = [str(told("send_mac", "")), str(told("recv_mac", ""))]
        worse = max(
            range(2), key=lambda i: CIPHERS.index(ciphers[i]) if ciphers[i] in CIPHERS else 99
        )
        cipher, mac = ciphers[worse], macs[worse]
        version = str(told("server_version", ""))
        return Channel(
            protocol=SFTP,
            peer=self._client.destination.host,
            version="SSH-2.0" if version.startswith(("SSH-2.0", "SSH-1.99")) else version[:8],
            group=self._client.kex,
            cipher=cipher,
            mac="" if mac == cipher else mac,
            strict_kex=self._client.strict,
        )

    @property
    def methods(self) -> frozenset[Method]:
        """Return what we signed in with; nothing, when the server wanted no proof."""
        if self._client.proven_key:
            # With whatever was typed beside it, of which only the server knows what it is.
            return frozenset([Method.PUBLIC_KEY])
        if self._client.used_password:
            return frozenset([Method.PASSWORD])
        if list(self._connection.get_server_auth_methods()) == ["none"]:
            return frozenset()
        return frozenset([Method.PUBLIC_KEY])

    def size(self, path: str) -> int | None:
        """Return how many bytes lie at *path*."""
        try:
            return self._run(self._session.stat(_wire(path))).size
        except RemoteError:
            return None

    def upload(self, path: str, *, offset: int, size: int | None) -> SFTPUpload:  # noqa: ARG002  # SFTP does not announce it
        """Begin to write at *offset*."""
        mode = "r+b" if offset else "wb"
        file = self._run(self._opened(path, mode))
        return SFTPUpload(self, file, offset)

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the bytes at *path*."""
        file = self._run(self._opened(path, "rb"))
        offset = 0
        try:
            while chunk := cast("bytes", self._run(file.read(_READ_BYTES, offset))):
                offset += len(chunk)
                yield chunk
        finally:
            with contextlib.suppress(RemoteError):
                self._run(file.close())

    def digest(self, path: str, *, length: int | None = None) -> str | None:  # noqa: ARG002
        """Return ``None``: the library cannot ask for check-file."""
        return None

    def await_answer(self) -> None:
        """
        Return if the session stands: then what was asked before was answered.

        asyncssh closes a file without a word where the session had ended.

        Raises:
            RemoteError: it has ended.
        """
        self._run(self._answered())

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run *work* to its end."""
        return self._run(work)

    def close(self) -> None:
        """End the session and the connection."""
        with contextlib.suppress(RemoteError):
            if self._sftp is not None:
                self._sftp.exit()
            self._connection.close()
            self._run(self._connection.wait_closed())
        if not self._loop.is_closed():
            end_loop(self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _session(self) -> asyncssh.SFTPClient:
        if self._sftp is None:
            raise RemoteError("the SFTP session has ended")
        return self._sftp

    async def _answered(self) -> None:
        try:
            await self._session.realpath(b".")
        except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost):
            raise
        except asyncssh.SFTPError:
            pass  # an answer, too

    async def _opened(self, path: str, mode: str) -> asyncssh.SFTPClientFile:
        return await self._session.open(_wire(path), mode, encoding=None)

    def _run(self, work: Coroutine[object, object, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except (asyncssh.Error, OSError) as error:
            raise RemoteError(reason_of(error)) from error


class SFTPUpload:
    """One upload; what is small is gathered, so that several requests are on their way at once."""

    def __init__(self, remote: SFTPRemote, file: asyncssh.SFTPClientFile, offset: int) -> None:
        """Go on at *offset* of *file*."""
        self._remote = remote
        self._file = file
        self._offset = offset
        self._waiting = bytearray()

    def write(self, data: Buffer, /) -> int:
        """Send the next bytes."""
        self._waiting += data
        if len(self._waiting) >= _WRITE_BYTES:
            self._send()
        return len(data)

    def finish(self) -> None:
        """Send what is left; the server has the file when CLOSE was answered."""
        if self._waiting:
            self._send()
        self._remote.run(self._file.close())
        self._remote.await_answer()

    def abandon(self) -> None:
        """Close what is open; what was written stays for a resume."""
        with contextlib.suppress(RemoteError):
            self._remote.run(self._file.close())

    def _send(self) -> None:
        data = bytes(self._waiting)
        self._waiting.clear()
        self._remote.run(self._file.write(data, self._offset))
        self._offset += len(data)


def _wire(path: str) -> str:
    # "/in/x" is an absolute path of the server; "/~/x" begins at the home folder.
    return path.removeprefix("/~/") if path.startswith("/~/") else path


def end_loop(loop: asyncio.AbstractEventLoop) -> None:
    """End what still runs in *loop*, and close it."""
    loop.run_until_complete(_leave())
    loop.close()


async def _leave() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    loop = asyncio.get_running_loop()
    await loop.shutdown_asyncgens()
    await loop.shutdown_default_executor()


def reason_of(error: Exception) -> str:
    """Return what *error* says, in words that move no cursor."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, OSError) and error.errno:
        # The event loop puts words of its own into the error.
        return os.strerror(error.errno).lower()
    reason = getattr(error, "reason", "") or "the connection failed"
    cleaned = "".join(c for c in str(reason) if c.isprintable())[:200]
    return cleaned[:1].lower() + cleaned[1:]

"""A body that is held until it is whole, because its digest stands before it."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from sealgate.inspection.adapters.signer_plan import SignerPolicy


class TooMuchError(Exception):
    """There is no room to hold the body."""


class Spooled:
    """How much files of one process hold."""

    def __init__(self) -> None:
        self.size = 0


class HeldBody:
    """
    Takes a body, first into memory, then into a file that has no name.

    Such a file is gone when it is closed, however this process ends (open(2), O_TMPFILE).
    """

    def __init__(self, policy: SignerPolicy, spooled: Spooled) -> None:
        self._policy = policy
        self._spooled = spooled
        self._pieces: list[bytes] = []
        self._hash = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._on_disk = 0
        self.size = 0

    async def take(self, data: bytes) -> None:
        """
        Take the next bytes.

        Raises:
            TooMuchError: they are more than there is room for.
        """
        if not data:
            return
        self._hash.update(data)
        self.size += len(data)
        if self.size > self._policy.body_bytes:
            raise TooMuchError
        self._pieces.append(data)
        if self._file is None and self.size <= self._policy.hold_bytes:
            return
        data, self._pieces = b"".join(self._pieces), []
        self._spooled.size += len(data)
        self._on_disk += len(data)
        if self._spooled.size > self._policy.spool_bytes:
            raise TooMuchError
        try:
            if self._file is None:
                self._file = await asyncio.to_thread(_nameless, self._policy.spool)
            await asyncio.to_thread(_write, self._file, data)
        except OSError as error:
            raise TooMuchError from error

    def digest(self) -> bytes:
        """Return the SHA-256 of what was taken."""
        return self._hash.digest()

    async def send(self, writer: asyncio.StreamWriter, head: bytes) -> None:
        """Send *head* and the whole body."""
        if self._file is None:
            writer.write(head + b"".join(self._pieces))
            await writer.drain()
            return
        writer.write(head)
        await writer.drain()
        loop = asyncio.get_running_loop()
        await loop.sendfile(writer.transport, self._file, 0, self.size)

    def close(self) -> None:
        """Let go of everything."""
        self._pieces.clear()
        self._spooled.size -= self._on_disk
        self._on_disk = 0
        if self._file is not None:
            self._file.close()
            self._file = None


def _nameless(folder: str) -> BinaryIO:
    # It uses O_TMPFILE, and removes the name at once where there is none.
    return cast("BinaryIO", tempfile.TemporaryFile(dir=folder))


def _write(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()

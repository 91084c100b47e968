"""One object in a local folder, while it is written or read."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING

from sealgate.storage.adapters.medium import failed
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.storage.model import Buffer

# Linux copies at most 2 GiB at once; smaller steps let a rotation be interrupted.
_COPY_BYTES = 64 << 20
# POSIX guarantees 16; Linux takes 1024 (UIO_MAXIOV).
_PARTS_AT_ONCE = 512
# The kernel gives back about 10 MiB in a millisecond.
_LARGE_BYTES = 32 << 20


class FolderSink:
    """An object being written; owns its descriptor, its lock and its folder's descriptor."""

    def __init__(
        self,
        opening: Callable[[str], FolderSource],
        folder: int,
        name: str,
        descriptor: int,
        size: int,
    ) -> None:
        self._open = opening
        self._folder = folder
        self._name = name
        self._descriptor = descriptor
        self.size = size

    def write(self, parts: Sequence[Buffer]) -> None:
        """Append *parts*."""
        wanted = sum(map(len, parts))
        try:
            done = os.writev(self._descriptor, parts[:_PARTS_AT_ONCE])
            if done < wanted:
                self._rest(parts, done)
        except OSError as error:
            raise failed(f"object {self._name}", error) from error
        self.size += wanted

    def _rest(self, parts: Sequence[Buffer], done: int) -> None:
        for part in parts:
            if done >= len(part):
                done -= len(part)
                continue
            view = memoryview(part)[done:]
            done = 0
            while view:
                view = view[os.write(self._descriptor, view) :]

    def copy(self, source: str, offset: int) -> None:
        """Append the object *source* from *offset* on; the kernel copies, or shares blocks."""
        opened = self._open(source)
        try:
            while offset < opened.size:
                n = os.copy_file_range(
                    opened.fileno(), self._descriptor, _COPY_BYTES, offset_src=offset
                )
                if n == 0:
                    raise StorageError(Trouble.FAILED, f"object {source} ended early")
                offset += n
                self.size += n
        except OSError as error:
            raise failed(f"object {self._name}", error) from error
        finally:
            opened.close()

    def finish(self) -> None:
        """Have the object and its name reach the disk."""
        try:
            os.fsync(self._descriptor)
            os.fsync(self._folder)
        except OSError as error:
            raise failed(f"object {self._name}", error) from error

    def keep(self) -> None:
        """Have what is there reach the disk, and let go."""
        try:
            self.finish()
        finally:
            self.close()

    def drop(self) -> None:
        """Remove the object."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self._name, dir_fd=self._folder)
        self.close()

    def close(self) -> None:
        """Let go: of the lock, too."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            os.close(self._folder)
            self._descriptor = self._folder = -1


class FolderSource:
    """An object opened for reading."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes from *offset*."""
        try:
            return os.pread(self._descriptor, size, offset)
        except OSError as error:
            raise failed("an object", error) from error

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()


def unlink(folder: int, name: str) -> None:
    """
    Remove the file *name* of the open *folder*.

    The name is gone on return. The room of a large file is given back by a thread soon after,
    so that nobody who puts another one in its place waits for that.

    Raises:
        OSError: it is not there, or cannot be removed.
    """
    held = -1
    if os.stat(name, dir_fd=folder, follow_symlinks=False).st_size >= _LARGE_BYTES:
        with contextlib.suppress(OSError):
            held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.unlink(name, dir_fd=folder)
    finally:
        if held >= 0:
            # What is open has no name any more, and lives until this.
            _thread().submit(os.close, held)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "sealgate removal")

"""Who writes an object of a bucket on this host: whoever holds the lock on a file of its name."""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from pathlib import Path


class ObjectLock:
    """
    The lock on the file *path*, which is there while somebody holds it.

    Raises:
        StorageError: BUSY: somebody else holds it; FAILED: the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            message = f'lock "{path}" cannot be made: {error.strerror}'
            raise StorageError(Trouble.FAILED, message) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have let go between the two calls: then the name is free, and
            # a third may hold it.
            is_held = os.path.samestat(path.lstat(), os.fstat(self._descriptor))
        except (BlockingIOError, FileNotFoundError):
            is_held = False
        if not is_held:
            os.close(self._descriptor)
            raise StorageError(Trouble.BUSY, "somebody else writes it now")

    def release(self) -> None:
        """Let go of it; once."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(self._descriptor)
            self._descriptor = -1

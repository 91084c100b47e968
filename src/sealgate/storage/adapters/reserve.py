"""
Bytes set apart on the volume of the records, so that files can be removed from a full one.

Removing writes a record, and that takes room. When there is none, the reserve is given up
for it; afterwards it is made again from what became free.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A change of a few records takes a tenth of it; a small volume gives less.
RESERVE_BYTES = 1 << 20
_LEAST_BYTES = 32 << 10
_SHARE = 24


class Reserve:
    """
    The reserve in the file *path*; ``None`` where another server keeps the records.

    *settle* has the database give back what its log takes.
    """

    def __init__(self, path: Path | None, settle: Callable[[], None]) -> None:
        self._path = path
        self._settle = settle
        self.hold()

    def hold(self) -> None:
        """Have the reserve, as much of it as there is room for. Never raises."""
        if self._path is None or self._path.exists():
            return
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                volume = os.fstatvfs(descriptor)
                size = min(RESERVE_BYTES, volume.f_blocks * volume.f_frsize // _SHARE)
                while not _allocated(descriptor, size):
                    size //= 2
                    if size < _LEAST_BYTES:
                        self._path.unlink()
                        return
            finally:
                os.close(descriptor)

    def spending(self, change: Callable[[], None]) -> None:
        """
        Make *change*, which frees something; if there is no room, with the reserve.

        Raises:
            StorageError: as *change* does.
        """
        try:
            change()
        except StorageError as error:
            if error.trouble is not Trouble.NO_SPACE or self._path is None:
                raise
            with contextlib.suppress(OSError):
                self._path.unlink()
            try:
                # What waits in the log of the database takes room, too.
                self._settle()
                change()
                self._settle()
            finally:
                self.hold()
        else:
            self.hold()


def _allocated(descriptor: int, size: int) -> bool:
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        os.ftruncate(descriptor, 0)
        return False
    return True

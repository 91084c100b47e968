"""
Who writes which name of a store on this host: whoever holds the lock on it.

Each name is one byte of one file, at an offset that its digest says, so that nothing has to
be made or cleared away for an upload. The locks are those of an open file (fcntl(2),
F_OFD_SETLK): two stores of one process hold them against each other, as two processes do, and
the kernel lets go when the process ends. Several hosts over one store do not see them: where
there may be more than one, the database of the records holds the names as well
(:mod:`.shared_names`).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import struct
import threading
from typing import TYPE_CHECKING, Any

from sealgate.storage.adapters.medium import failed
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealgate.storage.adapters.shared_names import SharedNames
    from sealgate.storage.model import StorePath

# What the name of its file ends in, behind a dot.
ENDING = "writers"
# struct flock: type, whence, start, length, process.
_FLOCK = struct.Struct("hhqqi4x")


class NameLocks:
    """The locks in the file *path*, made when a name is first locked; *shared* are those of all hosts."""

    def __init__(self, path: Path, shared: SharedNames | None = None) -> None:
        self._path = path
        self._shared = shared
        self._descriptor = -1
        self._lock = threading.Lock()
        self._held: set[StorePath] = set()

    def take(self, name: StorePath) -> None:
        """
        Hold *name* until :meth:`leave`.

        Raises:
            StorageError: BUSY: somebody else writes it; FAILED or DENIED: nothing can be locked.
        """
        with self._lock:
            if name in self._held:
                raise _busy(name)
            try:
                if self._descriptor < 0:
                    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                    self._descriptor = os.open(self._path, flags, 0o600)
                self._set(name, fcntl.F_WRLCK)
            except OSError as error:
                if error.errno in {errno.EAGAIN, errno.EACCES} and self._descriptor >= 0:
                    raise _busy(name) from error
                raise failed(f'lock "{self._path}"', error) from error
            self._held.add(name)
        # Nobody of this host waits for the database meanwhile.
        if self._shared is not None:
            try:
                is_free = self._shared.take(name)
            except BaseException:
                self.leave(name)
                raise
            if not is_free:
                self.leave(name)
                raise _busy(name)

    def require(self, run: Callable[..., Any], name: StorePath) -> None:
        """
        Return if *name*, which was taken, is still held; *run* belongs to the change that needs it.

        Raises:
            StorageError: BUSY: the database let go of it, and somebody else may write it.
        """
        if self._shared is not None and not self._shared.holds(run, name):
            message = f'"{"/".join(name)}": the database let go of the name while it was written'
            raise StorageError(Trouble.BUSY, message, hint="send it again")

    def leave(self, name: StorePath) -> None:
        """Let go of *name*, if it is held here. Never raises."""
        if self._shared is not None:
            self._shared.leave(name)
        with self._lock:
            if name in self._held:
                self._held.discard(name)
                try:
                    self._set(name, fcntl.F_UNLCK)
                except OSError:  # pragma: no cover  # the kernel does not refuse to unlock
                    os.close(self._descriptor)
                    self._descriptor = -1

    def close(self) -> None:
        """Let go of everything."""
        if self._shared is not None:
            self._shared.close()
        with self._lock:
            self._held.clear()
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _set(self, name: StorePath, kind: int) -> None:
        digest = hashlib.sha256("/".join(map(str, name)).encode("utf-8", "surrogateescape"))
        start = int.from_bytes(digest.digest()[:8]) >> 2
        lock = _FLOCK.pack(kind, os.SEEK_SET, start, 1, 0)
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, lock)


def _busy(name: StorePath) -> StorageError:
    message = f'"{"/".join(name)}": somebody else writes it now'
    return StorageError(Trouble.BUSY, message, hint="try again later")

"""
Objects in a local folder: ``objects/ab/abcd…``, for the owner only.

Every path is opened from the descriptor of the folder above it and no symbolic link is
followed, so that whoever can write elsewhere leads nothing out of the store. A writer
holds a lock (``flock``) on its object until the object is referred to, however the
process ends; so a sweep can tell what is abandoned from what is on its way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import posixpath
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.storage.adapters.folder_files import FolderSink, FolderSource, unlink
from sealgate.storage.adapters.medium import Lying, MediumKind, failed
from sealgate.storage.model import Space, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

OBJECTS = "objects"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK_TRIES = 3
_LOCK_PAUSE_SECONDS = 0.002


class FolderMedium:
    """
    The objects below *root*, which is made when it is missing.

    It belongs to us, to root, or to *also* (a uid): whose the site's state is.

    Raises:
        StorageError: the folder cannot be made, or a link stands in its place.
    """

    is_remote = False

    def __init__(self, root: Path, *, also: int | None = None) -> None:
        self._root = root
        self._objects = -1
        try:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            above = os.open(root, _FOLDER)
            try:
                _must_be_ours(root, os.fstat(above).st_uid, also)
                if stat.S_IMODE(os.fstat(above).st_mode) & 0o077:
                    os.fchmod(above, 0o700)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(OBJECTS, 0o700, dir_fd=above)
                    os.fsync(above)
                self._objects = os.open(OBJECTS, _FOLDER, dir_fd=above)
            finally:
                os.close(above)
        except OSError as error:
            raise failed(f'store folder "{root}"', error) from error

    def create(self, name: str) -> FolderSink:
        """Begin the object *name*."""
        folder = self._folder(name, make=True)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
            descriptor = os.open(name, flags, 0o600, dir_fd=folder)
        except OSError as error:
            os.close(folder)
            raise failed(f"object {name}", error) from error
        # A sweep that came between would have to think it old; it is of this instant.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return FolderSink(self.open, folder, name, descriptor, 0)

    def reopen(self, name: str) -> FolderSink:
        """Go on with an object that was kept."""
        folder = self._folder(name)
        descriptor = -1
        try:
            descriptor = os.open(name, os.O_WRONLY | _FILE, dir_fd=folder)
            _lock(descriptor)
            found = os.fstat(descriptor)
            if found.st_nlink == 0:  # removed while we waited
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            os.lseek(descriptor, 0, os.SEEK_END)
        except BlockingIOError as error:
            os.close(descriptor)
            os.close(folder)
            raise StorageError(Trouble.BUSY, "somebody else writes it now") from error
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            os.close(folder)
            raise failed(f"object {name}", error) from error
        return FolderSink(self.open, folder, name, descriptor, found.st_size)

    def open(self, name: str) -> FolderSource:
        """Open an object."""
        try:
            folder = self._folder(name)
            try:
                descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
            finally:
                os.close(folder)
            found = os.fstat(descriptor)
        except OSError as error:
            raise failed(f"object {name}", error) from error
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise StorageError(Trouble.TAMPERED, f"object {name} is not a file")
        return FolderSource(descriptor, found.st_size)

    def remove(self, name: str) -> None:
        """Remove an object."""
        try:
            folder = self._folder(name)
        except StorageError as error:
            if error.trouble is Trouble.NOT_FOUND:
                return
            raise
        try:
            unlink(folder, name)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise failed(f"object {name}", error) from error
        finally:
            os.close(folder)

    def is_held(self, name: str) -> bool:
        """Return whether a living writer holds the object."""
        try:
            folder = self._folder(name)
        except StorageError:
            return False
        try:
            descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=folder)
        except OSError:
            return False
        finally:
            os.close(folder)
        try:
            # Shared: two that look at the same instant must not take each other for a writer.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def lying(self) -> Iterator[Lying]:
        """Yield every object; anything else that lies there has its path below ``objects``."""
        try:
            for first in sorted(os.listdir(self._objects)):  # noqa: PTH208  # a descriptor, no path
                yield from self._lying_in(first)
        except OSError as error:
            raise failed(f'store folder "{self._root}"', error) from error

    def _lying_in(self, first: str) -> Iterator[Lying]:
        try:
            folder = os.open(first, _FOLDER, dir_fd=self._objects)
        except (NotADirectoryError, OSError) as error:
            if error.errno not in {errno.ENOTDIR, errno.ELOOP}:
                raise
            found = os.stat(first, dir_fd=self._objects, follow_symlinks=False)
            yield Lying(first, found.st_size, found.st_mtime)
            return
        try:
            for name in os.listdir(folder):  # noqa: PTH208
                try:
                    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                shown = name if name[:2] == first else f"{first}/{name}"
                yield Lying(shown, found.st_size, found.st_mtime)
        finally:
            os.close(folder)

    def space(self) -> Space:
        """Return what the volume holds and has left for this user."""
        try:
            seen = os.fstatvfs(self._objects)
        except OSError as error:
            raise failed(f'store folder "{self._root}"', error) from error
        block = seen.f_frsize
        return Space(seen.f_blocks * block, seen.f_bavail * block, seen.f_files, seen.f_favail)

    def tidy(self, older_than: float) -> int:  # noqa: ARG002  # nothing is begun behind our back
        """Return 0: what a folder holds is all there is."""
        return 0

    @property
    def device(self) -> int:
        """Return the number of the volume that the objects lie on."""
        return os.fstat(self._objects).st_dev

    def close(self) -> None:
        """Let go of the folder."""
        if self._objects >= 0:
            os.close(self._objects)
            self._objects = -1

    def _folder(self, name: str, *, make: bool = False) -> int:
        try:
            return os.open(name[:2], _FOLDER, dir_fd=self._objects)
        except FileNotFoundError as error:
            if not make:
                raise failed(f"object {name}", error) from error
        except OSError as error:
            raise failed(f"object {name}", error) from error
        try:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name[:2], 0o700, dir_fd=self._objects)
                os.fsync(self._objects)
            return os.open(name[:2], _FOLDER, dir_fd=self._objects)
        except OSError as error:
            raise failed(f"object {name}", error) from error


def _lock(descriptor: int) -> None:
    """
    Lock it against other writers; who only looks (is_held) is gone in an instant.

    Raises:
        BlockingIOError: a writer holds it.
    """
    for _ in range(_LOCK_TRIES - 1):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECONDS)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return None


def _must_be_ours(root: Path, owner: int, also: int | None) -> None:
    # Its owner could put links where records and objects are about to be made.
    if owner not in {0, os.geteuid(), also}:
        raise StorageError(
            Trouble.DENIED,
            f'store folder "{root}" belongs to another user (uid {owner})',
            hint=f"chown '{root}', or name a folder of your own",
        )


def _read(text: str, beside: PurePath) -> str | None:
    scheme, _, path = text.partition(":")
    # "file://host/path" is a URL with an authority: what it would mean is not certain.
    if scheme != "file" or not path.strip() or path.startswith("//"):
        return None
    return f"file:{posixpath.normpath(str(beside / path))}"


def _open(url: str, locks: Path) -> FolderMedium:
    root = Path(url.removeprefix("file:"))
    if not root.is_absolute():
        message = f'store "{url}" is no absolute folder'
        raise StorageError(Trouble.UNSUPPORTED, message, hint="file:/FOLDER is required")
    # An operator may be root, where the service is not.
    owner = locks.parent.stat().st_uid if locks.parent.is_dir() else None
    return FolderMedium(root, also=owner)


KIND = MediumKind("file", "file:FOLDER", "file:partners", _read, _open)

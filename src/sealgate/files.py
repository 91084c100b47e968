"""
Makes files and folders that are for their owner only, and there whole or not at all.

A file is written beside its place, flushed to the disk and renamed: whoever watches the folder
sees one rename, and a crash leaves the old file or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO


def private_folder(folder: Path) -> Path:
    """
    Return *folder*, made for its owner only; one that others may enter is closed to them.

    Raises:
        SourceError: it cannot be made or closed.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise SourceError(
            f'folder "{folder}" cannot be made: {error.strerror}', hint=f"ls -ld '{folder.parent}'"
        ) from error
    return folder


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """
    Put *content* in place of *path*: temporary file, fsync, rename, fsync of the folder.

    Raises:
        SourceError: the folder cannot be written.
    """
    temporary = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            belong_to(path.parent, file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


@contextlib.contextmanager
def new_file(path: Path, mode: int = 0o600) -> Iterator[BinaryIO]:
    """
    Make the file *path*, which is not there yet, for the block to write; then flush it to the disk.

    Whoever needs its name to last calls :func:`sync_folder`.

    Raises:
        FileExistsError: it is there.
        OSError: it cannot be written.
    """
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, how, 0o600), "wb") as file:
        os.fchmod(file.fileno(), mode)
        yield file
        file.flush()
        os.fsync(file.fileno())


def belong_to(folder: Path, descriptor: int) -> None:
    """
    Give an open file to whom *folder* belongs, where this process may.

    A command that root gives makes what the service, which has a user of its own, has to read.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def sync_folder(folder: Path) -> None:
    """Have the names in *folder* reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """
    Hold *folder* alone among Sealgate's processes while the block runs.

    The lock is advisory and ends with the process, however that ends.

    Raises:
        SourceError: the lock file cannot be made.
    """
    path = folder / ".lock"
    how = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            descriptor = os.open(path, how | os.O_CREAT | os.O_EXCL, 0o600)
            # Only of one that was made here: what somebody else put there keeps its owner.
            belong_to(folder, descriptor)
        except FileExistsError:
            descriptor = os.open(path, how)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f'"{path}" cannot be written: {error.strerror or type(error).__name__}',
        hint=f"ls -ld '{path.parent}'",
    )

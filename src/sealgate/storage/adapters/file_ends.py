"""
The two ends of sealing on the command line: what is read, and where it goes.

What goes to a file goes to a temporary one beside it first, is synced, and renamed, so
that it is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import io
import os
import re
import secrets
import stat
import sys
import time
import weakref
from pathlib import Path
from typing import Self

from sealgate.errors import SourceError, UsageError
from sealgate.files import sync_folder

STANDARD_STREAM = "-"
SEALED_MODE = 0o666  # less the umask: what is sealed may be seen
PLAIN_MODE = 0o600
_TEMPORARY = re.compile(r"\.sealgate-[0-9a-f]{16}")
# Who made one locks it at once; where there are no locks, nothing lasts so long unwritten.
_DEAD_SECONDS = 3600.0
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)


class Input:
    """An open file, pipe or standard input."""

    def __init__(self, path: str) -> None:
        """
        Open *path*; ``-`` is standard input.

        Raises:
            SourceError: it cannot be read, or is a folder.
        """
        self.name = "standard input" if path == STANDARD_STREAM else f'"{path}"'
        try:
            if path == STANDARD_STREAM:
                self._file = io.FileIO(sys.stdin.fileno(), closefd=False)
            else:
                self._file = io.FileIO(path)
            self.status = os.fstat(self._file.fileno())
        except (OSError, ValueError) as error:
            raise _failed(self.name, "read", error) from error
        # Where standard input stands in a file is not ours to say.
        self.is_regular = stat.S_ISREG(self.status.st_mode) and path != STANDARD_STREAM

    def readinto(self, buffer: memoryview, /) -> int:
        """
        Fill *buffer* as far as bytes are there; 0 at the end.

        Raises:
            SourceError: it cannot be read.
        """
        try:
            return self._file.readinto(buffer) or 0
        except OSError as error:
            raise _failed(self.name, "read", error) from error

    def read_at(self, view: memoryview, at: int) -> None:
        """
        Fill *view* with what stands at offset *at*; regular files only, any thread.

        Raises:
            SourceError: it cannot be read, or became shorter meanwhile.
        """
        try:
            while view:
                size = os.preadv(self._file.fileno(), [view], at)
                if not size:
                    raise SourceError(f"{self.name} became shorter while it was read")
                view = view[size:]
                at += size
        except OSError as error:
            raise _failed(self.name, "read", error) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()


class Output:
    """
    Where bytes go: a file that appears whole or not at all, or a stream.

    Left without an error it is synced and takes its name; with one, nothing is left. A
    reader that goes away raises BrokenPipeError, which is not ours to tell.
    """

    def __init__(self, path: str, *, mode: int, replace: bool, source: Input | None = None) -> None:
        """
        Open a temporary file beside *path*; ``-`` and what is no regular file is written to.

        Raises:
            UsageError: *path* is *source* itself, a folder, or there and not to *replace*.
            SourceError: it cannot be written.
        """
        self.name = "standard output" if path == STANDARD_STREAM else f'"{path}"'
        self._temporary: Path | None = None
        self._target = Path()
        self._replace = replace
        try:
            if path == STANDARD_STREAM:
                self._file = io.FileIO(sys.stdout.fileno(), "wb", closefd=False)
            else:
                self._file = self._open(path, mode, replace=replace, source=source)
        except (OSError, ValueError) as error:
            raise _failed(self.name, "written", error) from error

    @property
    def is_stream(self) -> bool:
        """Return whether bytes are seen by others as they are written."""
        return self._temporary is None

    def write(self, data: memoryview, /) -> int:
        """
        Take bytes from the beginning of *data* and return how many.

        Raises:
            SourceError: it cannot be written.
        """
        try:
            return self._file.write(data) or 0
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _failed(self.name, "written", error) from error

    def write_at(self, view: memoryview, at: int) -> None:
        """
        Write all of *view* at offset *at*; files only, any thread.

        Raises:
            SourceError: it cannot be written.
        """
        try:
            while view:
                size = os.pwrite(self._file.fileno(), view, at)
                view = view[size:]
                at += size
        except OSError as error:
            raise _failed(self.name, "written", error) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Give the file its name, or remove it."""
        try:
            if kind is None and self._temporary is not None:
                os.fsync(self._file.fileno())
                self._name(self._temporary)
                sync_folder(self._target.parent)
        except FileExistsError:
            raise _exists(self.name) from None
        except OSError as failure:
            raise _failed(self.name, "written", failure) from failure
        finally:
            self._file.close()
            if self._temporary is not None:
                self._leftover()

    def _name(self, temporary: Path) -> None:
        if not self._replace:
            # Unlike a rename, a link fails when somebody took the name meanwhile.
            try:
                self._target.hardlink_to(temporary)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                # The file system has no links: look, and rename.
                if _status(self._target) is not None:
                    raise FileExistsError from None
            else:
                return
        temporary.rename(self._target)
        self._leftover.detach()
        self._temporary = None

    def _open(self, path: str, mode: int, *, replace: bool, source: Input | None) -> io.FileIO:
        self._target = Path(os.path.realpath(path))
        there = _status(self._target)
        if there is not None:
            _check_target(path, there, replace=replace, source=source)
            if not stat.S_ISREG(there.st_mode):
                return io.FileIO(os.open(self._target, os.O_WRONLY | os.O_CLOEXEC), "wb")
        clear_dead(self._target.parent)
        temporary = self._target.with_name(f".sealgate-{secrets.token_hex(8)}")
        # Before it is there: a signal may end us anywhere from here to the caller's ``with``.
        self._leftover = weakref.finalize(self, _remove, temporary)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = io.FileIO(os.open(temporary, flags, mode), "wb")
            with contextlib.suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException:
            self._leftover()
            raise
        self._temporary = temporary
        return file


@functools.lru_cache(maxsize=1024)
def clear_dead(folder: Path) -> None:
    """
    Remove what killed processes left in *folder*; looks once per process. Never raises.

    Only what is an hour old, of this user and not locked; what was opened halfway is plain.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    _remove_dead(entry)


def _remove(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink()


def _remove_dead(entry: os.DirEntry[str]) -> None:
    seen = entry.stat(follow_symlinks=False)
    is_old = seen.st_mtime <= time.time() - _DEAD_SECONDS
    if not stat.S_ISREG(seen.st_mode) or seen.st_uid != os.geteuid() or not is_old:
        return
    descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(entry.path)  # noqa: PTH108  # an entry, no path
    finally:
        os.close(descriptor)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _check_target(path: str, there: os.stat_result, *, replace: bool, source: Input | None) -> None:
    if source is not None and os.path.samestat(there, source.status):
        raise UsageError(f'"{path}" is the input itself', hint="name another file with -o")
    if stat.S_ISDIR(there.st_mode):
        raise UsageError(f'"{path}" is a folder', hint="name a file with -o")
    if stat.S_ISREG(there.st_mode) and not replace:
        raise _exists(f'"{path}"')


def _exists(name: str) -> UsageError:
    return UsageError(f"{name} exists already", hint="--force replaces it, -o names another")


def _failed(name: str, done: str, error: OSError | ValueError) -> SourceError:
    reason = (error.strerror or "") if isinstance(error, OSError) else "no valid path"
    # A name that is wrong can be mended; a medium that fails cannot by typing.
    hint = _HINTS.get(getattr(error, "errno", None) or 0)
    return SourceError(f"{name} cannot be {done}: {reason.lower()}", hint=hint)


_HINTS = {
    errno.ENOENT: "give a path that is there",
    errno.ENOTDIR: "give a path that is there",
    errno.EISDIR: "give a file",
    errno.EACCES: "give a file or folder that you may use",
    errno.EROFS: "name another folder",
}

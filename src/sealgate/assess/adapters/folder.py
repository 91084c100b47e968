"""Folders, walked once each: links are followed, circles and special files recorded."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from sealgate.assess.adapters.formats import items_of_file
from sealgate.assess.adapters.opened import why
from sealgate.assess.adapters.sql import SQLITE_COMPANIONS, SQLITE_MAGIC
from sealgate.assess.model import Item, SourceKind, Unread
from sealgate.errors import UsageError
from sealgate.policy.assets import AssetKind

_SPECIAL = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)
_Key = tuple[int, int]


@dataclass(slots=True)
class Folder:
    """
    A file, or a folder with everything below it, as a source.

    *path* is absolute. *sample* limits the rows of tables. Each folder is read once,
    however many links lead to it: what stands in it is told under the first.
    """

    path: str
    sample: int | None = None
    _seen: set[_Key] = field(default_factory=set)

    def items(self) -> Iterator[Item | Unread]:
        """Yield what there is, folder by folder in the order of names."""
        # A stack, not recursion: folders may be nested deeper than Python calls may be.
        waiting: list[tuple[str, tuple[_Key, ...]]] = [(self.path, ())]
        while waiting:
            path, above = waiting.pop()
            try:
                status = os.stat(path)  # noqa: PTH116  # undecodable names stay as they are
            except OSError as error:
                yield _unreachable(path, error)
                continue
            key = (status.st_dev, status.st_ino)
            if stat.S_ISDIR(status.st_mode):
                names = self._enter(path, key, above)
                if isinstance(names, Unread):
                    yield names
                else:
                    below = (*above, key)
                    waiting += [(os.path.join(path, n), below) for n in reversed(names)]  # noqa: PTH118
            elif stat.S_ISREG(status.st_mode):
                yield from items_of_file(path, self.sample)
            else:
                what = next((w for test, w in _SPECIAL if test(status.st_mode)), "a special file")
                yield Unread(path, f"{what}: it holds no data at rest", None)

    def _enter(self, path: str, key: _Key, above: tuple[_Key, ...]) -> list[str] | Unread:
        if key in above:
            return Unread(path, "a link that leads in a circle: read above it", None)
        if key in self._seen:
            return []
        self._seen.add(key)
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208
        except OSError as error:
            return Unread(path + os.sep, why(error), AssetKind.FILE)
        if _is_object_store(path, names):
            reason = "the packed history of a git repository: needs a later version"
            return Unread(path + os.sep, reason, AssetKind.FILE)
        return [name for name in names if not _belongs_to_database(path, name)]


def _unreachable(path: str, error: OSError) -> Unread:
    if error.errno == errno.ELOOP:
        return Unread(path, "a link that leads in a circle", None)
    if isinstance(error, FileNotFoundError) and os.path.islink(path):  # noqa: PTH114
        return Unread(path, "a link that leads nowhere", None)
    return Unread(path, why(error), AssetKind.FILE)


def _is_object_store(path: str, names: list[str]) -> bool:
    return os.path.basename(path) == "objects" and "pack" in names and "info" in names  # noqa: PTH119


def _belongs_to_database(folder: str, name: str) -> bool:
    # The log of a SQLite database is read through the database.
    for suffix in SQLITE_COMPANIONS:
        if name.endswith(suffix):
            try:
                with open(os.path.join(folder, name.removesuffix(suffix)), "rb") as stream:  # noqa: PTH118, PTH123
                    return stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
            except OSError:
                return False
    return False


def _open(text: str, shown: str, sample: int | None) -> Folder:
    if not text.strip():
        # To the system "" is the folder that we are in; to who typed it, a variable was not set.
        raise UsageError('source "" names nothing', hint="sealgate assess FOLDER")
    path = os.path.abspath(text)  # noqa: PTH100  # links are kept, they are followed later
    if not os.path.lexists(path):
        raise UsageError(
            f'source "{shown}" does not exist: no such file or folder',
            hint="give a path that exists, or a database URL such as postgresql://host/name",
        )
    return Folder(path, sample)


KIND = SourceKind("folder", lambda _text: True, _open)

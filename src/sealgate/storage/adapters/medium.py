"""
What a store needs of the thing it lies on: objects under random names, and nothing else.

A medium knows no paths, classes or keys. An object is written once, from its beginning to
its end, and is whole when :meth:`Sink.finish` returns; nothing is ever written over.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path, PurePath

    from sealgate.storage.model import Buffer, Space

_TROUBLES = {
    errno.ENOSPC: Trouble.NO_SPACE,
    errno.EDQUOT: Trouble.QUOTA,
    errno.EFBIG: Trouble.QUOTA,
    errno.EACCES: Trouble.DENIED,
    errno.EPERM: Trouble.DENIED,
    errno.EROFS: Trouble.DENIED,
    errno.ENOENT: Trouble.NOT_FOUND,
    errno.EEXIST: Trouble.EXISTS,
    errno.ENAMETOOLONG: Trouble.BAD_NAME,
}
_SAID = {
    Trouble.NO_SPACE: "df -h",
    Trouble.DENIED: "let Sealgate's user own the store's folder",
}


@dataclass(frozen=True, slots=True)
class Lying:
    """One object that lies on the medium: its name, its bytes, when it was last written."""

    name: str
    size: int
    modified_at: float


class Source(Protocol):
    """An object opened for reading, at any offset; it stays readable when it is removed."""

    @property
    def size(self) -> int:
        """Return its bytes."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes from *offset*."""

    def close(self) -> None:
        """Let go of it; a second call does nothing."""


class Sink(Protocol):
    """An object that is being written, which nobody else writes meanwhile."""

    @property
    def size(self) -> int:
        """Return how many bytes it has."""

    def write(self, parts: Sequence[Buffer]) -> None:
        """Append *parts*, one after the other."""

    def copy(self, source: str, offset: int) -> None:
        """Append the object *source* from *offset* on, without reading it where that is possible."""

    def finish(self) -> None:
        """Have it reach the disk, whole; it is still held until :meth:`close`."""

    def keep(self) -> None:
        """Have what is there reach the disk, for a later :meth:`Medium.reopen`, and let go."""

    def drop(self) -> None:
        """Remove it. Never raises."""

    def close(self) -> None:
        """Let go of a finished object. Never raises; a second call does nothing."""


class Medium(Protocol):
    """A place for objects. Every method raises :class:`StorageError`."""

    @property
    def is_remote(self) -> bool:
        """Return whether calls wait for a network."""

    @property
    def device(self) -> int | None:
        """Return the number of the volume of this host that objects lie on, None elsewhere."""

    def create(self, name: str) -> Sink:
        """Begin the object *name*; EXISTS when there is one."""

    def reopen(self, name: str) -> Sink:
        """Go on with an object that was kept; BUSY when somebody else has it, NOT_FOUND."""

    def open(self, name: str) -> Source:
        """Open an object; NOT_FOUND."""

    def remove(self, name: str) -> None:
        """Remove an object; one that is not there is no fault."""

    def is_held(self, name: str) -> bool:
        """Return whether a living writer holds the object, as far as can be told from here."""

    def lying(self) -> Iterator[Lying]:
        """Yield every object there is, in no order."""

    def space(self) -> Space:
        """Return what fits."""

    def tidy(self, older_than: float) -> int:
        """Abort what the medium itself began before *older_than* and never finished; count it."""

    def close(self) -> None:
        """Let go of files and connections."""


@dataclass(frozen=True, slots=True)
class MediumKind:
    """
    One kind of medium, chosen by the *scheme* of a store's URL.

    *form* and *example* are what a person may write. *read* returns the one URL that a text
    means, None where it is of another kind, and raises StorageError where it is of this one
    but wrong; a folder is seen from the one given. *open* takes the URL and a folder of this
    host for locks; what it needs beside the standard library it loads itself.
    """

    scheme: str
    form: str
    example: str
    read: Callable[[str, PurePath], str | None]
    open: Callable[[str, Path], Medium]


def failed(what: str, error: OSError) -> StorageError:
    """Return what *error* means for a client; *what* names the thing, never its content."""
    trouble = _TROUBLES.get(error.errno or 0, Trouble.FAILED)
    reason = (error.strerror or type(error).__name__).lower()
    return StorageError(trouble, f"{what}: {reason}", hint=_SAID.get(trouble))

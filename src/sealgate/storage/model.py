"""
What a store is, whatever it lies on: paths, entries, faults and the four protocols.

A store holds files under names. It seals what it is given as the bytes come, and opens
what is asked for, at any offset. Times are seconds since the epoch, sizes are those of
the plain content. Nothing here touches the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from sealgate.errors import ExitCode, SealgateError
from sealgate.policy.protection import StorageRung

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What bytes come in from the wire, never copied without need.
Buffer = bytes | bytearray | memoryview
# Checked segments, the root is ``()``. Made only by :mod:`sealgate.storage.paths`.
StorePath = tuple[str, ...]


class Trouble(StrEnum):
    """Why a store did not do what it was asked; SFTP and FTPS answer by it."""

    NOT_FOUND = "not found"
    EXISTS = "exists"
    IS_FOLDER = "is a folder"
    NOT_FOLDER = "is not a folder"
    NOT_EMPTY = "is not empty"
    BAD_NAME = "bad name"
    DENIED = "denied"
    QUOTA = "quota"
    NO_SPACE = "no space"
    BUSY = "busy"  # somebody else writes it now
    UNSUPPORTED = "unsupported"
    SEALED_ELSEWHERE = "sealed elsewhere"  # its identity is not on this host
    TAMPERED = "tampered"  # what lies there is not what was stored
    FAILED = "failed"  # the medium failed


class StorageError(SealgateError):
    """
    A store refused or failed; *trouble* says how.

    The message names the place, never the content.
    """

    exit_code = ExitCode.FAILED

    def __init__(self, trouble: Trouble, message: str, *, hint: str | None = None) -> None:
        """Keep *trouble* beside *message* and *hint*."""
        super().__init__(message, hint=hint)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One file or folder of a store, as a client sees it.

    *size* is the plain size (0 for a folder). *partial* marks an upload that was broken
    off and may be resumed at *size*. *object_id* is the file's own id, "" for a folder.
    """

    path: StorePath
    is_folder: bool
    size: int
    modified_at: float
    owner: str = ""
    classification: str = ""
    partial: bool = False
    object_id: str = ""


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes and files that a store may hold and still can."""

    total_bytes: int
    free_bytes: int
    total_files: int
    free_files: int


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """
    What one store is to be: the part of a drop that storage needs to know.

    *url* is ``file:FOLDER`` (absolute) or ``s3://BUCKET/PREFIX``. *rung* is what new files
    get, *classification* the id of their class. *recipients* are age recipients instead of
    the site's own; ``HIGHLY_ENCRYPTED`` demands them. *records_folder* belongs to Sealgate
    alone and lies apart from the store: what shows that a store was rolled back is kept
    there, and for objects the records too, unless *records_url* is a database for them.
    One that *is_known* was at work before: without its anchor it does not open.
    """

    name: str
    url: str
    rung: StorageRung
    classification: str
    quota_bytes: int | None = None
    max_file_bytes: int | None = None
    recipients: tuple[str, ...] = ()
    records_folder: str = ""
    records_url: str | None = None
    # What is known of a store makes no other store of it.
    is_known: bool = field(default=False, compare=False)


class ByteSource(Protocol):
    """What sealed bytes come from: a binary file or pipe, buffered or not."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill *buffer* as far as bytes are there; 0 at the end."""


class ByteSink(Protocol):
    """Where sealed bytes go to; it may take only a part of them."""

    def write(self, data: memoryview, /) -> int | None:
        """Take bytes from the beginning of *data* and return how many."""


class StoreReader(Protocol):
    """An open file: random access to its plain bytes, each checked before it is given."""

    @property
    def entry(self) -> Entry:
        """Return what is read."""

    def read_at(self, offset: int, size: int) -> bytes:
        """
        Return up to *size* plain bytes from *offset*; ``b""`` at and behind the end.

        Raises:
            StorageError: TAMPERED, or FAILED when the medium does not answer.
        """

    def close(self) -> None:
        """Let go of it; a second call does nothing."""


class StoreWriter(Protocol):
    """
    An upload: bytes in order, sealed as they come, and nothing visible until *commit*.

    Used as a context manager it is given up (:meth:`suspend`) unless it was committed.
    """

    @property
    def offset(self) -> int:
        """Return how many plain bytes have been taken, those of a resumed part included."""

    def write(self, data: Buffer) -> None:
        """
        Take *data*, the next bytes.

        Raises:
            StorageError: QUOTA, NO_SPACE or FAILED; the writer can only be given up then.
        """

    def commit(self, *, modified_at: float | None = None, replace: bool = True) -> Entry:
        """
        Make the file whole and visible at its path.

        On return it survives ``kill -9`` and a power cut.

        Raises:
            StorageError: EXISTS without *replace*, NO_SPACE, FAILED: the old file stays.
        """

    def suspend(self) -> None:
        """Break off: whole chunks stay for a resume where that is possible. Never raises."""

    def discard(self) -> None:
        """Break off and keep nothing. Never raises."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(self, *_: object) -> None:
        """Suspend what was not committed."""


class Store(Protocol):
    """
    Files of one class under one root. Safe for several threads and several processes.

    All calls are synchronous; with *is_remote* they may wait for a network, and a server
    with an event loop calls them in a thread. Every method raises :class:`StorageError`.
    """

    @property
    def rung(self) -> StorageRung:
        """
        Return how it keeps bytes, honestly.

        A sealed store whose key lies readable on the same volume is ``PROTECTED``.
        """

    @property
    def is_remote(self) -> bool:
        """Return whether calls wait for a network."""

    def stat(self, path: StorePath) -> Entry:
        """Return the entry at *path*; NOT_FOUND. A suspended upload is found as *partial*."""

    def list(self, path: StorePath) -> Iterator[Entry]:
        """Yield what lies directly in the folder *path*, sorted by name."""

    def open_read(self, path: StorePath) -> StoreReader:
        """Open a file; NOT_FOUND, IS_FOLDER, SEALED_ELSEWHERE, TAMPERED."""

    def open_raw(self, path: StorePath) -> StoreReader:
        """Open the sealed bytes themselves: how a ``secret`` file is delivered."""

    def open_write(
        self,
        path: StorePath,
        *,
        owner: str,
        resume: bool = False,
        allow: Callable[[Entry | None], None] | None = None,
        meant_for: StorePath | None = None,
    ) -> StoreWriter:
        """
        Begin an upload, or go on with one.

        *allow* is called with what is there now, before anything is changed; what it
        raises passes through.

        Nobody else on this host may write that name meanwhile, or the name *meant_for* where the
        file gets that by a rename once it is whole.

        With *resume* it goes on at the partial's size; of a whole file a new version begins
        with its bytes, for an append. BUSY when somebody else writes it; NOT_FOUND when its folder is missing.
        """

    def rename(self, old: StorePath, new: StorePath, *, replace: bool) -> None:
        """Give a file or folder another place; touches no sealed byte."""

    def remove(self, path: StorePath) -> None:
        """Remove a file, whole or partial."""

    def make_folder(self, path: StorePath) -> None:
        """Make one folder; its parent must be there."""

    def remove_folder(self, path: StorePath) -> None:
        """Remove an empty folder."""

    def set_modified(self, path: StorePath, modified_at: float) -> None:
        """Set a file's time."""

    def space(self) -> Space:
        """Return what fits, the quota taken into account."""

    def close(self) -> None:
        """Let go of files and connections."""

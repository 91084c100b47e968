"""What an SFTP client has open: handles for reading, writing and listing."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh.sftp_packets import MAX_HANDLES, OpenFlag
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.protocols.model import FileSession, Uploading
    from sealgate.storage.model import Entry, StoreReader

# What may be held for a client whose writes overtake each other.
MAX_HELD_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class FileReading:
    """A file that is read."""

    path: bytes
    reader: StoreReader
    remote: bool


@dataclass(slots=True)
class Listing:
    """A folder that is listed."""

    path: bytes
    entries: Iterator[Entry]
    remote: bool


@dataclass(slots=True)
class Writing:
    """
    A file that is written.

    *upload* is ``None`` while it is not known yet whether the client overwrites the *old*
    bytes or goes on behind them: its first write tells.
    """

    path: bytes
    upload: Uploading | None
    remote: bool
    append: bool = False
    old_size: int = 0
    old_partial: bool = False
    modified_at: float | None = None
    held: dict[int, bytes] = field(default_factory=dict)
    held_bytes: int = 0
    broken: bool = False
    fault: TransferError | None = None

    @property
    def size(self) -> int:
        """Return how long the file is now."""
        return self.old_size if self.upload is None else self.upload.offset

    def write(self, files: FileSession, offset: int, data: memoryview) -> None:
        """
        Take *data* at *offset*; writes that overtake each other a little are put in order.

        Raises:
            TransferError: UNSUPPORTED for a step back or a hole, or what the store says.
        """
        if self.broken:
            # Of several writes on their way the client may see the answer to any one first.
            fault = self.fault or TransferError(Trouble.FAILED, "this upload has failed before")
            raise fault.with_traceback(None)
        upload = self.upload or self._begin(files, offset)
        at = upload.offset
        if self.append or offset == at:
            self.broken = True  # unless this goes well
            try:
                upload.write_at(at, data)
                if self.held:
                    self._write_held(upload)
            except TransferError as error:
                self.fault = error
                raise
            self.broken = False
            return
        if offset < at:
            raise TransferError(
                Trouble.UNSUPPORTED, "sealed files are written in order, bytes cannot be replaced"
            )
        if self.held_bytes + len(data) > MAX_HELD_BYTES or offset in self.held:
            raise TransferError(
                Trouble.UNSUPPORTED, "sealed files are written in order, a hole cannot be left"
            )
        self.held[offset] = bytes(data)
        self.held_bytes += len(data)

    def _begin(self, files: FileSession, offset: int) -> Uploading:
        if offset == self.old_size:
            self.upload = files.open_write(self.path, resume=True)
            self.old_size = 0
        elif offset == 0:
            self.upload = files.open_write(self.path)
        else:
            raise TransferError(
                Trouble.UNSUPPORTED,
                f"the file has {self.old_size} bytes: write from 0 or go on at its end",
            )
        return self.upload

    def _write_held(self, upload: Uploading) -> None:
        while (data := self.held.pop(upload.offset, None)) is not None:
            self.held_bytes -= len(data)
            upload.write_at(upload.offset, data)

    def truncate(self, files: FileSession, size: int) -> None:
        """
        Take the wish that the file be *size* bytes long; only 0 and its size can be.

        Raises:
            TransferError: UNSUPPORTED, or what the store says.
        """
        if size == self.size:
            return
        if size == 0 and self.upload is None:
            self.upload = files.open_write(self.path)
            self.old_size = 0
            return
        raise TransferError(Trouble.UNSUPPORTED, "sealed files are cut to nothing or not at all")

    def close(self, files: FileSession) -> None:
        """
        Finish; on return the upload is durable.

        Raises:
            TransferError: bytes are missing, or what the store says.
        """
        upload = self.upload
        if upload is None:
            if self.modified_at is not None and not self.old_partial:
                files.set_modified(self.path, self.modified_at)
            return
        self.upload = None
        why = ""
        if self.broken:
            why = "a write failed before"
        elif self.held:
            why = "some bytes of it never came"
        elif upload.offset < self.old_size:
            why = f"it would end before the old one of {self.old_size} bytes: truncate it first"
        if why:
            upload.abort()
            raise TransferError(Trouble.FAILED, f"the upload is not taken, {why}")
        try:
            if self.modified_at is not None:
                upload.set_modified(self.modified_at)
            upload.close()
        except (TransferError, StorageError):
            upload.abort()
            raise

    def abort(self) -> None:
        """The client is gone."""
        upload, self.upload = self.upload, None
        if upload is not None:
            upload.abort()


Handle = FileReading | Listing | Writing


class Handles:
    """The open files of one session, by the four bytes that the client knows them by."""

    def __init__(self) -> None:
        """Begin with none."""
        self._open: dict[bytes, Handle] = {}
        self._next = 0

    def check_room(self) -> None:
        """
        Return if one more may be opened.

        Raises:
            TransferError: there are too many.
        """
        if len(self._open) >= MAX_HANDLES:
            raise TransferError(Trouble.BUSY, f"more than {MAX_HANDLES} files are open")

    def add(self, handle: Handle) -> bytes:
        """Keep *handle*; return its name."""
        self._next = (self._next + 1) & 0xFFFFFFFF
        name = self._next.to_bytes(4, "big")
        self._open[name] = handle
        return name

    def get(self, name: bytes) -> Handle:
        """
        Return what *name* stands for.

        Raises:
            TransferError: nothing.
        """
        try:
            return self._open[name]
        except KeyError:
            raise TransferError(Trouble.FAILED, "no such handle") from None

    def any_open(self) -> bool:
        """Return whether something is open."""
        return bool(self._open)

    def peek(self, name: bytes) -> Handle | None:
        """Return what *name* stands for, if anything."""
        return self._open.get(name)

    def take(self, name: bytes) -> Handle:
        """
        Return what *name* stands for, and forget it.

        Raises:
            TransferError: nothing.
        """
        handle = self.get(name)
        del self._open[name]
        return handle

    def abort(self) -> None:
        """Let go of everything: whole chunks of an upload stay for a resume."""
        handles, self._open = list(self._open.values()), {}
        for handle in handles:
            if isinstance(handle, Writing):
                handle.abort()
            elif isinstance(handle, FileReading):
                with contextlib.suppress(TransferError, StorageError):
                    handle.reader.close()


def open_file(files: FileSession, path: bytes, flags: int, *, remote: bool) -> Handle:
    """
    Open *path* as SFTP's *flags* say.

    Raises:
        TransferError: the flags contradict each other, or what the store says.
    """
    if not flags & OpenFlag.WRITE:
        return FileReading(path, files.open_read(path), remote)
    append = bool(flags & OpenFlag.APPEND)
    if flags & OpenFlag.EXCLUSIVE:
        return Writing(path, files.open_write(path, exclusive=True), remote, append)
    if flags & OpenFlag.TRUNCATE:
        if not flags & OpenFlag.CREATE:
            files.stat(path)
        return Writing(path, files.open_write(path), remote, append)
    try:
        entry = files.stat(path)
    except TransferError as error:
        if error.trouble is not Trouble.NOT_FOUND or not flags & OpenFlag.CREATE:
            raise
        return Writing(path, files.open_write(path), remote, append)
    if entry.is_folder:
        raise TransferError(Trouble.IS_FOLDER, "it is a folder")
    if append:
        return Writing(path, files.open_write(path, resume=True), remote, append)
    return Writing(path, None, remote, old_size=entry.size, old_partial=entry.partial)

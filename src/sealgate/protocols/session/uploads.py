"""
One upload and one download on their way: order, size, digest, hook, and the trail.

What is acknowledged is durable: :meth:`DropUpload.close` returns after the store has made
the file whole and visible, and after the hook where the drop asks for its word first.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sealgate.policy.inventory import OnMismatch
from sealgate.protocols.model import TransferError
from sealgate.protocols.session.digests import KnownDigests, RunningDigest
from sealgate.protocols.session.drops import QUARANTINE
from sealgate.protocols.session.faults import guarded, told
from sealgate.storage.model import Entry, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.model import Event
    from sealgate.protocols.session.drops import OpenDrop
    from sealgate.storage.model import Buffer, StorePath, StoreReader, StoreWriter

# Said beside an upload that stays though a part of it may hold anything.
NOT_SEEN = "not all of it could be looked at"


@dataclass(frozen=True, slots=True)
class UploadVerdict:
    """
    What an upload was found to be: a class by id, by which kinds of data, and how much was seen.

    *is_stricter*: the class is stricter than that of the drop. *complete*: all of it was
    looked at.
    """

    classification: str
    kinds: tuple[str, ...]
    is_stricter: bool
    complete: bool


class Note(Protocol):
    """Puts one event of a session into the trail."""

    def __call__(
        self,
        action: str,
        drop: OpenDrop,
        path: StorePath,
        *,
        size: int = 0,
        result: str = "ok",
        digest: str = "",
        rule: str = "",
    ) -> Event:
        """Note *action* on *path* of *drop*, and return the event."""


class UploadInspection(Protocol):
    """A look at an upload while it comes."""

    def feed(self, data: Buffer) -> None:
        """Take the next bytes; may wait while the look falls behind."""

    def verdict(self) -> UploadVerdict:
        """Return what was found, after the last byte."""

    def give_up(self) -> None:
        """There is nothing more to look at."""


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What holds for one upload of a session.

    *path* is where it will lie, *staged* where it lies until it was looked at. *check*
    raises when the session was cut. *inspection* takes the bytes as they come. *after* is
    called once it is acknowledged and there.
    """

    drop: OpenDrop
    path: StorePath
    note: Note
    check: Callable[[], None]
    complain: Callable[[str], None]
    done: Callable[[DropUpload | DropDownload], None]
    after: Callable[[Entry, Event], None]
    digests: KnownDigests
    staged: StorePath | None = None
    inspection: UploadInspection | None = None
    replace: bool = True


class DropUpload:
    """An upload that a session has begun (implements ``Uploading``)."""

    def __init__(self, writer: StoreWriter, terms: Terms) -> None:
        self._writer = writer
        self._terms = terms
        self._modified_at: float | None = None
        # Of a resumed upload the first bytes are not seen.
        self._digest = RunningDigest() if writer.offset == 0 else None
        self._ended = False
        # Why it can never be whole, so that no part of it is worth keeping.
        self._hopeless = ""

    @property
    def offset(self) -> int:
        """Return how many plain bytes are there; the next write must begin here."""
        return self._writer.offset

    @property
    def place(self) -> tuple[str, StorePath]:
        """Return the drop and the path that it is for."""
        return self._terms.drop.name, self._terms.path

    def entry(self, owner: str, now: float) -> Entry:
        """Return it as the session of *owner*, which makes it, sees it on its way."""
        modified_at = now if self._modified_at is None else self._modified_at
        return Entry(self._terms.path, False, self.offset, modified_at, owner)

    def write_at(self, offset: int, data: Buffer) -> None:
        """Take the next bytes; a hole or a step back (UNSUPPORTED), and too many (QUOTA), are refused."""
        terms = self._terms
        terms.check()
        have = self._writer.offset
        if offset != have:
            raise TransferError(
                Trouble.UNSUPPORTED,
                f"bytes come from offset {offset}, but {have} is next: files are written in order",
            )
        limit = terms.drop.drop.max_file_bytes
        if limit is not None and offset + len(data) > limit:
            self._hopeless = f"files of this drop have at most {limit} bytes"
            raise TransferError(Trouble.QUOTA, self._hopeless)
        try:
            self._writer.write(data)
        except StorageError as error:
            if error.trouble is Trouble.FAILED:
                terms.complain(error.message)
            raise told(error) from error
        if self._digest is not None:
            self._digest.update(data)
        if terms.inspection is not None:
            terms.inspection.feed(data)

    def set_modified(self, modified_at: float) -> None:
        """Remember the time that the file shall bear."""
        self._modified_at = modified_at

    def close(self) -> None:
        """Finish: when this returns, the upload may be acknowledged."""
        if self._ended:
            return
        terms = self._terms
        size = self._writer.offset
        try:
            with guarded(terms.complain):
                terms.check()
                digest = self._digest.hexdigest() if self._digest is not None else ""
                seen_whole = self._pass_inspection(size, digest)
                entry = self._commit()
        except TransferError as error:
            # Whatever can be resumed stays; a file that was judged is gone by now.
            if not self._ended:
                self._end(error.message, error.rule or "")
            raise
        self._ended = True
        terms.done(self)
        terms.digests.keep(entry.object_id, digest)
        event = terms.note("upload", terms.drop, terms.path, size=size, digest=digest)
        if not seen_whole:
            terms.note(
                "assessment", terms.drop, terms.path, size=size, result=NOT_SEEN, digest=digest
            )
        terms.after(entry, event)

    def abort(self) -> None:
        """The client is gone: keep what can be resumed. Never raises."""
        if not self._ended:
            self._end("broken off", "")

    def _end(self, why: str, rule: str) -> None:
        terms = self._terms
        self._ended = True
        size = self._writer.offset
        if terms.inspection is not None:
            terms.inspection.give_up()
        with contextlib.suppress(Exception):  # Never raises, says the protocol; nor do we.
            # What must be looked at whole, or can never be whole, leaves no part.
            if terms.staged is None and not self._hopeless:
                self._writer.suspend()
            else:
                self._writer.discard()
        terms.done(self)
        result = self._hopeless or why
        terms.note("upload", terms.drop, terms.path, size=size, result=result, rule=rule)

    def _commit(self) -> Entry:
        terms, store = self._terms, self._terms.drop.store
        if terms.staged is None:
            return self._writer.commit(modified_at=self._modified_at, replace=terms.replace)
        entry = self._writer.commit(modified_at=self._modified_at)
        try:
            store.rename(terms.staged, terms.path, replace=terms.replace)
        except StorageError:
            # Somebody was quicker, or it is a folder by now; nothing stays where nobody looks.
            with contextlib.suppress(StorageError):
                store.remove(terms.staged)
            raise
        return entry

    def _pass_inspection(self, size: int, digest: str) -> bool:
        """Return whether all of it was looked at, where it has to be; raise where it must not stay."""
        terms = self._terms
        if terms.inspection is None:
            return True
        verdict = terms.inspection.verdict()
        if not verdict.is_stricter:
            return verdict.complete
        refused = terms.drop.drop.on_mismatch is OnMismatch.REFUSE
        found = f"{', '.join(verdict.kinds)}: {verdict.classification}"
        if refused or terms.staged is None:
            self._writer.discard()
            result = f"refused: {found}"
            told_client = "it holds data of a stricter class than this drop, and was not taken"
        else:
            kept = self._quarantine()
            result = f"quarantined as {kept}: {found}"
            told_client = "it holds data of a stricter class than this drop; the operator keeps it"
        self._ended = True
        terms.done(self)
        rule = "drop-class-exceeded"
        terms.note(
            "upload", terms.drop, terms.path, size=size, result=result, digest=digest, rule=rule
        )
        raise TransferError(
            Trouble.DENIED,
            f"{told_client} ({', '.join(verdict.kinds)})",
            rule=rule,
            hint="use a drop of that class",
        )

    def _quarantine(self) -> str:
        terms = self._terms
        if terms.staged is None:  # pragma: no cover  # the caller has looked
            return ""
        terms.drop.make_hidden(QUARANTINE)
        entry = self._writer.commit(modified_at=self._modified_at)
        kept = entry.object_id or terms.staged[-1]
        terms.drop.store.rename(terms.staged, (QUARANTINE, kept), replace=True)
        return kept


class DropDownload:
    """
    A file that a session reads (implements ``StoreReader``); closing it is noted.

    *plain*: these are the plain bytes, and not the sealed ones.
    """

    def __init__(
        self, reader: StoreReader, entry: Entry, terms: Terms, *, plain: bool = True
    ) -> None:
        self._reader = reader
        self._entry = entry
        self._terms = terms
        self._plain = plain
        self._known = terms.digests.find(entry.object_id) if plain else ""
        self._digest = None if self._known else RunningDigest()
        self._next = 0
        self._given = 0
        self._ended = False

    @property
    def entry(self) -> Entry:
        """Return what is read, as the client sees it."""
        return self._entry

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* plain bytes from *offset*; ``b""`` at and behind the end."""
        self._terms.check()
        try:
            data = self._reader.read_at(offset, size)
        except StorageError as error:
            if error.trouble in {Trouble.FAILED, Trouble.TAMPERED}:
                self._terms.complain(error.message)
            raise told(error) from error
        self._given += len(data)
        if offset == self._next:
            self._next += len(data)
            if self._digest is not None:
                self._digest.update(data)
        elif data:
            self._digest, self._known, self._next = None, "", -1
        return data

    def close(self) -> None:
        """Let go of it; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        self._reader.close()
        terms = self._terms
        terms.done(self)
        whole = self._next == self._entry.size
        digest = self._known if whole else ""
        if whole and self._digest is not None:
            digest = self._digest.hexdigest()
            if self._plain:
                terms.digests.keep(self._entry.object_id, digest)
        result = "ok" if whole or self._given >= self._entry.size else "partly"
        terms.note(
            "download", terms.drop, terms.path, size=self._given, result=result, digest=digest
        )

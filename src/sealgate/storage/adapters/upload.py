"""
Uploads: how they begin, take bytes, are kept and go on, and under which file key.

An object is written under its final random name, to which nothing refers; the commit has
it reach the disk and then makes it the file of its path in one transaction. Small writes
are gathered into whole chunks. The last chunk is encoded on a commit only: whatever is
broken off keeps whole chunks, none of which is the last.

A broken-off upload goes on under its own file key only in the process that still has it in
memory, with the number of the next chunk. Everywhere else what was kept is opened and
sealed anew, so that no key and nonce ever meet twice, whatever lies on the medium.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, Self

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES
from sealgate.storage.adapters.ready import Ready
from sealgate.storage.adapters.room import Taken
from sealgate.storage.adapters.uploads import Noted, Uploads
from sealgate.storage.model import Entry, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.adapters.forms import Encoder
    from sealgate.storage.adapters.medium import Sink
    from sealgate.storage.adapters.name_locks import NameLocks
    from sealgate.storage.adapters.records import Look, Records
    from sealgate.storage.adapters.reserve import Reserve
    from sealgate.storage.adapters.room import Limit
    from sealgate.storage.adapters.stored_objects import StoredObjects
    from sealgate.storage.model import Buffer, StorePath, StoreReader, StoreSettings
    from sealgate.storage.record import Record

# Four chunks a time: fewer calls, and still little memory for each upload.
GATHERED_BYTES = 4 * CHUNK_BYTES
# What four chunks take when they are sealed.
ENCODED_BYTES = GATHERED_BYTES + 4 * 16
# Broken-off uploads whose encoder is kept in memory; older ones begin under a new key.
_KEPT_UPLOADS = 256
_KEPT_BUFFERS = 16


@dataclass(frozen=True, slots=True)
class _Kept:
    noted: Noted
    encoder: Encoder
    object_size: int


class Upload:
    """
    An upload to *path*. For one thread at a time.

    *limit* bounds its plain size. *flushed* plain bytes are encoded and
    in the object already. *instead_of* is a broken-off upload whose bytes it begins with.
    """

    def __init__(
        self,
        uploads: ResumableUploads,
        path: StorePath,
        owner: str,
        object_id: str,
        encoder: Encoder,
        rung: StorageRung,
        limit: Limit | None,
        *,
        sink: Sink | None = None,
        noted: Noted | None = None,
        flushed: int = 0,
        instead_of: Noted | None = None,
    ) -> None:
        self._uploads = uploads
        self.path = path
        # The name that nobody else may write meanwhile.
        self.claimed = path
        self.owner = owner
        self.object_id = object_id
        self.encoder = encoder
        self.rung = rung
        self._limit = limit
        self._sink = sink
        self._noted = noted
        self.instead_of = instead_of
        self._flushed = self._counted = flushed
        self._plain, self._out = uploads.lend_buffers()
        self._view = memoryview(self._plain)
        self._fill = 0
        self._is_over = False
        self._is_too_much = False
        # A write failed, so that nobody knows how much of it lies there.
        self._is_torn = False
        # What was at the path when the upload began.
        self.look: Look | None = None

    @property
    def offset(self) -> int:
        """Return how many plain bytes have been taken."""
        return self._flushed + self._fill

    @property
    def is_noted(self) -> bool:
        """Return whether it is noted, so that a commit must forget it."""
        return self._noted is not None

    def write(self, data: Buffer) -> None:
        """Take *data*."""
        if self._is_over or self._is_torn or self._is_too_much:
            raise StorageError(Trouble.FAILED, "the upload is over, nothing can be written to it")
        size = len(data)
        if self._limit is not None and self._flushed + self._fill + size > self._limit.most:
            raise self._too_much(self._limit.told)
        fill = self._fill
        if fill + size <= GATHERED_BYTES:
            # Through the view: a bytearray would take what is given as a copy first.
            self._view[fill : fill + size] = data
            self._fill = fill + size
            return
        # There is more behind each of these, so that no chunk of them is the last.
        view = memoryview(data)
        if fill:
            take = -fill % CHUNK_BYTES
            self._view[fill : fill + take] = view[:take]
            self._fill = fill + take
            self._flush(self._view[: self._fill])
            self._fill = 0
            view = view[take:]
        while len(view) > CHUNK_BYTES:
            # From where it lies, without a copy.
            take = min(GATHERED_BYTES, (len(view) - 1) // CHUNK_BYTES * CHUNK_BYTES)
            self._flush(view[:take])
            view = view[take:]
        self._view[: len(view)] = view
        self._fill = len(view)

    def commit(self, *, modified_at: float | None = None, replace: bool = True) -> Entry:
        """Make the file whole and visible."""
        if self._is_over:
            raise StorageError(Trouble.FAILED, "the upload is over, it cannot be committed")
        try:
            self._finish()
            entry = self._uploads.commit(self, self._object_size(), modified_at, replace=replace)
        except BaseException:
            self.discard()
            raise
        self._end()
        return entry

    def suspend(self) -> None:
        """Break off and keep whole chunks."""
        if self._is_over:
            return
        if self._is_too_much:
            # A part that has no room to become whole would only take that of others.
            self.discard()
            return
        if self._is_torn:
            # What was sealed and what lies there are not in step: as after a kill, the medium
            # alone tells what there is, and a resume seals it anew.
            self.discard() if self._noted is None else self._end()
            return
        try:
            # At least one byte is left out: the client then has one more to send, with
            # which the last chunk can be made.
            whole = max(0, self._fill - 1) // CHUNK_BYTES * CHUNK_BYTES
            if whole:
                self._flush(self._view[:whole])
                self._fill -= whole  # thrown away: what is kept is whole chunks
            if self._sink is None or self._noted is None:
                self.discard()
                return
            self._uploads.keep(self, self._noted, self._sink, self._flushed)
        except Exception:  # noqa: BLE001  # never raises: what cannot be kept is given up
            self.discard()
            return
        self._end()

    def discard(self) -> None:
        """Break off and keep nothing."""
        if self._is_over:
            return
        if self._sink is not None:
            self._sink.drop()
        if self._noted is not None:
            with contextlib.suppress(Exception):
                self._uploads.noted.forget(self.object_id)
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.suspend()

    def _too_much(self, told: str) -> StorageError:
        self._is_too_much = True
        message = f'"{"/".join(self.path)}" would be larger than {told}'
        return StorageError(Trouble.QUOTA, message, hint="make room, or raise the drop's limit")

    def _flush(self, plain: memoryview) -> None:
        size = len(plain)
        if self._limit is not None and self._limit.room is not None:
            # Of what was kept before, the note tells already.
            more = self._flushed - self._counted + size
            room = self._limit.room - self._counted
            if not self._uploads.taken.take(self.object_id, more, room):
                raise self._too_much("what uploads beside it leave of the quota")
        sink = self._begun()
        if self._noted is None:
            self._noted = self._uploads.note(self)
        self._is_torn = True
        sink.write([self.encoder.whole(plain, self._out)])
        self._is_torn = False
        self._flushed += size

    def _finish(self) -> None:
        if self._is_torn or self._is_too_much:
            raise StorageError(Trouble.FAILED, "a write of the upload has failed before")
        if self._flushed and not self._fill:
            # Every chunk that was kept is one with another behind it.
            message = f'"{"/".join(self.path)}" was gone on with, but nothing more was sent'
            raise StorageError(Trouble.FAILED, message, hint="upload it from its beginning")
        parts: list[Buffer] = []
        whole = max(0, self._fill - 1) // CHUNK_BYTES * CHUNK_BYTES
        if whole:
            parts.append(self.encoder.whole(self._view[:whole], self._out))
        parts.append(self.encoder.last(self._view[whole : self._fill]))
        if self._sink is None:
            # One call writes all of a small file.
            self._sink = self._uploads.objects.medium.create(self.object_id)
            if self.encoder.header:
                parts.insert(0, self.encoder.header)
        self._sink.write(parts)
        aside = self.encoder.aside()
        if aside:
            self._uploads.objects.write_aside(self.object_id, aside, again=self.is_noted)
        self._sink.finish()

    def _begun(self) -> Sink:
        if self._sink is None:
            self._sink = self._uploads.objects.medium.create(self.object_id)
            if self.encoder.header:
                self._is_torn = True
                self._sink.write([self.encoder.header])
                self._is_torn = False
        return self._sink

    def _object_size(self) -> int:
        return self._sink.size if self._sink is not None else 0

    def _end(self) -> None:
        self._is_over = True
        if self._sink is not None:
            self._sink.close()
        self._uploads.release(self.claimed, self.object_id, (self._plain, self._out))
        self._plain = self._out = bytearray()
        self._view = memoryview(b"")


class Commit(Protocol):
    """Makes a finished object the file of a path."""

    def __call__(
        self, upload: Upload, object_size: int, modified_at: float | None, *, replace: bool
    ) -> Entry:
        """Return what the file of *upload* is from now on."""


class ResumableUploads:
    """
    The uploads of one store that begin, are kept and go on.

    *read* opens the file of a path and *commit* makes a finished upload one; the store does both.
    """

    def __init__(
        self,
        settings: StoreSettings,
        objects: StoredObjects,
        records: Records,
        now: Callable[[], float],
        reserve: Reserve,
        names: NameLocks,
        *,
        read: Callable[[StorePath], StoreReader],
        commit: Commit,
    ) -> None:
        self._settings = settings
        self.objects = objects
        self._records = records
        self._now = now
        self._reserve = reserve
        self._names = names
        self._read = read
        self.commit = commit
        self.noted = Uploads(records)
        self.taken = Taken()
        self._lock = threading.Lock()
        self._kept: OrderedDict[StorePath, _Kept] = OrderedDict()
        self._buffers: deque[tuple[bytearray, bytearray]] = deque(maxlen=_KEPT_BUFFERS)
        self._ready = Ready(self._begun) if settings.rung.stored.is_sealed else None

    # What an upload calls.

    def lend_buffers(self) -> tuple[bytearray, bytearray]:
        """Return a buffer for plain chunks and one for encoded ones."""
        try:
            return self._buffers.pop()
        except IndexError:
            return bytearray(GATHERED_BYTES), bytearray(ENCODED_BYTES)

    def release(
        self, name: StorePath, object_id: str, buffers: tuple[bytearray, bytearray]
    ) -> None:
        """Take back what an upload that claimed *name* held."""
        self.taken.leave(object_id)
        self._buffers.append(buffers)
        self._names.leave(name)

    def note(self, upload: Upload) -> Noted:
        """Note that *upload* has begun to write its object."""
        noted = Noted(
            upload.path,
            upload.object_id,
            upload.owner,
            upload.rung,
            self._now(),
            len(upload.encoder.header),
            binding=upload.encoder.binding() if upload.encoder.header else b"",
        )
        self.noted.note(noted, upload.instead_of)
        return noted

    def keep(self, upload: Upload, noted: Noted, sink: Sink, size: int) -> None:
        """
        Keep *size* plain bytes of *upload* for a resume.

        Raises:
            StorageError: QUOTA: others have taken the room meanwhile.
        """
        quota = self._settings.quota_bytes
        if quota is not None and size > quota - self.used(besides=noted):
            raise over_quota(self._settings.name, upload.path)
        aside = upload.encoder.aside()
        binding = upload.encoder.binding()
        sink.keep()
        if aside:
            self.objects.write_aside(upload.object_id, aside, again=True)
        noted = replace(noted, size=size, binding=binding)
        self.noted.keep(noted)
        with self._lock:
            self._kept[upload.path] = _Kept(noted, upload.encoder, sink.size)
            while len(self._kept) > _KEPT_UPLOADS:
                self._kept.popitem(last=False)

    def forget_kept(self, path: StorePath) -> _Kept | None:
        """Return what this process has kept of the upload to *path*, and keep it no more."""
        with self._lock:
            return self._kept.pop(path, None)

    def used(self, *, besides: Noted | None = None) -> int:
        """Return the plain bytes of files and of kept parts, but of those that *besides* notes."""
        with self._records.connections.asking() as run:
            files = self._records.head(run).size
        return files + self.noted.kept_bytes(besides)

    def is_hopeless(self, noted: Noted) -> bool:
        """
        Return whether a broken-off upload, which nobody holds, can be resumed by no process.

        Where a whole file lies at its path, that file is what is gone on with.
        """
        with self._records.connections.asking() as run:
            if self._records.find(run, noted.path) is not None:
                return True
        try:
            source = self.objects.medium.open(noted.object_id)
        except StorageError as error:
            return error.trouble is Trouble.NOT_FOUND
        try:
            # Where it was kept, some process may still have what it takes in memory.
            return (
                noted.size < 0 and self.objects.form(noted.rung).kept_size(noted, source.size) == 0
            )
        finally:
            source.close()

    def give_up(self, noted: Noted) -> bool:
        """Clear a broken-off upload away; return whether it was one still and nobody held it."""
        try:
            return self.clear(noted)
        except StorageError as error:
            if error.trouble is not Trouble.BUSY:
                raise
            return False

    def close(self) -> None:
        """Throw away what was made ahead of time."""
        if self._ready is not None:
            self._ready.forget()

    # How uploads begin.

    def _begun(self) -> tuple[str, Encoder]:
        object_id = os.urandom(16).hex()
        return object_id, self.objects.form(self._settings.rung).begin(object_id)

    def fresh(
        self,
        path: StorePath,
        owner: str,
        limit: Limit | None,
        instead_of: Noted | None = None,
    ) -> Upload:
        """Return an upload that has no byte yet, under a file key of its own."""
        object_id, encoder = self._ready.take() if self._ready else self._begun()
        rung = self._settings.rung
        return Upload(self, path, owner, object_id, encoder, rung, limit, instead_of=instead_of)

    def resumed(self, noted: Noted, kept: _Kept | None, owner: str, limit: Limit | None) -> Upload:
        """
        Return an upload that goes on with the broken-off one *noted*, or begins where nothing is left.

        *kept* is what this process still has of it.

        Raises:
            StorageError: BUSY: somebody else goes on with it or has committed it.
        """
        if kept is not None and kept.noted == noted and noted.rung is self._settings.rung:
            # This process still has the file key and knows which chunk comes next: what
            # lies on the medium decides neither.
            sink = self._held(noted)
            if sink.size == kept.object_size:
                return Upload(
                    self, noted.path, owner, noted.object_id, kept.encoder, noted.rung, limit,
                    sink=sink, noted=noted, flushed=noted.size,
                )  # fmt: skip
            sink.close()
        upload = None
        held = self._held(noted)  # nobody else takes it meanwhile
        try:
            source = self.objects.medium.open(noted.object_id)
            try:
                aside = self._kept_aside(noted)
                if (
                    aside is None
                    or self.objects.form(noted.rung).kept_size(noted, source.size) == 0
                ):
                    self.clear(noted, held=held)
                    return self.fresh(noted.path, owner, limit)
                upload = self.fresh(noted.path, owner, limit, noted)
                for chunk in self.objects.form(noted.rung).resume(noted, source, aside):
                    upload.write(chunk)
            finally:
                source.close()
            if upload.is_noted:
                # It was noted instead of what it took over.
                self._drop(noted, held)
            else:
                self.clear(noted, held=held)
        except BaseException:
            held.close()
            if upload is not None:
                upload.discard()
            raise
        return upload

    def _kept_aside(self, noted: Noted) -> bytes | None:
        try:
            return self.objects.read_aside(noted)
        except StorageError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            return None

    def begin_with(self, upload: Upload, record: Record) -> None:
        """Write the whole file of *record* into *upload*, which is discarded when that fails."""
        try:
            reader = self._read(record.path)
            try:
                offset = 0
                while chunk := reader.read_at(offset, GATHERED_BYTES):
                    upload.write(chunk)
                    offset += len(chunk)
            finally:
                reader.close()
        except BaseException:
            upload.discard()
            raise

    def _held(self, noted: Noted) -> Sink:
        held = self.objects.medium.reopen(noted.object_id)
        try:
            # Whoever held it until now may have committed it, or kept more of it.
            with self._records.connections.asking() as run:
                now = self.noted.find(run, noted.path)
        except BaseException:
            held.close()
            raise
        if now != noted:
            held.close()
            raise busy(noted)
        return held

    def clear(self, noted: Noted, *, held: Sink | None = None) -> bool:
        """
        Clear a broken-off upload away; return whether it was noted still.

        *held* is its object where the caller holds it already; it is closed either way.

        Raises:
            StorageError: BUSY: somebody holds its object.
        """
        # Only what no living writer holds may be cleared away, and only while it is noted: a
        # commit forgets the note in the transaction that makes the object a file's.
        if held is None:
            try:
                held = self.objects.medium.reopen(noted.object_id)
            except StorageError as error:
                if error.trouble is not Trouble.NOT_FOUND:
                    raise
        was_noted = False

        def forget() -> None:
            nonlocal was_noted
            was_noted = self.noted.forget(noted.object_id)

        try:
            # The room of the object is not free yet.
            self._reserve.spending(forget)
        except BaseException:
            if held is not None:
                held.close()
            raise
        if was_noted:
            self._drop(noted, held)
        elif held is not None:
            held.close()
        return was_noted

    def _drop(self, noted: Noted, held: Sink | None) -> None:
        if held is not None:
            held.drop()
        self.objects.remove(noted)

    def partial(self, noted: Noted) -> Entry | None:
        """Return how a broken-off upload is listed, None where somebody holds it or nothing is kept."""
        kept = self._kept.get(noted.path)
        if kept is not None and kept.noted == noted:
            size = noted.size
        else:
            if self.objects.medium.is_held(noted.object_id):
                return None
            try:
                source = self.objects.medium.open(noted.object_id)
            except StorageError:
                return None
            size = self.objects.form(noted.rung).kept_size(noted, source.size)
            source.close()
        if size <= 0:
            return None
        return Entry(
            noted.path,
            is_folder=False,
            size=size,
            modified_at=noted.began_at,
            owner=noted.owner,
            classification=self._settings.classification,
            partial=True,
            object_id=noted.object_id,
        )


def over_quota(store: str, path: StorePath) -> StorageError:
    """Return the error for a file that does not fit into the store *store*."""
    message = f'"{"/".join(path)}" would make the store larger than its quota'
    return StorageError(Trouble.QUOTA, message, hint=f"make room, or raise quota of drop {store}")


def busy(noted: Noted) -> StorageError:
    """Return the error for an upload that somebody else committed or went on with."""
    message = f'"{"/".join(noted.path)}": somebody else writes it now'
    return StorageError(Trouble.BUSY, message, hint="try again later")

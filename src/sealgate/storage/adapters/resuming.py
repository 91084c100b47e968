"""
How uploads begin, are kept and go on: who may take over what, and under which file key.

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
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.folders import Folders
from sealgate.storage.adapters.forms import CHUNK_BYTES
from sealgate.storage.adapters.ready import Ready
from sealgate.storage.adapters.room import Taken
from sealgate.storage.adapters.upload import ENCODED_BYTES, GATHERED_BYTES, Upload
from sealgate.storage.adapters.uploads import Noted, Uploads
from sealgate.storage.model import Entry, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.adapters.forms import Encoder, Form
    from sealgate.storage.adapters.medium import Medium, Sink
    from sealgate.storage.adapters.name_locks import NameLocks
    from sealgate.storage.adapters.records import Records
    from sealgate.storage.adapters.reserve import Reserve
    from sealgate.storage.adapters.room import Limit
    from sealgate.storage.model import StorePath, StoreReader, StoreSettings
    from sealgate.storage.record import Record

# Broken-off uploads whose encoder is kept in memory; older ones begin under a new key.
_KEPT_UPLOADS = 256
_KEPT_BUFFERS = 16
ASIDE = ".tags"


@dataclass(frozen=True, slots=True)
class _Kept:
    noted: Noted
    encoder: Encoder
    object_size: int


class Resuming(Folders):
    """The part of a store that uploads are made in."""

    def __init__(
        self,
        settings: StoreSettings,
        medium: Medium,
        records: Records,
        forms: dict[StorageRung, Form],
        now: Callable[[], float],
        reserve: Reserve,
        names: NameLocks,
    ) -> None:
        super().__init__(settings, records, now, reserve)
        self.medium = medium
        self.forms = forms
        self.uploads = Uploads(records)
        self.taken = Taken()
        self._lock = threading.Lock()
        self.names = names
        self._kept: OrderedDict[StorePath, _Kept] = OrderedDict()
        self._buffers: deque[tuple[bytearray, bytearray]] = deque(maxlen=_KEPT_BUFFERS)
        is_sealed = settings.rung >= StorageRung.ENCRYPTED
        self._ready = Ready(self._begun) if is_sealed else None

    def open_read(self, path: StorePath) -> StoreReader:
        """Open a file; the store does it."""
        raise NotImplementedError

    def commit(
        self, upload: Upload, object_size: int, modified_at: float | None, *, replace: bool
    ) -> Entry:
        """Make the finished object of *upload* the file of its path; the store does it."""
        raise NotImplementedError

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
        self.names.leave(name)

    def note(self, upload: Upload) -> Noted:
        """Note that *upload* has begun to write its object."""
        noted = Noted(
            upload.path,
            upload.object_id,
            upload.owner,
            upload.rung,
            self.now(),
            len(upload.encoder.header),
            binding=upload.encoder.binding() if upload.encoder.header else b"",
        )
        self.uploads.note(noted, upload.instead_of)
        return noted

    def keep(self, upload: Upload, noted: Noted, sink: Sink, size: int) -> None:
        """
        Keep *size* plain bytes of *upload* for a resume.

        Raises:
            StorageError: QUOTA: others have taken the room meanwhile.
        """
        quota = self.settings.quota_bytes
        if quota is not None and size > quota - self.used(besides=noted):
            raise self.over_quota(upload.path)
        aside = upload.encoder.aside()
        binding = upload.encoder.binding()
        sink.keep()
        if aside:
            self.write_aside(upload.object_id, aside, again=True)
        noted = replace(noted, size=size, binding=binding)
        self.uploads.keep(noted)
        with self._lock:
            self._kept[upload.path] = _Kept(noted, upload.encoder, sink.size)
            while len(self._kept) > _KEPT_UPLOADS:
                self._kept.popitem(last=False)

    def used(self, *, besides: Noted | None = None) -> int:
        """Return the plain bytes of files and of kept parts, but of those that *besides* notes."""
        with self.records.connections.asking() as run:
            files = self.records.head(run).size
        return files + self.uploads.kept_bytes(besides)

    def write_aside(self, object_id: str, content: bytes, *, again: bool = False) -> None:
        """Write what lies beside an object; durable on return."""
        if again:
            self.medium.remove(object_id + ASIDE)
        sink = self.medium.create(object_id + ASIDE)
        try:
            sink.write([content])
            sink.finish()
        except BaseException:
            sink.drop()
            raise
        sink.close()

    def read_aside(self, record: Record | Noted) -> bytes:
        """Return what lies beside the object of *record*, ``b""`` when nothing should."""
        if record.rung is not StorageRung.PROTECTED or 0 <= record.size <= CHUNK_BYTES:
            return b""
        source = self.medium.open(record.object_id + ASIDE)
        try:
            return source.read_at(0, source.size)
        finally:
            source.close()

    def remove_object(self, record: Record | Noted) -> None:
        """Remove an object that nothing refers to; if that fails, a sweep does it."""
        with contextlib.suppress(StorageError):
            self.medium.remove(record.object_id)
            if record.rung is StorageRung.PROTECTED:
                self.medium.remove(record.object_id + ASIDE)

    def form(self, rung: StorageRung) -> Form:
        """Return the form of *rung*."""
        return self.forms[rung]

    def is_hopeless(self, noted: Noted) -> bool:
        """
        Return whether a broken-off upload, which nobody holds, can be resumed by no process.

        Where a whole file lies at its path, that file is what is gone on with.
        """
        with self.records.connections.asking() as run:
            if self.records.find(run, noted.path) is not None:
                return True
        try:
            source = self.medium.open(noted.object_id)
        except StorageError as error:
            return error.trouble is Trouble.NOT_FOUND
        try:
            # Where it was kept, some process may still have what it takes in memory.
            return noted.size < 0 and self.form(noted.rung).kept_size(noted, source.size) == 0
        finally:
            source.close()

    def give_up(self, noted: Noted) -> bool:
        """Clear a broken-off upload away; return whether it was one still and nobody held it."""
        try:
            return self._clear(noted)
        except StorageError as error:
            if error.trouble is not Trouble.BUSY:
                raise
            return False

    # How uploads begin.

    def _begun(self) -> tuple[str, Encoder]:
        object_id = os.urandom(16).hex()
        return object_id, self.form(self.settings.rung).begin(object_id)

    def _fresh(
        self,
        path: StorePath,
        owner: str,
        limit: Limit | None,
        instead_of: Noted | None = None,
    ) -> Upload:
        object_id, encoder = self._ready.take() if self._ready else self._begun()
        rung = self.settings.rung
        return Upload(self, path, owner, object_id, encoder, rung, limit, instead_of=instead_of)

    def _resumed(self, noted: Noted, kept: _Kept | None, owner: str, limit: Limit | None) -> Upload:
        if kept is not None and kept.noted == noted and noted.rung is self.settings.rung:
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
            source = self.medium.open(noted.object_id)
            try:
                aside = self._kept_aside(noted)
                if aside is None or self.form(noted.rung).kept_size(noted, source.size) == 0:
                    self._clear(noted, held=held)
                    return self._fresh(noted.path, owner, limit)
                upload = self._fresh(noted.path, owner, limit, noted)
                for chunk in self.form(noted.rung).resume(noted, source, aside):
                    upload.write(chunk)
            finally:
                source.close()
            if upload.is_noted:
                # It was noted instead of what it took over.
                self._drop(noted, held)
            else:
                self._clear(noted, held=held)
        except BaseException:
            held.close()
            if upload is not None:
                upload.discard()
            raise
        return upload

    def _kept_aside(self, noted: Noted) -> bytes | None:
        try:
            return self.read_aside(noted)
        except StorageError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
            return None

    def _begin_with(self, upload: Upload, record: Record) -> None:
        try:
            reader = self.open_read(record.path)
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
        held = self.medium.reopen(noted.object_id)
        try:
            # Whoever held it until now may have committed it, or kept more of it.
            with self.records.connections.asking() as run:
                now = self.uploads.find(run, noted.path)
        except BaseException:
            held.close()
            raise
        if now != noted:
            held.close()
            raise busy(noted)
        return held

    def _clear(self, noted: Noted, *, held: Sink | None = None) -> bool:
        # Only what no living writer holds may be cleared away, and only while it is noted: a
        # commit forgets the note in the transaction that makes the object a file's.
        if held is None:
            try:
                held = self.medium.reopen(noted.object_id)
            except StorageError as error:
                if error.trouble is not Trouble.NOT_FOUND:
                    raise
        was_noted = False

        def forget() -> None:
            nonlocal was_noted
            was_noted = self.uploads.forget(noted.object_id)

        try:
            # The room of the object is not free yet.
            self.reserve.spending(forget)
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
        self.remove_object(noted)

    def _partial(self, noted: Noted) -> Entry | None:
        kept = self._kept.get(noted.path)
        if kept is not None and kept.noted == noted:
            size = noted.size
        else:
            if self.medium.is_held(noted.object_id):
                return None
            try:
                source = self.medium.open(noted.object_id)
            except StorageError:
                return None
            size = self.form(noted.rung).kept_size(noted, source.size)
            source.close()
        if size <= 0:
            return None
        return Entry(
            noted.path,
            is_folder=False,
            size=size,
            modified_at=noted.began_at,
            owner=noted.owner,
            classification=self.settings.classification,
            partial=True,
            object_id=noted.object_id,
        )


def busy(noted: Noted) -> StorageError:
    """Return the error for an upload that somebody else committed or went on with."""
    message = f'"{"/".join(noted.path)}": somebody else writes it now'
    return StorageError(Trouble.BUSY, message, hint="try again later")

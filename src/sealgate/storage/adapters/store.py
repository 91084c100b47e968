"""
The store: files by path over a medium, records and forms.

An object is written first and then referred to; it is removed only after nothing refers
to it any more. So a crash at any instant leaves the old file or the new one, and at most
objects that no record names, which a sweep removes. Renaming, and any other change of
what is said of a file, touches records only.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.reader import FileReader
from sealgate.storage.adapters.room import Limit
from sealgate.storage.adapters.stored_objects import StoredObjects
from sealgate.storage.adapters.upload import ResumableUploads, Upload, busy, over_quota
from sealgate.storage.model import Entry, Space, StorageError, Trouble
from sealgate.storage.paths import given
from sealgate.storage.record import FILES, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSequence
    from typing import Any

    from sealgate.storage.adapters.forms import Form
    from sealgate.storage.adapters.medium import Medium
    from sealgate.storage.adapters.name_locks import NameLocks
    from sealgate.storage.adapters.records import Change, Records
    from sealgate.storage.adapters.reserve import Reserve
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.model import StorePath, StoreReader, StoreSettings
    from sealgate.storage.record import Head

# A file may be replaced or rotated between the look at its record and the opening of its
# object; more often than this in a row it is not.
_TRIES = 5


class ObjectStore:
    """
    A :class:`~sealgate.storage.model.Store` of *settings*.

    *forms* holds one form for each rung that files may have; *rung* is what the store is
    worth, whatever its form.
    """

    def __init__(
        self,
        settings: StoreSettings,
        medium: Medium,
        records: Records,
        forms: dict[StorageRung, Form],
        rung: StorageRung,
        now: Callable[[], float],
        reserve: Reserve,
        names: NameLocks,
    ) -> None:
        self.settings = settings
        self.medium = medium
        self.records = records
        self.now = now
        self.names = names
        self.objects = StoredObjects(medium, forms)
        self.uploads = ResumableUploads(
            settings,
            self.objects,
            records,
            now,
            reserve,
            names,
            read=self.open_read,
            commit=self._commit,
        )
        self._reserve = reserve
        self._rung = rung

    @property
    def rung(self) -> StorageRung:
        """Return how it keeps bytes, honestly."""
        return self._rung

    @property
    def is_remote(self) -> bool:
        """Return whether calls wait for a network."""
        return self.medium.is_remote

    def stat(self, path: StorePath) -> Entry:
        """Return the entry at *path*."""
        if not path:
            return Entry((), is_folder=True, size=0, modified_at=self.now())
        with self.records.connections.asking() as run:
            found = self.records.find(run, path)
            noted = None if found else self.uploads.noted.find(run, path)
        if found is not None:
            return found[0].entry
        partial = self.uploads.partial(noted) if noted else None
        if partial is None:
            raise _missing(path)
        return partial

    def list(self, path: StorePath) -> Iterator[Entry]:
        """Yield what lies directly in the folder *path*."""
        self.require_folder(path)
        whole = (record.entry for record in self.records.listed(path))
        noted = self.uploads.noted.within(path)
        if not noted:
            yield from whole
            return
        partial = (entry for entry in map(self.uploads.partial, noted) if entry is not None)
        last: StorePath | None = None
        # A whole file comes before what is on its way to replace it.
        for entry in heapq.merge(whole, partial, key=lambda e: (e.path[-1].encode(), e.partial)):
            if entry.path != last:
                yield entry
            last = entry.path

    def open_read(self, path: StorePath) -> StoreReader:
        """Open a file."""
        return self._open(path, raw=False)

    def open_raw(self, path: StorePath) -> StoreReader:
        """Open the sealed bytes themselves; the entry's size is theirs."""
        return self._open(path, raw=True)

    def _open(self, path: StorePath, *, raw: bool) -> StoreReader:
        for left in range(_TRIES - 1, -1, -1):
            record = self._proven(path)
            try:
                return self.open_record(record, raw=raw)
            except StorageError as error:
                if error.trouble is not Trouble.NOT_FOUND:
                    raise
                if left == 0 or self._proven(path) == record:
                    message = f'"{"/".join(path)}" is gone: its object was removed from outside'
                    raise StorageError(Trouble.TAMPERED, message, hint="sealgate verify") from error
        raise AssertionError  # pragma: no cover  # the loop returns or raises

    def open_record(self, record: Record, *, raw: bool = False) -> StoreReader:
        """Open the object of *record*, which was proven; NOT_FOUND when it is gone."""
        form = self.objects.form(record.rung)
        if raw and not record.rung.stored.is_sealed:
            message = f'"{"/".join(record.path)}" is not sealed'
            raise StorageError(Trouble.UNSUPPORTED, message, hint="read it as it is")
        source = self.medium.open(record.object_id)
        try:
            aside = self.objects.read_aside(record)
            if raw:
                form.verify(record, source, aside)
                entry = replace(record.entry, size=source.size)
                return FileReader(entry, source, source)
            return FileReader(record.entry, form.open(record, source, aside), source)
        except BaseException:
            source.close()
            raise

    def open_write(
        self,
        path: StorePath,
        *,
        owner: str,
        resume: bool = False,
        allow: Callable[[Entry | None], None] | None = None,
        meant_for: StorePath | None = None,
    ) -> Upload:
        """Begin an upload, or go on with one."""
        if not path:
            raise StorageError(Trouble.IS_FOLDER, "the root of the store is a folder")
        claimed = meant_for or path
        # Before the look: whoever wrote it until now has committed or broken off by then.
        self.names.take(claimed)
        try:
            look = self.records.look(path)
            found = look.found
            noted = None if look.noted is None else self.uploads.noted.genuine(look.noted, path)
            if allow is not None:
                partial = self.uploads.partial(noted) if noted and not found else None
                allow(found[0].entry if found else partial)
            if found is None:
                self._require_parent(path, look.head)
            limit = self._limit(look.head, found[0] if found else None, noted)
            _require_file(path, found)
            kept = self.uploads.forget_kept(path)
            if noted is not None:
                if resume and found is None:
                    return self.uploads.resumed(noted, kept, owner, limit)
                self.uploads.clear(noted)
            upload = self.uploads.fresh(path, owner, limit)
            upload.look, upload.claimed = look, claimed
        except BaseException:
            self.names.leave(claimed)
            raise
        if resume and found is not None:
            self.uploads.begin_with(upload, found[0])
        return upload

    def _commit(
        self, upload: Upload, object_size: int, modified_at: float | None, *, replace: bool
    ) -> Entry:
        """Make the finished object of *upload* the file of its path."""
        path, now = upload.path, self.now()
        with self.records.changing() as change:
            self.names.require(change.run, upload.claimed)
            look = upload.look
            # Since a look at this very head nothing has changed.
            is_new = look is not None and look.head == change.head
            old = look.found if look is not None and is_new else change.find(path)
            _require_file(path, old)
            if old is not None and not replace:
                raise StorageError(Trouble.EXISTS, f'"{"/".join(path)}" exists already')
            if old is None:
                self._require_parent(path, change.head, change.run)
            record = Record(
                path,
                FILES,
                is_folder=False,
                classification=self.settings.classification,
                owner=upload.owner,
                size=upload.offset,
                modified_at=now if modified_at is None else modified_at,
                stored_at=now,
                seq=change.seq,
                rung=upload.rung,
                object_id=upload.object_id,
                object_size=object_size,
                binding=upload.encoder.binding(),
            )
            change.put(record, old)
            if self.settings.quota_bytes is not None and change.size > self.settings.quota_bytes:
                raise over_quota(self.settings.name, path)
            if upload.is_noted:
                self.uploads.noted.forget(upload.object_id, change.run)
        if old is not None:
            self.objects.remove(old[0])
        return record.entry

    def remove(self, path: StorePath) -> None:
        """Remove a file, whole or partial."""
        if not path:
            raise StorageError(Trouble.IS_FOLDER, "the root of the store is a folder")
        self._reserve.spending(lambda: self._remove(path))

    def _remove(self, path: StorePath) -> None:
        with self.records.changing() as change:
            found = change.find(path)
            noted = self.uploads.noted.find(change.run, path)
            _require_file(path, found)
            if found is not None:
                change.delete(found)
        if found is not None:
            self.objects.remove(found[0])
        elif noted is not None:
            self.uploads.forget_kept(path)
            if not self.uploads.clear(noted):
                raise busy(noted)
        else:
            raise _missing(path)

    def require_folder(self, path: StorePath, run: Callable[..., Any] | None = None) -> None:
        """
        Return if there is a folder at *path*.

        Raises:
            StorageError: NOT_FOUND, NOT_FOLDER.
        """
        if not path:
            return
        if run is None:
            with self.records.connections.asking() as own:
                found = self.records.find(own, path)
        else:
            found = self.records.find(run, path)
        if found is None:
            raise _missing(path)
        if not found[0].is_folder:
            raise StorageError(Trouble.NOT_FOLDER, f'"{"/".join(path)}" is not a folder')

    def make_folder(self, path: StorePath) -> None:
        """Make one folder."""
        if not path:
            raise StorageError(Trouble.EXISTS, "the root of the store exists already")
        with self.records.changing() as change:
            self.require_folder(path[:-1], change.run)
            if change.find(path) is not None:
                raise _exists(path)
            now = self.now()
            change.put(Record(path, FILES, True, "", "", 0, now, now, change.seq), None)

    def remove_folder(self, path: StorePath) -> None:
        """Remove an empty folder."""
        if not path:
            raise StorageError(Trouble.DENIED, "the root of the store cannot be removed")
        self._reserve.spending(lambda: self._remove_folder(path))

    def _remove_folder(self, path: StorePath) -> None:
        with self.records.changing() as change:
            found = _existing(change, path)
            if not found[0].is_folder:
                raise StorageError(Trouble.NOT_FOLDER, f'"{"/".join(path)}" is not a folder')
            if change.has_children(path):
                raise StorageError(Trouble.NOT_EMPTY, f'"{"/".join(path)}" is not empty')
            change.delete(found)

    def rename(self, old: StorePath, new: StorePath, *, replace: bool) -> None:
        """Give a file or folder another place."""
        if not old or not new:
            raise StorageError(Trouble.DENIED, "the root of the store cannot be renamed")
        replaced = None
        with self.records.changing() as change:
            found = _existing(change, old)
            self.require_folder(new[:-1], change.run)
            if old == new:
                _respell(change, found, new)
                return
            if new[: len(old)] == old:
                message = f'"{"/".join(old)}" cannot be moved into itself'
                raise StorageError(Trouble.DENIED, message)
            replaced = self._displaced(change, found[0], new, replace=replace)
            self._move(change, found, new)
        if replaced is not None and not replaced.is_folder:
            self.objects.remove(replaced)

    def set_modified(self, path: StorePath, modified_at: float) -> None:
        """Set the time of a file or folder."""
        if not path:
            return
        with self.records.changing() as change:
            found = _existing(change, path)
            if found[0].modified_at != modified_at:
                made = replace(found[0], modified_at=modified_at, seq=change.seq)
                change.put(made, found)

    def expire(self, before: float) -> tuple[Entry, ...]:
        """
        Remove every file that was stored *before*, those set aside too; return them.

        A record that was changed from outside says nothing of that: it is left to "verify".
        """
        old = [
            record
            for record, _, genuine in self.records.everything()
            if genuine and not record.is_folder and record.stored_at < before
        ]
        removed: list[Entry] = []
        for record in old:
            self._reserve.spending(lambda record=record: self._expire(record, removed))  # type: ignore[misc]
        return tuple(removed)

    def _expire(self, record: Record, removed: MutableSequence[Entry]) -> None:
        with self.records.changing() as change:
            found = change.find(record.path, record.area)
            # It may be another version by now.
            if found is None or found[0] != record:
                return
            change.delete(found)
        self.objects.remove(record)
        removed.append(record.entry)

    def space(self) -> Space:
        """Return what fits, the quota taken into account."""
        seen = self.medium.space()
        quota = self.settings.quota_bytes
        if quota is None:
            return seen
        free = min(seen.free_bytes, max(0, quota - self.uploads.used() - self.uploads.taken.total))
        return Space(min(seen.total_bytes, quota), free, seen.total_files, seen.free_files)

    def close(self) -> None:
        """Let go of files and connections."""
        self.uploads.close()
        self.names.close()
        self.records.close()
        self.medium.close()

    def _proven(self, path: StorePath) -> Record:
        if not path:
            raise StorageError(Trouble.IS_FOLDER, "the root of the store is a folder")
        look = self.records.look(path)
        found = look.found
        if found is not None and not self.records.holds(look):
            with self.records.connections.reading() as run:
                found = self.records.find(run, path)
                if found is not None:
                    self.records.prove(run, *found)
        if found is None:
            raise _missing(path)
        _require_file(path, found)
        return found[0]

    def _require_parent(
        self, path: StorePath, head: Head, run: Callable[..., object] | None = None
    ) -> None:
        parent = path[:-1]
        if parent and not self.records.tree.has_folder(head, parent):
            self.require_folder(parent, run)
            self.records.tree.keep_folder(head, parent)

    def _limit(self, head: Head, old: Record | None, noted: Noted | None) -> Limit | None:
        most, quota = self.settings.max_file_bytes, self.settings.quota_bytes
        room = None
        if quota is not None:
            used = head.size - (old.size if old else 0) + self.uploads.noted.kept_bytes(noted)
            room = quota - used
            if most is None or room < most:
                return Limit(room, "the quota has room for", room)
        return None if most is None else Limit(most, "a file may be here", room)

    def _displaced(
        self, change: Change, moving: Record, new: StorePath, *, replace: bool
    ) -> Record | None:
        target = change.find(new)
        if target is None:
            return None
        if not replace:
            raise _exists(new)
        # POSIX, rename: like takes the place of like, a folder only when it is empty.
        if target[0].is_folder and not moving.is_folder:
            raise StorageError(Trouble.IS_FOLDER, f'"{"/".join(new)}" is a folder')
        if moving.is_folder and not target[0].is_folder:
            raise StorageError(Trouble.NOT_FOLDER, f'"{"/".join(new)}" is not a folder')
        if target[0].is_folder and change.has_children(new):
            raise StorageError(Trouble.NOT_EMPTY, f'"{"/".join(new)}" is not empty')
        change.delete(target)
        return target[0]

    def _move(self, change: Change, found: tuple[Record, bytes], new: StorePath) -> None:
        old = found[0].path
        moving = [found, *(change.below(old) if found[0].is_folder else [])]
        for each in moving:
            change.delete(each)
            path = new + each[0].path[len(old) :]
            change.put(replace(each[0], path=path, seq=change.seq), None)


def _existing(change: Change, path: StorePath) -> tuple[Record, bytes]:
    found = change.find(path)
    if found is None:
        raise _missing(path)
    return found


def _require_file(path: StorePath, found: tuple[Record, bytes] | None) -> None:
    if found is not None and found[0].is_folder:
        raise StorageError(Trouble.IS_FOLDER, f'"{"/".join(path)}" is a folder')


def _missing(path: StorePath) -> StorageError:
    """Return the error for a path at which there is nothing."""
    return StorageError(Trouble.NOT_FOUND, f'there is no "{"/".join(path)}"')


def _respell(change: Change, found: tuple[Record, bytes], new: StorePath) -> None:
    """Let the file or folder *found* be told as it is given in *new*, its own path."""
    if given(found[0].path[-1]) != given(new[-1]):
        change.put(replace(found[0], path=new, seq=change.seq), found)


def _exists(path: StorePath) -> StorageError:
    return StorageError(Trouble.EXISTS, f'"{"/".join(path)}" exists already')

"""What a store does with records alone: folders, names, times, moves; no object is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import given
from sealgate.storage.record import FILES, Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sealgate.storage.adapters.records import Records
    from sealgate.storage.adapters.records_change import Change
    from sealgate.storage.adapters.reserve import Reserve
    from sealgate.storage.model import Entry, StorePath, StoreSettings


class Folders:
    """The part of a store that needs no medium."""

    def __init__(
        self,
        settings: StoreSettings,
        records: Records,
        now: Callable[[], float],
        reserve: Reserve,
    ) -> None:
        self.settings = settings
        self.records = records
        self.now = now
        self.reserve = reserve

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
            raise missing(path)
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
        self.reserve.spending(lambda: self._remove_folder(path))

    def _remove_folder(self, path: StorePath) -> None:
        with self.records.changing() as change:
            found = change.find(path)
            if found is None:
                raise missing(path)
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
            found = change.find(old)
            if found is None:
                raise missing(old)
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
            self.remove_object(replaced)

    def set_modified(self, path: StorePath, modified_at: float) -> None:
        """Set the time of a file or folder."""
        if not path:
            return
        with self.records.changing() as change:
            found = change.find(path)
            if found is None:
                raise missing(path)
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
            self.reserve.spending(lambda record=record: self._expire(record, removed))  # type: ignore[misc]
        return tuple(removed)

    def _expire(self, record: Record, removed: list[Entry]) -> None:
        with self.records.changing() as change:
            found = change.find(record.path, record.area)
            # It may be another version by now.
            if found is None or found[0] != record:
                return
            change.delete(found)
        self.remove_object(record)
        removed.append(record.entry)

    def over_quota(self, path: StorePath) -> StorageError:
        """Return the error for a file that does not fit."""
        message = f'"{"/".join(path)}" would make the store larger than its quota'
        return StorageError(
            Trouble.QUOTA, message, hint=f"make room, or raise quota of drop {self.settings.name}"
        )

    def remove_object(self, record: Record) -> None:
        """Remove the object of *record*; the store over a medium does it."""
        raise NotImplementedError

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


def missing(path: StorePath) -> StorageError:
    """Return the error for a path at which there is nothing."""
    return StorageError(Trouble.NOT_FOUND, f'there is no "{"/".join(path)}"')


def _respell(change: Change, found: tuple[Record, bytes], new: StorePath) -> None:
    """Let the file or folder *found* be told as it is given in *new*, its own path."""
    if given(found[0].path[-1]) != given(new[-1]):
        change.put(replace(found[0], path=new, seq=change.seq), found)


def _exists(path: StorePath) -> StorageError:
    return StorageError(Trouble.EXISTS, f'"{"/".join(path)}" exists already')

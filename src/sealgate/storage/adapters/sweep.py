"""
Clears away what a crash left: objects that nothing refers to, uploads that cannot go on.

Safe while other processes write: what a living writer holds is locked, what it has just
made is young, and what a record or an upload names is asked for again after both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.storage.adapters.stored_objects import ASIDE
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from sealgate.storage.adapters.medium import Lying
    from sealgate.storage.adapters.store import ObjectStore

# An object is locked within microseconds after it is made; on a stopped machine, later.
YOUNG_SECONDS = 60.0
# How long a broken-off upload waits for its client.
ABANDONED_SECONDS = 7 * 86400.0
_OURS = re.compile(r"[0-9a-f]{32}(?:\.tags)?")
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did: *objects* removed, *uploads* given up, *resumable* uploads left."""

    objects: int
    uploads: int
    resumable: int


def sweep(
    store: ObjectStore,
    *,
    young_seconds: float = YOUNG_SECONDS,
    abandoned_seconds: float = ABANDONED_SECONDS,
) -> Swept:
    """
    Remove what no file and no upload needs.

    Raises:
        StorageError: the medium or the records fail.
    """
    now = store.now()
    uploads = resumable = 0
    for noted in store.uploads.noted.within(None):
        if store.medium.is_held(noted.object_id):
            continue
        if store.uploads.is_hopeless(noted) or noted.began_at < now - abandoned_seconds:
            if store.uploads.give_up(noted):
                uploads += 1
        else:
            resumable += 1
    objects = store.medium.tidy(now - abandoned_seconds)
    batch: list[Lying] = []
    for lying in store.medium.lying():
        if lying.modified_at <= now - young_seconds and _OURS.fullmatch(lying.name):
            batch.append(lying)
        if len(batch) == _BATCH:
            objects += _remove_unknown(store, batch)
            batch = []
    objects += _remove_unknown(store, batch)
    return Swept(objects, uploads, resumable)


def is_ours(name: str) -> bool:
    """Return whether *name* is one that a store gives to its objects."""
    return _OURS.fullmatch(name) is not None


def unknown(store: ObjectStore, lying: list[Lying]) -> list[Lying]:
    """Return those of *lying* that nothing refers to and no living writer holds."""
    ids = {each.name: each.name.removesuffix(ASIDE) for each in lying}
    known = store.records.known(sorted(set(ids.values())))
    free = [
        each
        for each in lying
        if ids[each.name] not in known and not store.medium.is_held(ids[each.name])
    ]
    # A writer that committed in between is known by now.
    known = store.records.known(sorted({ids[each.name] for each in free}))
    return [each for each in free if ids[each.name] not in known]


def _remove_unknown(store: ObjectStore, lying: list[Lying]) -> int:
    count = 0
    for each in unknown(store, lying):
        try:
            store.medium.remove(each.name)
        except StorageError as error:
            if error.trouble is not Trouble.DENIED:
                raise
            continue
        count += 1
    return count

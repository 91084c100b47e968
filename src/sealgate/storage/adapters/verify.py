"""
Compares a store with what its records say, and these with what the site vouches for.

It reads headers, sizes and ends of objects; only a full run opens everything. It changes
nothing, and may run while others read and write.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.storage.adapters.sealed import OBJECT_STANZA, read_header
from sealgate.storage.adapters.sweep import YOUNG_SECONDS, is_ours, unknown
from sealgate.storage.age.errors import DamagedError
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.record import DEPTH, FILES, NOTHING, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.record import Record

_READ_BYTES = 1 << 20
_BATCH = 500
# Never more places in one finding than a person reads.
_NAMED = 5


class Fault(StrEnum):
    """What can be wrong with a file of a store."""

    TAMPERED = "tampered"
    TRUNCATED = "truncated"
    WRONG_CLASS = "wrong class"
    WRONG_PLACE = "wrong place"
    MISSING = "missing"
    UNKNOWN = "unknown object"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Found:
    """One fault: *place* is a path of the store or the name of an object, *told* says more."""

    fault: Fault
    place: str
    told: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What a run looked at: *files*, their plain *size*, how many were *opened* from end to end."""

    files: int
    size: int
    opened: int
    found: tuple[Found, ...]


def verify(
    store: ObjectStore, *, full: bool, progress: Callable[[int], None] = lambda _size: None
) -> Verified:
    """
    Verify *store*, which was opened without comparing; *progress* gets plain bytes done.

    Raises:
        StorageError: the medium or the records cannot be read at all.
    """
    found = list(_records(store))
    files = size = opened = 0
    for record, _, genuine in store.records.everything():
        if record.is_folder or not genuine:
            continue
        files += 1
        size += record.size
        faults = list(_file(store, record, full=full))
        # It may have been replaced or removed while we looked.
        if faults and not _holds_still(store, record):
            continue
        found += faults
        opened += full and not faults and record.rung.stored.opens_here
        progress(record.size)
    found += _unknown(store)
    return Verified(files, size, opened, tuple(found))


def _records(store: ObjectStore) -> Iterator[Found]:
    records = store.records
    try:
        records.compare_anchor()
    except StorageError as error:
        is_head = "head" in error.message
        # Only of what is behind its anchor there is more to type.
        told = error.message if is_head else f"{error.message} ({error.hint})"
        yield Found(Fault.TAMPERED if is_head else Fault.ROLLED_BACK, "records", told)
    leaves: dict[str, list[bytes]] = {}
    paths: dict[str, list[str]] = {}
    # The tree and the records of one instant.
    with records.connections.reading() as run:
        for record, mac, genuine in records.everything(run):
            place = place_of(record)
            if not genuine:
                yield Found(Fault.TAMPERED, place, "its record was changed from outside")
            leaf = leaf_of(record.area, record.path)
            leaves.setdefault(leaf, []).append(mac)
            paths.setdefault(leaf, []).append(place)
        yield from _tree(store, run, leaves, paths)


def _tree(
    store: ObjectStore,
    run: Callable[..., Any],
    leaves: dict[str, list[bytes]],
    paths: dict[str, list[str]],
) -> Iterator[Found]:
    records, vouching = store.records, store.records.vouching
    nodes = dict(records.nodes(run))
    try:
        total = records.head(run).total
    except StorageError:
        total = None  # told already
    levels: list[dict[str, bytes]] = [{} for _ in range(DEPTH + 1)]
    for prefix, each in nodes.items():
        # One that is too deep is none of ours, and is missed where it should be.
        levels[min(len(prefix), DEPTH)][prefix] = each
    for depth in range(DEPTH):
        for above in [""] if depth == 0 else list(levels[depth]):
            below = [(p, t) for p, t in levels[depth + 1].items() if p.startswith(above)]
            wanted = total if depth == 0 else levels[depth][above]
            if wanted is not None and vouching.of_nodes(below) != wanted:
                yield Found(Fault.ROLLED_BACK, "records", "the sums of the records disagree")
    for leaf in sorted(leaves.keys() | levels[DEPTH].keys()):
        if vouching.of_records(leaves.get(leaf, [])) != levels[DEPTH].get(leaf, NOTHING):
            named = paths.get(leaf, [])[:_NAMED]
            told = "a record was put back, added or removed from outside"
            yield Found(Fault.ROLLED_BACK, " or ".join(named) or "a file that is gone", told)


def _file(store: ObjectStore, record: Record, *, full: bool) -> Iterator[Found]:
    place = place_of(record)
    wanted = (store.settings.classification, store.settings.rung)
    if (record.classification, record.rung) != wanted:
        told = (
            f"it is {record.classification}, {record.rung.word}; "
            f"the store is {wanted[0]}, {wanted[1].word}"
        )
        yield Found(Fault.WRONG_CLASS, place, told)
    try:
        fault = _object(store, record)
        if fault is not None:
            yield fault
        elif full:
            _read_all(store, record)
    except StorageError as error:
        if error.trouble is Trouble.NOT_FOUND:
            yield Found(Fault.MISSING, place, "its object is gone")
        elif error.trouble is Trouble.TAMPERED:
            yield Found(Fault.TAMPERED, place, error.message)
        else:
            raise


def _object(store: ObjectStore, record: Record) -> Found | None:
    source = store.medium.open(record.object_id)
    try:
        place = place_of(record)
        if record.rung.stored.is_sealed:
            with_id = _named_in(source)
            if with_id is not None and with_id != record.object_id:
                at = store.records.where(with_id)
                told = f"it is the object of {at}" if at else "it is an object of no file"
                return Found(Fault.WRONG_PLACE, place, told)
        if source.size < record.object_size:
            told = f"it has {source.size} bytes of {record.object_size}"
            return Found(Fault.TRUNCATED, place, told)
        store.objects.form(record.rung).verify(record, source, store.objects.read_aside(record))
    finally:
        source.close()
    return None


def _named_in(source: Any) -> str | None:
    try:
        header, _ = read_header(source)
    except DamagedError:
        return None
    named = [s.args[0] for s in header.stanzas if s.type == OBJECT_STANZA and s.args]
    return named[0] if named else None


def _read_all(store: ObjectStore, record: Record) -> None:
    try:
        reader = store.open_record(record)
    except StorageError as error:
        if error.trouble is Trouble.SEALED_ELSEWHERE:
            return
        raise
    try:
        for offset in range(0, record.size, _READ_BYTES):
            reader.read_at(offset, _READ_BYTES)
    finally:
        reader.close()


def _holds_still(store: ObjectStore, record: Record) -> bool:
    with store.records.connections.asking() as run:
        now = store.records.find(run, record.path, record.area)
    return now is not None and now[0].object_id == record.object_id


def _unknown(store: ObjectStore) -> Iterator[Found]:
    before = store.now() - YOUNG_SECONDS
    batch = []
    for lying in store.medium.lying():
        if not is_ours(lying.name):
            yield Found(Fault.UNKNOWN, lying.name, "no store gives such a name to an object")
        elif lying.modified_at <= before:
            batch.append(lying)
        if len(batch) == _BATCH:
            yield from (_stray(each.name) for each in unknown(store, batch))
            batch = []
    yield from (_stray(each.name) for each in unknown(store, batch))


def _stray(name: str) -> Found:
    return Found(Fault.UNKNOWN, name, "no record names it")


def place_of(record: Record) -> str:
    """Return how *record* is told to a person."""
    path = "/".join(record.path)
    return path if record.area == FILES else f"{path} (set aside)"

"""
The trail: what was recorded, in order, each entry bound to the one before.

An entry holds the digest (SHA-256, FIPS 180-4) of the row that it is about, and its
own digest over that and the entry before. A row or an entry that is changed, added or
removed afterwards no longer agrees. Assets change when they are seen again, so of them it
is held that they are those which entries are about. Whoever can write the whole database can also write
a whole new trail: the digest of the last entry, kept elsewhere, shows that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.chained import START, digest_after, digest_of
from sealgate.register.adapters.tables import ASSETS, EVIDENCE, RECORDED, TRAIL, TRAIL_HEAD
from sealgate.register.model import TrailCheck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# So many entries are compared at once; SQLite takes at most 32,766 parameters.
_MANY = 1000

# Columns of migration r0004.
_ADDED = frozenset(["access", "grant"])
# What no entry has as the digest of its row.
_NONE_OF_OURS = ""
# SQLite keeps whatever is put into a column; what we never put there cannot be read or written.
_UNREADABLE = (TypeError, ValueError, RecursionError)


def put_first(connection: sa.Connection) -> None:
    """Put in the head of a trail without entries, into tables that are new."""
    connection.execute(sa.insert(TRAIL_HEAD).values(id=1, seq=0, digest=START))


class Trail:
    """Appends to the trail within one transaction; made first, it holds the lock on it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        # Writing before reading takes the lock, in SQLite and PostgreSQL alike.
        connection.execute(sa.update(TRAIL_HEAD).values(seq=TRAIL_HEAD.c.seq))
        head = connection.execute(sa.select(TRAIL_HEAD.c.seq, TRAIL_HEAD.c.digest)).one()
        self._seq: int = head.seq
        self._digest: str = head.digest

    def insert(self, event: str, rows: Sequence[Mapping[str, Any]], at: float) -> list[int]:
        """Insert *rows* into the table of *event*, vouch for each, and return their ids."""
        if not rows:
            return []
        table = RECORDED[event]
        last = self._connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0
        numbered = [{"id": last + n, **row} for n, row in enumerate(rows, start=1)]
        self._connection.execute(sa.insert(table), numbered)
        entries = []
        for row in numbered:
            content = digest_of_row(row)
            self._seq += 1
            self._digest = digest_after(self._digest, self._seq, at, event, row["id"], content)
            entries.append(
                {
                    "seq": self._seq,
                    "at": at,
                    "event": event,
                    "row": row["id"],
                    "content": content,
                    "digest": self._digest,
                }
            )
        self._connection.execute(sa.insert(TRAIL), entries)
        self._connection.execute(sa.update(TRAIL_HEAD).values(seq=self._seq, digest=self._digest))
        return [row["id"] for row in numbered]


def check(connection: sa.Connection, *, known: str = "") -> TrailCheck:
    """
    Compare every entry with the one before, and every recorded row with its entry.

    *known* is the digest of an entry that was kept elsewhere: a trail that was written anew
    has none such. What is appended meanwhile is left to the next check.
    """
    faults: list[str] = []
    head = _head(connection)
    digest, seq = START, 0
    is_known = known in {"", START}
    vouched: dict[str, set[int]] = {event: set() for event in RECORDED}
    for entries in _entries(connection, None if head is None else head[0]):
        recorded = _recorded(connection, entries)
        for entry in entries:
            seq += 1
            if entry.seq != seq:
                faults.append(f"entries before {entry.seq} are missing")
                seq = entry.seq
            if not _follows(entry, digest):
                faults.append(f"entry {entry.seq} was changed, or the one before it")
            digest = entry.digest
            is_known |= digest == known
            if entry.event not in RECORDED:
                faults.append(f"entry {entry.seq} is about nothing that is recorded")
                continue
            vouched[entry.event].add(entry.row)
            content = recorded.get((entry.event, entry.row))
            if content is None:
                faults.append(f"{entry.event} {entry.row} is missing")
            elif content != entry.content:
                faults.append(f"{entry.event} {entry.row} was changed")
    if head != (seq, digest) or _goes_on_behind(connection, head):
        faults.append("the end of the trail was cut off or changed")
    if not is_known:
        faults.append("no entry has the digest that was kept elsewhere")
    faults += _beside(connection, vouched, seq)
    faults += _assets(connection)
    return TrailCheck(seq, str(digest), tuple(faults))


def _head(connection: sa.Connection) -> tuple[int, str] | None:
    rows = connection.execute(sa.select(TRAIL_HEAD.c.seq, TRAIL_HEAD.c.digest)).all()
    return (rows[0].seq, rows[0].digest) if len(rows) == 1 else None


def _follows(entry: sa.Row[Any], previous: str) -> bool:
    try:
        made = digest_after(previous, entry.seq, entry.at, entry.event, entry.row, entry.content)
    except _UNREADABLE:
        return False
    return bool(entry.digest == made)


def _entries(connection: sa.Connection, last: int | None) -> Iterator[Sequence[sa.Row[Any]]]:
    query = sa.select(TRAIL).order_by(TRAIL.c.seq).limit(_MANY)
    if last is not None:
        query = query.where(TRAIL.c.seq <= last)
    entries = connection.execute(query).all()
    while entries:
        yield entries
        entries = connection.execute(query.where(TRAIL.c.seq > entries[-1].seq)).all()


def _goes_on_behind(connection: sa.Connection, head: tuple[int, str] | None) -> bool:
    # Whoever appends moves the head along in one transaction; first the end is looked at, so
    # that one who does it now is not suspected.
    last = connection.execute(sa.select(sa.func.max(TRAIL.c.seq))).scalar() or 0
    return head is not None and last > head[0] and _head(connection) == head


def _beside(connection: sa.Connection, vouched: Mapping[str, set[int]], seq: int) -> list[str]:
    rows = {
        event: [i for i in connection.execute(sa.select(table.c.id)).scalars() if i not in known]
        for (event, table), known in zip(RECORDED.items(), vouched.values(), strict=True)
    }
    later = sa.select(TRAIL.c.event, TRAIL.c.row).where(TRAIL.c.seq > seq)
    meanwhile = {(entry.event, entry.row) for entry in connection.execute(later)}
    return [
        f"{event} {i} was added beside the trail"
        for event, ids in rows.items()
        for i in ids
        if (event, i) not in meanwhile
    ]


def _recorded(
    connection: sa.Connection, entries: Sequence[sa.Row[Any]]
) -> dict[tuple[str, int], str]:
    # One question for each table, not one for each row: a trail has millions.
    wanted: dict[str, list[int]] = {}
    for entry in entries:
        wanted.setdefault(entry.event, []).append(entry.row)
    found: dict[tuple[str, int], str] = {}
    for event, table in RECORDED.items():
        contents = _contents(connection, table, wanted.get(event, []))
        found |= {(event, row): content for row, content in contents.items()}
    return found


def _contents(connection: sa.Connection, table: sa.Table, ids: list[int]) -> dict[int, str]:
    try:
        rows = connection.execute(sa.select(table).where(table.c.id.in_(ids))).mappings()
        return {row["id"]: digest_of_row(dict(row)) for row in rows}
    except _UNREADABLE:
        if len(ids) == 1:
            return {ids[0]: _NONE_OF_OURS}
    # One of them was changed; the others are still compared.
    half = len(ids) // 2
    return _contents(connection, table, ids[:half]) | _contents(connection, table, ids[half:])


def _assets(connection: sa.Connection) -> list[str]:
    # What is about an asset refers to it; evidence may be about what an audit met on its way.
    about = [table.c.asset for table in RECORDED.values() if table.c.get("asset") is not None]
    firm = [column for column in about if column.table is not EVIDENCE]
    known, named = sa.select(ASSETS.c.id), sa.union(*map(sa.select, about)).subquery()
    needed = sa.union(*map(sa.select, firm)).subquery()
    missing = sa.select(needed.c.asset).where(needed.c.asset.not_in(known))
    added = known.where(ASSETS.c.id.not_in(sa.select(named.c.asset)))
    return [
        *(f'asset "{one}" is missing' for one in connection.execute(missing).scalars()),
        *(
            f'asset "{one}" was added beside the trail'
            for one in connection.execute(added).scalars()
        ),
    ]


def digest_of_row(row: Mapping[str, Any]) -> str:
    """
    Return the digest of *row* in a form that depends on nothing but its content.

    A column that a later version added is no part of a row of before, where it is NULL.
    """
    content = {k: v for k, v in row.items() if v is not None or k not in _ADDED}
    return digest_of(content)

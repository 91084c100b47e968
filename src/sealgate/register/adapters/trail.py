"""
The trail: what was recorded, in order, each entry bound to the one before.

An entry holds the digest (SHA-256, FIPS 180-4) of the row that it is about, and its
own digest over that and the entry before. A row or an entry that is changed, added or
removed afterwards no longer agrees. Whoever can write the whole database can also write
a whole new trail: the digest of the last entry, kept elsewhere, shows that.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.register.adapters.tables import RECORDED, TRAIL, TRAIL_HEAD
from sealgate.register.model import TrailCheck

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

START = "0" * 64


class Trail:
    """
    Appends to the trail within one transaction; made first, it holds the lock on it.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        # Writing before reading takes the lock, in SQLite and PostgreSQL alike.
        connection.execute(sa.update(TRAIL_HEAD).values(seq=TRAIL_HEAD.c.seq))
        head = connection.execute(sa.select(TRAIL_HEAD.c.seq, TRAIL_HEAD.c.digest)).one()
        self._seq: int = head.seq
        self._digest: str = head.digest

    def insert(self, event: str, rows: Sequence[Mapping[str, Any]], at: float) -> list[int]:
        """
        Insert *rows* into the table of *event*, vouch for each, and return their ids.
        """
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
            self._digest = _digest(self._digest, self._seq, at, event, row["id"], content)
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


def check(connection: sa.Connection) -> TrailCheck:
    """
    Compare every entry with the one before, and every recorded row with its entry.
    """
    faults: list[str] = []
    digest, seq = START, 0
    vouched: dict[str, set[int]] = {event: set() for event in RECORDED}
    for entry in connection.execute(sa.select(TRAIL).order_by(TRAIL.c.seq)):
        seq += 1
        if entry.seq != seq:
            faults.append(f"entries before {entry.seq} are missing")
            seq = entry.seq
        expected = _digest(digest, entry.seq, entry.at, entry.event, entry.row, entry.content)
        if entry.digest != expected:
            faults.append(f"entry {entry.seq} was changed, or the one before it")
        digest = entry.digest
        if entry.event not in RECORDED:
            faults.append(f"entry {entry.seq} is about nothing that is recorded")
            continue
        vouched[entry.event].add(entry.row)
        row = _row(connection, entry.event, entry.row)
        if row is None:
            faults.append(f"{entry.event} {entry.row} is missing")
        elif digest_of_row(row) != entry.content:
            faults.append(f"{entry.event} {entry.row} was changed")
    head = connection.execute(sa.select(TRAIL_HEAD)).one_or_none()
    if head is None or (head.seq, head.digest) != (seq, digest):
        faults.append("the end of the trail was cut off or changed")
    for event, table in RECORDED.items():
        rows = connection.execute(sa.select(table.c.id)).scalars()
        faults += [
            f"{event} {i} was added beside the trail" for i in rows if i not in vouched[event]
        ]
    return TrailCheck(seq, digest, tuple(faults))


def digest_of_row(row: Mapping[str, Any]) -> str:
    """
    Return the digest of *row* in a form that depends on nothing but its content.
    """
    text = json.dumps(dict(row), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _row(connection: sa.Connection, event: str, number: int) -> dict[str, Any] | None:
    table = RECORDED[event]
    row = connection.execute(sa.select(table).where(table.c.id == number)).mappings().one_or_none()
    return None if row is None else dict(row)


def _digest(previous: str, seq: int, at: float, event: str, row: int, content: str) -> str:
    text = json.dumps([previous, seq, at, event, row, content], separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()

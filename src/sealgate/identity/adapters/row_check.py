"""Names what somebody else wrote among users, keys and grants, and where their trail does not agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.chained import START
from sealgate.errors import SourceError
from sealgate.identity.adapters.database import digest_of_entry
from sealgate.identity.adapters.schema import (
    ENDED_WITH_A_PERSON,
    IDENTITIES,
    PEOPLE,
    SIGN_INS,
    STATE,
    TRAIL,
)
from sealgate.identity.adapters.sealed_rows import MARK, is_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMOVED = "user removed"
_MOST_SHOWN = 80


def check(connection: sa.Connection, written: tuple[int, str] | None) -> tuple[str, ...]:
    """Return every fault; *written* is the last entry of the trail that this host wrote."""
    faults = [*_forged(connection), *_gone(connection)]
    last: dict[str, tuple[int, str]] = {}
    faults += _trail(connection, last, written)
    faults += _behind(connection, last)
    return tuple(faults)


def _forged(connection: sa.Connection) -> Iterator[str]:
    listed = PEOPLE.all_marks(connection)
    for table in (IDENTITIES, SIGN_INS, STATE):
        for row in _rows(connection, table):
            if not is_sealed(connection, table, row):
                yield f"{_named(table, row)} was not written by Sealgate"
    for kept in PEOPLE.belongings:
        for row in _rows(connection, kept.table):
            marks = listed.get(row[kept.owner.name])
            if not is_sealed(connection, kept.table, row):
                yield f"{_named(kept.table, row)} was not written by Sealgate"
            elif marks is not None and row[MARK] not in marks:
                yield f"{_named(kept.table, row)} is of before, and was put back"
            elif marks is None and kept in ENDED_WITH_A_PERSON:
                yield f"{_named(kept.table, row)} is of nobody who is there, and was put back"


def _gone(connection: sa.Connection) -> Iterator[str]:
    for name in PEOPLE.all_marks(connection):
        for kept in PEOPLE.belongings:
            if kept.missing(connection, name):
                yield f'{kept.table.name}: a row of "{_shown(name)}" is missing'


def _trail(
    connection: sa.Connection, last: dict[str, tuple[int, str]], written: tuple[int, str] | None
) -> Iterator[str]:
    state = next(iter(_rows(connection, STATE)), None)
    number, digest, is_known = 0, START, written is None
    for entry in _rows(connection, TRAIL, TRAIL.c.id):
        number = entry["id"]
        try:
            follows = entry["digest"] == digest_of_entry(digest, entry)
        except (TypeError, ValueError):
            follows = False
        if not follows:
            yield f"identity_trail: entry {_shown(number)} was changed, or one before it is missing"
        digest = entry["digest"]
        is_known |= (number, digest) == written
        last[entry["subject"]] = (number, entry["action"])
    if state is None or (number, digest) != (state["trail_id"] or number, state["trail_digest"]):
        yield "identity_trail: the end was cut off, or something was added behind it"
    if not is_known and written is not None:
        yield (
            f"identity_trail: entry {written[0]}, which this host wrote, is gone: "
            "the database was put back to a state of before"
        )


def _behind(connection: sa.Connection, last: dict[str, tuple[int, str]]) -> Iterator[str]:
    people = {row["name"]: row["changed"] for row in _rows(connection, IDENTITIES)}
    for name, changed in people.items():
        number, _ = last.get(name, (0, ""))
        if changed != number:
            yield f'identities: "{_shown(name)}" does not agree with entry {number} of the trail'
    # What else a trail is about (an address, a site) is no user that was added.
    added = {
        row["subject"]
        for row in _rows(connection, TRAIL)
        if row["action"] == "user added" and row["subject"] not in people
    }
    for name in sorted(name for name in added if last[name][1] != _REMOVED):
        yield f'identities: "{_shown(name)}" is missing, but was not removed'


def _rows(
    connection: sa.Connection, table: sa.Table, order: sa.ColumnElement[Any] | None = None
) -> Iterator[dict[str, Any]]:
    query = sa.select(table) if order is None else sa.select(table).order_by(order)
    try:
        for row in connection.execute(query):
            yield row._asdict()
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"a row of {table.name} cannot be read: somebody else wrote it",
            hint="restore the database from a backup",
        ) from error


def _named(table: sa.Table, row: dict[str, Any]) -> str:
    shown = " ".join(_shown(row[column.name]) for column in table.primary_key)
    return f'{table.name} "{shown}"'


def _shown(value: Any) -> str:
    text = str(value)[:_MOST_SHOWN]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)

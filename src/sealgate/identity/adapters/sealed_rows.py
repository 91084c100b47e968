"""
Writes rows that say who may come in so that only Sealgate can have written them.

Each row holds a *seal*: HMAC (RFC 2104) with SHA-256 under a key of the site, over the name of
its table and every column. What a person has are rows with a *mark* besides, 64 random bits that
are new with each change, and the sealed row of the person lists the marks that count. So a row that
was written by anybody else, one that was changed, and one of before that was put back count for
nothing, and one that was removed is missed. The key is with the connection
(:func:`with_key`), where the rest of this room finds it.

What is used up without anybody deciding anything (the step of a one-time code, the counter of a
passkey) keeps its mark, so that a sign-in does not write the person anew; and so do sign-ins, which
end by themselves.
"""

from __future__ import annotations

import functools
import json
import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac

from sealgate.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

KEY_BYTES = 32
MARK, SEAL, MARKS = "mark", "seal", "marks"
_OPTION = "sealgate_row_key"
_FORM = "sealgate row 1"
_MARK_BYTES = 8
# Somebody else may change a row between our look and our change of it, on PostgreSQL.
_TRIES = 5


def marked() -> tuple[sa.Column[str], sa.Column[str]]:
    """Return the columns of a row that belongs to a person."""
    return sa.Column(MARK, sa.Text), sa.Column(SEAL, sa.Text)


def with_key(engine: sa.Engine, key: bytes) -> sa.Engine:
    """Return *engine* with *key* on each of its connections."""
    return engine.execution_options(**{_OPTION: key})


def key_of(connection: sa.Connection) -> bytes:
    """Return the key that :func:`with_key` put on *connection*."""
    key: bytes = connection.get_execution_options()[_OPTION]
    return key


def seal_of(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> str:
    """Return the seal that *row* of *table* must have."""
    return _mac(connection, table, row).finalize().hex()


def is_sealed(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Return whether *row* of *table* has the seal that it must have."""
    try:
        _mac(connection, table, row).verify(bytes.fromhex(row[SEAL]))
    except (InvalidSignature, TypeError, ValueError):
        # SQLite keeps whatever somebody puts into a column.
        return False
    return True


def all_sealed(
    connection: sa.Connection,
    table: sa.Table,
    where: sa.ColumnElement[bool] | None = None,
    order_by: Iterable[sa.ColumnElement[Any]] = (),
) -> tuple[sa.Row[Any], ...]:
    """Return the rows of *table* of which *where* holds, without those that somebody else wrote."""
    query = sa.select(table).order_by(*order_by)
    try:
        rows = connection.execute(query if where is None else query.where(where)).all()
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"a row of {table.name} cannot be read: somebody else wrote it",
            hint="sealgate verify --register",
        ) from error
    return tuple(row for row in rows if is_sealed(connection, table, row._asdict()))


class People:
    """The sealed rows of *identities*, whose column *marks* tells which other rows count."""

    def __init__(self, identities: sa.Table) -> None:
        self._table = identities
        #: The tables of rows that belong to people.
        self.belongings: list[Belongings] = []

    def marks(self, connection: sa.Connection, name: str) -> frozenset[str] | None:
        """Return the marks that count of the person *name*, ``None`` when there is no such person."""
        found = all_sealed(connection, self._table, self._table.c.name == name)
        return _marks(found[0]) if found else None

    def all_marks(self, connection: sa.Connection) -> dict[str, frozenset[str]]:
        """Return the marks that count, of each person."""
        return {row.name: _marks(row) for row in all_sealed(connection, self._table)}

    def relist(
        self, connection: sa.Connection, name: str, more: Iterable[str], less: Iterable[str]
    ) -> None:
        """Have *more* count of the person *name*, and *less* no longer, where there is that person."""
        added, taken = set(more), set(less)
        for _ in range(_TRIES):
            found = all_sealed(connection, self._table, self._table.c.name == name)
            if not found:
                return
            marks = json.dumps(sorted((_marks(found[0]) - taken) | added))
            if rewrite(connection, self._table, found[0], {MARKS: marks}):
                return
        raise _contended(self._table)


def rewrite(
    connection: sa.Connection, table: sa.Table, row: sa.Row[Any], values: Mapping[str, Any]
) -> bool:
    """Give *row* of *table* other *values* and the seal of these; False when it changed meanwhile."""
    before = row._asdict()
    after = {**before, **values}
    after[SEAL] = seal_of(connection, table, after)
    same = sa.and_(*(column == before[column.name] for column in table.primary_key))
    changed = connection.execute(
        sa.update(table).where(same, table.c[SEAL] == before[SEAL]).values(**after)
    )
    return changed.rowcount == 1


class Belongings:
    """The rows of *table*, each of the person that its column *owner* names."""

    def __init__(self, people: People, table: sa.Table, owner: str = "identity") -> None:
        self._people = people
        people.belongings.append(self)
        self.table = table
        self.owner: sa.Column[Any] = table.c[owner]

    def found(
        self,
        connection: sa.Connection,
        where: sa.ColumnElement[bool] | None = None,
        order_by: Iterable[sa.ColumnElement[Any]] = (),
        *,
        of_the_living: bool = False,
    ) -> tuple[sa.Row[Any], ...]:
        """
        Return the rows of which *where* holds and that count.

        Of somebody who was removed, every sealed row is there, for it tells what was; but none
        *of_the_living*, which is to be asked for where a row lets somebody in.
        """
        rows = all_sealed(connection, self.table, where, order_by)
        if not rows:
            return ()
        owners = {getattr(row, self.owner.name) for row in rows}
        listed = (
            {name: self._people.marks(connection, name) for name in owners}
            if len(owners) == 1
            else self._people.all_marks(connection)
        )
        marks = [listed.get(getattr(row, self.owner.name)) for row in rows]
        return tuple(
            row
            for row, counting in zip(rows, marks, strict=True)
            if (not of_the_living if counting is None else row.mark in counting)
        )

    def missing(self, connection: sa.Connection, name: str) -> bool:
        """Return whether a row of the person *name* is gone that should be there."""
        marks = self._people.marks(connection, name) or frozenset()
        prefix = f"{self.table.name}:"
        due = {mark for mark in marks if mark.startswith(prefix)}
        here = {row.mark for row in self.found(connection, self.owner == name)}
        return not due <= here

    def put(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add *rows*, and have them count."""
        made: dict[str, list[str]] = {}
        full = []
        for row in rows:
            given: dict[str, Any] = {c.name: row.get(c.name) for c in self.table.columns}
            given[MARK] = self._mark()
            given[SEAL] = seal_of(connection, self.table, given)
            made.setdefault(given[self.owner.name], []).append(given[MARK])
            full.append(given)
        if full:
            connection.execute(sa.insert(self.table), full)
        for name, marks in made.items():
            self._people.relist(connection, name, marks, ())

    def change(
        self,
        connection: sa.Connection,
        where: sa.ColumnElement[bool],
        values: Mapping[str, Any],
        *,
        keeps_mark: bool = False,
    ) -> int:
        """
        Give the rows of which *where* holds and that count other *values*; return how many.

        *keeps_mark*: what changes is used up and decides nothing, and may be put back.
        """
        done = 0
        for row in self.found(connection, where):
            more = {} if keeps_mark else {MARK: self._mark()}
            if not rewrite(connection, self.table, row, {**values, **more}):
                continue
            done += 1
            if more:
                name = getattr(row, self.owner.name)
                self._people.relist(connection, name, more.values(), (row.mark,))
        return done

    def drop(self, connection: sa.Connection, where: sa.ColumnElement[bool]) -> int:
        """Remove the rows of which *where* holds, whoever wrote them; return how many counted."""
        gone: dict[str, list[str]] = {}
        rows = self.found(connection, where)
        for row in rows:
            gone.setdefault(getattr(row, self.owner.name), []).append(row.mark)
        removed = connection.execute(sa.delete(self.table).where(where)).rowcount
        for name, marks in gone.items():
            self._people.relist(connection, name, (), marks)
        return min(removed, len(rows))

    def sweep(self, connection: sa.Connection, name: str) -> None:
        """Remove the rows of the person *name* that do not count."""
        counting = {row.mark for row in self.found(connection, self.owner == name)}
        mark = self.table.c[MARK]
        stray = mark.not_in(counting) | mark.is_(None)
        connection.execute(sa.delete(self.table).where(self.owner == name, stray))

    def _mark(self) -> str:
        return f"{self.table.name}:{secrets.token_hex(_MARK_BYTES)}"


def put_sealed(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Add *row* to *table*, whose rows have a seal and no mark."""
    given = {column.name: row.get(column.name) for column in table.columns}
    given[SEAL] = seal_of(connection, table, given)
    connection.execute(sa.insert(table).values(**given))


def seal_all(connection: sa.Connection, table: sa.Table, owner: str = "") -> dict[str, list[str]]:
    """
    Seal every row that is in *table* now, for an installation of before.

    Returns the marks of the rows by *owner*, when that is a column.
    """
    marks: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(table)).mappings().all():
        after = dict(row)
        if owner:
            after[MARK] = f"{table.name}:{secrets.token_hex(_MARK_BYTES)}"
            marks.setdefault(row[owner], []).append(after[MARK])
        after[SEAL] = seal_of(connection, table, after)
        same = sa.and_(*(column == row[column.name] for column in table.primary_key))
        connection.execute(sa.update(table).where(same).values(**after))
    return marks


def key_id(key: bytes) -> str:
    """Return what tells whether rows were sealed with *key*, and nothing of the key."""
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(f"{_FORM} key".encode())
    return made.finalize().hex()[:16]


def _mac(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> hmac.HMAC:
    # What is NULL is left out, so that a column of a later version changes no seal of before.
    values = [
        [name, plain(row[name])] for name, plain in _columns(table) if row.get(name) is not None
    ]
    text = json.dumps([_FORM, table.name, values], separators=(",", ":"), ensure_ascii=True)
    made = _keyed(key_of(connection)).copy()
    made.update(text.encode("ascii"))
    return made


@functools.lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    return hmac.HMAC(key, hashes.SHA256())


@functools.lru_cache(maxsize=64)
def _columns(table: sa.Table) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    columns = sorted(table.columns, key=lambda column: column.name)
    return tuple((column.name, _plain(column)) for column in columns if column.name != SEAL)


def _plain(column: sa.Column[Any]) -> Callable[[Any], Any]:
    # As it comes back: a whole number in a column of floating point is one of these.
    if isinstance(column.type, sa.Float):
        return float
    if isinstance(column.type, sa.Boolean):
        return bool
    return _readable


def _readable(value: Any) -> Any:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value


def _marks(row: sa.Row[Any]) -> frozenset[str]:
    return frozenset(json.loads(row.marks))


def _contended(table: sa.Table) -> SourceError:
    return SourceError(f"{table.name} is changed by too many at once", hint="try again")

"""
Tables of any database that SQLAlchemy speaks to, and SQLite files, read row by row.

Nothing is written: a SQLite file is opened read-only. Users, passwords and parameters
of a database URL are never part of a place.
"""

from __future__ import annotations

import os
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from sealgate.assess.adapters.opened import why
from sealgate.assess.model import Columns, Item, Missed, Sampled, SourceKind, Unread
from sealgate.errors import UsageError
from sealgate.policy.assets import AssetKind

if TYPE_CHECKING:
    from sealgate.assess.model import Cell, Content

SQLITE_MAGIC = b"SQLite format 3\x00"
# Files that belong to a SQLite database of the name before them.
SQLITE_COMPANIONS = ("-wal", "-shm", "-journal")
# Rows are fetched in batches of about so many bytes, the first of few rows.
_BATCH_BYTES = 1 << 21
_BATCH_ROWS = 4096
_FIRST_ROWS = 128
_SQLITE_DRIVERS = frozenset(["sqlite", "sqlite+pysqlite"])


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    What is particular to one database beside what SQLAlchemy knows; *name* is SQLAlchemy's.

    *install* gets its driver. *schemas* hold the database's own tables. *options* have a
    connection write nothing.
    """

    name: str
    install: str = "install the SQLAlchemy driver that the URL names"
    schemas: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()


# Any other database is read as well, read-only as far as its user is.
DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        "postgresql",
        'pip install "sealgate[postgresql]"',
        ("pg_catalog", "pg_toast"),
        (("postgresql_readonly", True),),
    ),
    # SQLAlchemy has a name for each, and no option to read only.
    *(
        Dialect(name, schemas=("mysql", "sys", "performance_schema"))
        for name in ("mysql", "mariadb")
    ),
)
_OWN_SCHEMAS = frozenset(["information_schema", *(s for d in DIALECTS for s in d.schemas)])


def dialect_of(name: str) -> Dialect:
    """Return what is particular to the database *name*, nothing where that is not known."""
    return next((dialect for dialect in DIALECTS if dialect.name == name), Dialect(name))


@dataclass(frozen=True, slots=True)
class Database:
    """
    A database as a source: one item per table.

    *place* is shown in its stead; *connect* makes an engine. *sample* limits the rows.
    """

    place: str
    engine: Callable[[], sa.Engine]
    sample: int | None = None

    def items(self) -> Iterator[Item | Unread]:
        """Yield each table, schema by schema, in the order of their names."""
        try:
            with _quietly(), _disposed(self.engine()) as engine:
                tables = _tables(engine)
        except _FAILURES as error:
            yield Unread(self.place, _why(error), AssetKind.DATABASE)
            return
        if not tables:
            yield Item(AssetKind.DATABASE, self.place, "", "database", lambda: iter(()))
        for schema, table in tables:
            name = f"{schema}.{table}" if schema else table
            yield Item(
                kind=AssetKind.TABLE,
                place=f"{self.place}:{name}",
                name=name,
                format="table",
                contents=partial(self._contents, schema, table),
                parent=self.place,
            )

    def _contents(self, schema: str | None, table: str) -> Iterator[Content]:
        read = 0
        try:
            with _quietly(), _disposed(self.engine()) as engine, engine.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                plain = isinstance(driver, sqlite3.Connection)
                if plain:
                    # Text comes as it lies there: the scanner wants bytes.
                    driver.text_factory = bytes
                options = dict(dialect_of(connection.dialect.name).options)
                if options:
                    connection.execution_options(**options)
                target = sa.table(table, schema=schema)
                query = sa.select(sa.text("*")).select_from(target)
                if self.sample is not None:
                    count = sa.select(sa.func.count()).select_from(target)
                    total = connection.execute(count).scalar_one()
                    if total > self.sample:
                        yield Sampled(self.sample, total)
                        query = query.limit(self.sample)
                result = connection.execution_options(
                    stream_results=not plain, max_row_buffer=_FIRST_ROWS
                ).execute(query)
                names = tuple(result.keys())
                # SQLite's own cursor streams, and its rows need no wrapping.
                cursor: Any = result.cursor if plain else result
                size = _FIRST_ROWS
                while rows := cursor.fetchmany(size):
                    cells = tuple(map(_cells, zip(*rows, strict=True)))
                    yield Columns(names, cells, len(rows), from_schema=True)
                    read += len(rows)
                    size = _rows_of_a_batch(rows)
                if not read:
                    yield Columns(names, tuple(() for _ in names), 0, from_schema=True)
        except _FAILURES as error:
            # Messages of databases quote statements and rows; only the kind is told.
            yield Missed(f"{_why(error)}, after {read} rows")


_CELL_TYPES = frozenset([str, bytes, type(None)])
_FAILURES = (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, ValueError, ImportError)


def sqlite_file(path: str, sample: int | None) -> Database:
    """Return the SQLite database in the file at *path*."""
    return Database(path, partial(_sqlite_engine, path), sample)


def database_at(url: str, sample: int | None) -> Database:
    """
    Return the database at *url* (any SQLAlchemy URL).

    Raises:
        UsageError: it is no such URL, or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise UsageError(
            "the source is no database URL", hint="use a URL such as sqlite:///shop.sqlite"
        ) from error
    if "@" in (parsed.host or ""):
        # A part of the password would be taken for the host, and shown.
        raise UsageError(
            "the source is no database URL: two @ stand in it",
            hint="write %40 for an @ in a user name or password",
        )
    place = _place(parsed)
    if parsed.drivername in _SQLITE_DRIVERS:
        # Opened in our own way, so that it is not written to, nor made when it is missing.
        if not parsed.database or parsed.query or not os.path.isfile(parsed.database):  # noqa: PTH113
            raise UsageError(
                "the source names no SQLite file that exists", hint="give the path of the file"
            )
        return sqlite_file(os.path.abspath(parsed.database), sample)  # noqa: PTH100
    try:
        sa.create_engine(parsed).dispose()
    except (sa.exc.SQLAlchemyError, ImportError, TypeError, ValueError) as error:
        driver = parsed.get_backend_name()
        known = driver.isidentifier() and driver.isascii()
        raise UsageError(
            f"no driver for {driver if known else 'this kind of database'} is installed",
            hint=dialect_of(driver).install,
        ) from error
    return Database(place, partial(sa.create_engine, parsed), sample)


def _place(url: sa.URL) -> str:
    host = url.host or ""
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{host}{port}/{url.database or ''}"


def _sqlite_engine(path: str) -> sa.Engine:
    def connect() -> sqlite3.Connection:
        # A database that somebody is writing to has its newest rows in the log beside it,
        # and has to be read through it. Any other is not touched at all.
        live = any(_has_content(path + suffix) for suffix in ("-wal", "-journal"))
        mode = "mode=ro" if live else "mode=ro&immutable=1"
        address = f"file:{quote(os.fsencode(path))}?{mode}"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        # Text that is no UTF-8 must not stop the reading (nor be quoted in an error).
        connection.text_factory = _text
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _has_content(path: str) -> bool:
    try:
        return os.path.getsize(path) > 0  # noqa: PTH202
    except OSError:
        return False


def _tables(engine: sa.Engine) -> list[tuple[str | None, str]]:
    inspector = sa.inspect(engine)
    default = inspector.default_schema_name
    schemas: list[str | None] = [
        None if schema == default else schema
        for schema in inspector.get_schema_names()
        if schema.lower() not in _OWN_SCHEMAS
    ]
    found = [(s, table) for s in schemas or [None] for table in inspector.get_table_names(schema=s)]
    return sorted(found, key=lambda st: (st[0] or "", st[1]))


def _rows_of_a_batch(rows: Sequence[Sequence[Any]]) -> int:
    """Return how many rows to fetch next, by the size of some of *rows*."""
    some = rows[:: max(1, len(rows) // 16)]
    size = sum(len(v) for row in some for v in row if isinstance(v, str | bytes)) // len(some)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES // max(1, size)))


def _cells(column: Sequence[Any]) -> Sequence[Cell]:
    if set(map(type, column)) <= _CELL_TYPES:
        return column
    return list(map(_cell, column))


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | bytes):
        return value
    return bytes(value) if isinstance(value, bytearray | memoryview) else str(value)


def _why(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    if isinstance(original, ImportError):
        return "the driver of this database is not installed"
    if isinstance(original, OSError):
        return why(original)
    code = getattr(original, "sqlite_errorname", None)
    return f"the database cannot be read ({code or type(original).__name__})"


@contextmanager
def _disposed(engine: sa.Engine) -> Iterator[sa.Engine]:
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _quietly() -> Iterator[None]:
    # Drivers warn on standard error about types they do not know, and name them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
KIND = SourceKind(
    "sqlite:///shop.sqlite",
    lambda text: _URL.match(text) is not None,
    lambda url, _shown, sample: database_at(url, sample),
)

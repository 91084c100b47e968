"""
Opens the SQL database that a room keeps its tables in, and brings it up to date.

Each room owns its tables and its Alembic migrations; several rooms may share one
database, because each keeps a version table of its own. SQLite by default; any
SQLAlchemy URL for a team.
"""

from __future__ import annotations

import contextlib
import re
import threading
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.errors import SealgateError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.runtime.environment import EnvironmentContext
    from sqlalchemy.engine.interfaces import DBAPIConnection

_WRITES = "sealgate_writes"
# What PostgreSQL is made to say to a program of another version (identity, revision 0006).
_OTHER_VERSION = "ObjectNotInPrerequisiteState"
# Alembic keeps what it works on in its modules, so threads take turns.
_ALEMBIC = threading.Lock()
# One whose medium stopped answering keeps the others no longer than this.
_TURN_SECONDS = 60.0
# The newest tables, as statements of SQLite; `scripts/generate_schemas.py` writes it.
SCHEMA = "head.sql"
# What of a URL may stand in a message as it is.
_PLAIN = re.compile(r"[A-Za-z0-9._:-]*")


def _nothing(_connection: sa.Connection) -> None:
    """Put no rows into tables that are new."""


def open_database(url: str) -> sa.Engine:
    """
    Return an engine for *url*; a SQLite file is created readable by its owner only.

    SQLite runs in WAL mode with full fsync, so that an acknowledged write survives a
    crash, and holds foreign keys.

    Raises:
        SourceError: the URL is none, its driver is not installed, or a SQLite file
            cannot be made there.
    """
    parsed = read_url(url)
    try:
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise _no_url(url, error) from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            path = Path(parsed.database)
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600, exist_ok=True)
            except OSError as error:
                message = f'database file "{path}" cannot be opened: {error.strerror}'
                raise SourceError(message, hint=f"ls -ld '{path.parent}'") from error
        sa.event.listen(engine, "connect", _settle_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def read_url(url: str) -> sa.URL:
    """
    Return the parts of *url*.

    Raises:
        SourceError: it is no SQLAlchemy URL.
    """
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise _no_url(url, error) from error


def _no_url(url: str, error: Exception) -> SourceError:
    message = f'database URL "{_masked(url)}" cannot be opened: {type(error).__name__}'
    return SourceError(message, hint="use a URL such as sqlite:///register.sqlite")


def sqlite_url(path: str) -> str:
    """Return the URL of the SQLite file at *path*, whatever characters are in it."""
    return sa.URL.create("sqlite", database=path).render_as_string()


def migrate(
    engine: sa.Engine,
    migrations: Path,
    version_table: str,
    *,
    head: str,
    first: Callable[[sa.Connection], None] = _nothing,
) -> None:
    """
    Bring the tables of one room to the newest schema, without loss, in one transaction.

    *migrations* is the room's Alembic folder (``versions/`` inside it), *head* its newest
    revision. A database that is up to date already is only read. A file without these tables
    gets those of ``head.sql`` in that folder, and the rows that *first* puts into new ones.

    Raises:
        SourceError: the file is no database, is damaged, or is newer than this Sealgate.
    """
    try:
        if not is_at(engine, version_table, head) and not _made(
            engine, migrations / SCHEMA, version_table, head, first
        ):
            migrate_step_by_step(engine, migrations, version_table)
    except Exception as error:
        shown = f'database "{_masked(str(engine.url))}"'
        if isinstance(error, sa.exc.OperationalError) and engine.dialect.name != "sqlite":
            # Another driver's word for a server that does not answer, or does not let us in.
            message = f"{shown} cannot be reached: {type(error.orig or error).__name__}"
            raise SourceError(message, hint="see `url` under [register]") from error
        message = f"{shown} cannot be brought up to date: {type(error).__name__}"
        raise SourceError(
            message, hint="it may be damaged or from a newer version; restore a backup"
        ) from error


def is_at(engine: sa.Engine, version_table: str, head: str) -> bool:
    """Return whether the tables of one room are there, and at the revision *head*."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table(version_table):
            return False
        table = sa.table(version_table, sa.column("version_num"))
        return set(connection.scalars(sa.select(table.c.version_num))) == {head}


def is_new(engine: sa.Engine, version_table: str) -> bool:
    """Return whether the tables of one room are made at once, in a file that has none."""
    with engine.connect() as connection:
        return _lacks(connection, version_table)


def _lacks(connection: sa.Connection, version_table: str) -> bool:
    return connection.dialect.name == "sqlite" and not sa.inspect(connection).has_table(
        version_table
    )


def _made(
    engine: sa.Engine,
    schema: Path,
    version_table: str,
    head: str,
    first: Callable[[sa.Connection], None],
) -> bool:
    """Return whether the tables were made by *schema*; there, they are brought up to date."""
    if not schema.exists():
        return False
    with (
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        # Another process may have been first.
        if not _lacks(connection, version_table):
            return False
        for statement in schema.read_text(encoding="utf-8").split(";\n"):
            connection.exec_driver_sql(statement)  # nothing, behind the last
        version = sa.table(version_table, sa.column("version_num"))
        connection.execute(sa.insert(version).values(version_num=head))
        first(connection)
    return True


def migrate_step_by_step(engine: sa.Engine, migrations: Path, version_table: str) -> None:
    """Run those of the *migrations* that are missing, in one transaction; the first makes tables."""
    # 12 MiB that a gateway would hold for ever, and needs only after an update.
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime import environment  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    # The option is read by configparser, where a percent sign begins a reference.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)  # noqa: SLF001  # what alembic's own command does

    # Another process may be doing the same: the second one waits, then finds it done.
    with (
        engine.connect().execution_options(**{_WRITES: True}) as connection,
        connection.begin(),
    ):
        _wait_for_turn(connection, version_table)
        context = environment.EnvironmentContext(config, script, fn=steps, destination_rev="head")
        _run(connection, version_table, context)


def _run(connection: sa.Connection, version_table: str, context: EnvironmentContext) -> None:
    if not _ALEMBIC.acquire(timeout=_TURN_SECONDS):
        raise TimeoutError
    try:
        with context as environment:
            environment.configure(
                connection=connection, version_table=version_table, render_as_batch=True
            )
            environment.run_migrations()
    finally:
        _ALEMBIC.release()


def _wait_for_turn(connection: sa.Connection, version_table: str) -> None:
    # SQLite has one writer. PostgreSQL lets two make the same table at once, and one fails.
    if connection.dialect.name == "postgresql":
        number = zlib.crc32(f"sealgate {version_table}".encode())
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


@contextlib.contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """
    Give a connection for one consistent look; nothing that is done with it is kept.

    Raises:
        SourceError: the database cannot be read.
    """
    try:
        with engine.connect() as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise _unusable(engine, "read", error) from error


def quick_look(engine: sa.Engine, query: str) -> Any | None:
    """
    Return the one value that *query* asks for, ``None`` when it could not be asked.

    Past SQLAlchemy's own layers, for a question of every sign-in: a tenth of the time of
    :func:`reading`, which is the one to ask then, because it knows how to complain.
    """
    held = None
    try:
        held = engine.raw_connection()
        cursor = held.cursor()
        cursor.execute(query)
        row = cursor.fetchone()
        cursor.close()
    except Exception as error:  # noqa: BLE001  # each driver has errors of its own
        if held is not None:
            held.invalidate(error)
        return None
    held.close()
    return row[0] if row else None


@contextlib.contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """
    Give a connection for one change, kept whole when the block ends, else not at all.

    On SQLite the change waits for other writers *before* it reads, so that what it read
    still holds when it writes.

    Raises:
        SourceError: the database cannot be written.
    """
    try:
        with (
            engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection
    except SealgateError:
        raise
    except sa.exc.SQLAlchemyError as error:
        raise _unusable(engine, "written", error) from error


def _settle_sqlite(connection: DBAPIConnection, _record: object) -> None:
    # The driver begins transactions late and never around DDL; _begin_sqlite does it.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _unusable(engine: sa.Engine, done: str, error: sa.exc.SQLAlchemyError) -> SourceError:
    # The driver's own text may quote values, so only its kind is told.
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorname", "") or type(cause).__name__
    hint = "see whether the disk is full and the file whole, or restore a backup"
    if code == _OTHER_VERSION:
        hint = "another host brought it up to date: install that version here, and restart"
    return SourceError(f'database "{_masked(str(engine.url))}" cannot be {done}: {code}', hint=hint)


def _masked(url: str) -> str:
    # A password may also stand in the query, or anywhere when it was not quoted as it must be.
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return "…"
    if parsed.get_backend_name() == "sqlite":
        return parsed.set(query={}).render_as_string()
    user, host, name = (
        (part or "") if _PLAIN.fullmatch(part or "") else "…"
        for part in (parsed.username, parsed.host, parsed.database)
    )
    secret = "" if parsed.password is None else ":***"
    who = "" if parsed.username is None else f"{user}{secret}@"
    where = host if parsed.port is None else f"{host}:{parsed.port}"
    return f"{parsed.drivername}://{who}{where}/{name}"

"""
Opens the SQL database that a room keeps its tables in, and brings it up to date.

Each room owns its tables and its Alembic migrations; several rooms may share one
database, because each keeps a version table of its own. SQLite by default; any
SQLAlchemy URL for a team.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from sealgate.errors import SourceError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection


def open_database(url: str) -> sa.Engine:
    """
    Return an engine for *url*; a SQLite file is created readable by its owner only.

    SQLite runs in WAL mode with full fsync, so that an acknowledged write survives a
    crash, and holds foreign keys.

    Raises:
        SourceError: the URL is none, or its driver is not installed.
    """
    try:
        parsed = sa.make_url(url)
        engine = sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        message = f'database URL "{_masked(url)}" cannot be opened: {type(error).__name__}'
        raise SourceError(message, hint="use a URL such as sqlite:///register.sqlite") from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            path = Path(parsed.database)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=True)
        sa.event.listen(engine, "connect", _settle_sqlite)
    return engine


def migrate(engine: sa.Engine, migrations: Path, version_table: str) -> None:
    """
    Bring the tables of one room to the newest schema, without loss, in one transaction.

    *migrations* is the room's Alembic folder (``versions/`` inside it).

    Raises:
        SourceError: the file is no database, is damaged, or is newer than this Sealgate.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations))
    script = ScriptDirectory.from_config(config)

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)  # noqa: SLF001  # what alembic's own command does

    try:
        with (
            engine.begin() as connection,
            EnvironmentContext(config, script, fn=steps, destination_rev="head") as environment,
        ):
            environment.configure(
                connection=connection, version_table=version_table, render_as_batch=True
            )
            environment.run_migrations()
    except Exception as error:
        message = (
            f'database "{_masked(str(engine.url))}" cannot be brought up to date: '
            f"{type(error).__name__}"
        )
        raise SourceError(
            message, hint="it may be damaged or from a newer version; restore a backup"
        ) from error


def _settle_sqlite(connection: DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _masked(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "…"

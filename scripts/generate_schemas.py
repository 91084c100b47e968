"""
Writes ``head.sql`` beside each room's migrations: the tables that these lead to in SQLite.

An empty file gets them at once (:func:`sealgate.database.migrate`). With ``--check`` nothing is
written, and what is stale is told.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa

from sealgate.database import SCHEMA, migrate_step_by_step, open_database, sqlite_url
from sealgate.identity.adapters import database as identities
from sealgate.identity.adapters.sealed_rows import with_key
from sealgate.register.adapters import store as register
from sealgate.storage.adapters import records

ROOMS = (
    (identities.MIGRATIONS, identities.VERSION_TABLE),
    (register.MIGRATIONS, register.VERSION_TABLE),
    (records.MIGRATIONS, records.VERSION_TABLE),
)


def schema_of(migrations: Path, version_table: str) -> str:
    """Return the statements that make what *migrations* make of an empty file."""
    with tempfile.TemporaryDirectory() as folder:
        engine = with_key(open_database(sqlite_url(f"{folder}/empty.sqlite")), bytes(32))
        migrate_step_by_step(engine, migrations, version_table)
        with engine.connect() as connection:
            # Indexes of one table come in any order.
            made = connection.scalars(
                sa.text(
                    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
                    " ORDER BY type = 'index', CASE type WHEN 'index' THEN name END, rowid"
                )
            ).all()
        engine.dispose()
    return "".join(f"{statement};\n" for statement in made)


def main() -> int:
    """Write what is stale, or tell it."""
    stale = [
        (migrations / SCHEMA, schema)
        for migrations, version_table in ROOMS
        if (schema := schema_of(migrations, version_table))
        != (path.read_text() if (path := migrations / SCHEMA).exists() else "")
    ]
    for path, schema in stale:
        if "--check" in sys.argv:
            print(f"{path} is stale: python scripts/generate_schemas.py")
        else:
            path.write_text(schema)
    return int("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    sys.exit(main())

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.register.adapters.store import Register
from sealgate.register.adapters.tables import METADATA, VERSION_TABLE

if TYPE_CHECKING:
    from pathlib import Path


def test_the_migrations_lead_to_the_tables(tmp_path: Path) -> None:
    """What the migrations make is what the code reads: same tables, columns and demands."""
    url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    Register(url).close()
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    made = {
        table: {c["name"]: c["nullable"] for c in inspector.get_columns(table)}
        for table in inspector.get_table_names()
        if table != VERSION_TABLE
    }
    engine.dispose()
    assert made == {
        table.name: {c.name: bool(c.nullable) for c in table.columns}
        for table in METADATA.tables.values()
    }

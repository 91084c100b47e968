"""The database is brought up to date without this process carrying what that takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sealgate.app import upgrade
from sealgate.app.state import check_register, database_url
from sealgate.app.upgrade import upgrade_apart
from sealgate.app.users import open_identities
from sealgate.database import is_at, migrate_step_by_step, open_database, sqlite_url
from sealgate.errors import SourceError
from sealgate.identity.adapters import store as identities
from sealgate.policy.inventory import Inventory
from sealgate.register.adapters import store as register
from sealgate.register.adapters.tables import VERSION_TABLE

LOOK = """
import sys
from sealgate.app.state import open_register
from sealgate.app.upgrade import upgrade_apart
from sealgate.app.users import open_identities
from sealgate.policy.inventory import Inventory

inventory = Inventory(source="sealgate.toml", state_folder=sys.argv[1])
upgrade_apart(inventory)
open_register(inventory).close()
open_identities(inventory).close()
print(sorted({"alembic", "mako"} & sys.modules.keys()))
"""


_SERVES = """
import sys
from sealgate.control import ControlLock

lock = ControlLock(sys.argv[1])
print("serves", flush=True)
sys.stdin.read()
"""


def test_nothing_that_migrates_stays_in_this_process(tmp_path: Path) -> None:
    """A process that opens a new database after it never loads Alembic."""
    run = subprocess.run(
        [sys.executable, "-c", LOOK, str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_both_rooms_are_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old register is at its head after it, and so are new identities; then nothing is started."""
    monkeypatch.setattr(upgrade, "_MIGRATES", "no such module")
    monkeypatch.setattr(upgrade, "_SECONDS", 600.0)
    inventory = Inventory(source="sealgate.toml", state_folder=str(tmp_path / "state"))
    engine = open_database(database_url(inventory))
    older = tmp_path / "migrations" / "versions"
    older.mkdir(parents=True)
    for step in register.MIGRATIONS.glob("versions/r000[123]_*.py"):
        shutil.copy(step, older)
    migrate_step_by_step(engine, older.parent, VERSION_TABLE)
    upgrade_apart(inventory)
    assert is_at(engine, VERSION_TABLE, register.HEAD)
    assert is_at(engine, identities.VERSION_TABLE, identities.HEAD)
    engine.dispose()
    monkeypatch.setattr(subprocess, "run", None)
    upgrade_apart(inventory)


def test_new_tables_are_there_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks while the gateway runs finds them, and takes it for no older one; no child runs."""
    monkeypatch.setattr(upgrade, "_MIGRATES", "no such module")
    monkeypatch.setattr(subprocess, "run", None)
    inventory = Inventory(source="sealgate.toml", state_folder=str(tmp_path))
    upgrade_apart(inventory)
    engine = open_database(database_url(inventory))
    assert is_at(engine, VERSION_TABLE, register.HEAD)
    assert is_at(engine, identities.VERSION_TABLE, identities.HEAD)
    engine.dispose()


def test_a_damaged_database_is_left_to_who_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It raises nothing and changes nothing."""
    monkeypatch.setattr(upgrade, "_MIGRATES", "no such module")
    damaged = tmp_path / "register.sqlite"
    damaged.write_bytes(b"no database" * 1000)
    inventory = Inventory(
        source="sealgate.toml",
        state_folder=str(tmp_path),
        register_url=sqlite_url(str(damaged)),
    )
    upgrade_apart(inventory)
    assert damaged.read_bytes() == b"no database" * 1000


def test_no_command_updates_what_an_older_gateway_uses(tmp_path: Path) -> None:
    """What it went on to write would be told as somebody else's; it is to be restarted first."""
    inventory = Inventory(source="sealgate.toml", state_folder=str(tmp_path))
    open_identities(inventory).close()
    engine = open_database(database_url(inventory))
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {identities.VERSION_TABLE} SET version_num = '0004'"))  # noqa: S608
    engine.dispose()
    command = [sys.executable, "-c", _SERVES, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        assert gateway.stdout.readline() == b"serves\n"
        for ask in (open_identities, check_register):
            with pytest.raises(SourceError, match="older than this program"):
                ask(inventory)
        with engine.begin() as connection:
            head = f"UPDATE {identities.VERSION_TABLE} SET version_num = '{identities.HEAD}'"  # noqa: S608
            connection.execute(sa.text(head))
        engine.dispose()
        open_identities(inventory).close()
        gateway.communicate(b"")

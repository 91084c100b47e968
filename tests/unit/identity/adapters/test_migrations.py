"""A database that an older Sealgate wrote is brought up to date, and nothing in it is lost."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import SourceError
from sealgate.identity.adapters.row_key import KEY_NAME
from sealgate.identity.adapters.store import HEAD, IdentityStore
from sealgate.identity.model import Identity, admitted

# Written by version 0001 itself, with two users, one of them gone, and three certificates.
OLD = Path(__file__).parents[3] / "data/identity/0001.sqlite"


# Those that the old version had.
COLUMNS = {
    "identities": "name, added_at",
    "identity_groups": "identity, name",
    "client_certificates": ("serial, fingerprint, identity, not_before, not_after, revoked_at"),
    "identity_trail": "id, at, by, action, subject, detail",
    "identity_state": "id, generation, password_rounds",
}
OPENER = """
import sys
from sealgate.identity.adapters.store import IdentityStore
with IdentityStore(sys.argv[1]) as store:
    print(store.generation(), len(store.identities()))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a copy of the old file."""
    return Path(shutil.copy(OLD, tmp_path / "register.sqlite"))


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    """Return every row of *table*."""
    connection = sqlite3.connect(path)
    try:
        columns = COLUMNS.get(table, "*")
        return sorted(connection.execute(f"SELECT {columns} FROM {table}").fetchall())  # noqa: S608
    finally:
        connection.close()


def test_the_old_file_is_old() -> None:
    """It has none of the tables that came later."""
    connection = sqlite3.connect(f"file:{OLD}?mode=ro&immutable=1", uri=True)
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert "identity_version" in names
    assert not names & {"ssh_keys", "passwords", "identity_state"}


def test_everything_is_there_afterwards(path: Path) -> None:
    """Row for row what it held, and new credentials can be added at once."""
    tables = ("identities", "identity_groups", "client_certificates", "identity_trail")
    before = {table: rows(path, table) for table in tables}
    with IdentityStore(sqlite_url(str(path))) as store:
        after = {table: rows(path, table) for table in tables}
        # The trail tells that everything was sealed as it stood.
        *trail, sealed = after["identity_trail"]
        assert after | {"identity_trail": trail} == before
        assert sealed[2:5] == ("sealgate", "register sealed", "")
        assert store.check() == ()
        assert [len(before[table]) for table in tables] == [2, 2, 3, 8]
        assert store.identities() == (
            Identity("Jürgen Groß"),
            Identity("anna", ("editors", "staff")),
        )
        assert admitted(*store.everything(), ["group:staff"], 1_800_000_000) == ("a1" * 32,)
        assert store.generation() == 1
        assert store.credentials.ssh_keys() == ()
        store.credentials.set_password(
            "Jürgen Groß", "correct horse battery staple", by="me", now=1
        )
        assert store.credentials.check_password("Jürgen Groß", "correct horse battery staple")
    assert rows(path, "identity_version") == [(HEAD,)]


def test_processes_that_start_at_once_bring_it_up_to_date_once(path: Path) -> None:
    """As the processes of one server do after an update: none fails, and nothing is done twice."""
    command = [sys.executable, "-c", OPENER, sqlite_url(str(path))]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    told = [process.communicate(timeout=60)[0].decode() for process in running]
    assert told == ["1 2\n"] * 4
    assert rows(path, "identity_state") == [(1, 1, 3)]


def test_what_was_sealed_once_is_not_sealed_again(path: Path) -> None:
    """Whoever puts an old database in its place seals nothing by it."""
    IdentityStore(sqlite_url(str(path))).close()
    for beside in ("-wal", "-shm"):
        path.with_name(path.name + beside).unlink(missing_ok=True)
    shutil.copy(OLD, path)
    with pytest.raises(SourceError, match="not sealed"):
        IdentityStore(sqlite_url(str(path)))
    (path.parent / KEY_NAME).unlink()
    with IdentityStore(sqlite_url(str(path))) as store:
        assert len(store.identities()) == 2


def test_sealing_that_was_broken_off_is_done_with_the_same_key(path: Path) -> None:
    """The key is on the disk before the first row is sealed with it."""
    with IdentityStore(sqlite_url(str(path))) as store:
        before = store.everything()
    key = path.parent / KEY_NAME
    key.rename(path.parent / f"{KEY_NAME}.coming")
    with IdentityStore(sqlite_url(str(path))) as store:
        assert store.everything() == before
    assert key.exists()


def test_opening_again_changes_nothing(path: Path) -> None:
    """The second time there is nothing to bring up to date."""
    for _ in range(2):
        with IdentityStore(sqlite_url(str(path))) as store:
            assert len(store.trail()) == 9
            assert store.generation() == 1

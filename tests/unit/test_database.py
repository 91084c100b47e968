"""One database for several rooms: opened safely, brought up to date without loss."""

import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from sealgate.database import (
    _nothing,
    migrate,
    migrate_step_by_step,
    open_database,
    quick_look,
    reading,
    sqlite_url,
    writing,
)
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters import store as identity_store
from sealgate.identity.adapters.database import _put_first
from sealgate.identity.adapters.sealed_rows import with_key
from sealgate.identity.adapters.store import IdentityStore
from sealgate.register.adapters import store as register_store
from sealgate.register.adapters import tables, trail
from sealgate.storage.adapters import records

FIRST = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0001", None
def upgrade():
    op.create_table("things", sa.Column("name", sa.Text, primary_key=True))
"""
SECOND = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    with op.batch_alter_table("things") as table:
        table.add_column(sa.Column("colour", sa.Text, nullable=False, server_default="grey"))
"""
BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "0002", "0001"
def upgrade():
    op.create_table("more", sa.Column("name", sa.Text))
    op.execute("UPDATE things SET name = 'changed'")
    op.execute("SELECT * FROM nothing")
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return where a new database will be."""
    return sqlite_url(str(tmp_path / "state" / "register.sqlite"))


def steps(folder: Path, *sources: str) -> Path:
    """Return a folder of migrations."""
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    for number, source in enumerate(sources, start=1):
        (folder / "versions" / f"v{number}.py").write_text(source)
    return folder


def run(url: str, migrations: Path, table: str = "room_version") -> None:
    """Migrate the database at *url*."""
    engine = open_database(url)
    try:
        newest = len(list((migrations / "versions").glob("v*.py")))
        migrate(engine, migrations, table, head=f"{newest:04}")
    finally:
        engine.dispose()


def query(url: str, text: str) -> list[tuple[object, ...]]:
    """Return the rows that *text* selects."""
    engine = open_database(url)
    try:
        with reading(engine) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(text)]
    finally:
        engine.dispose()


def change(url: str, text: str) -> None:
    """Execute *text*."""
    engine = open_database(url)
    try:
        with writing(engine) as connection:
            connection.exec_driver_sql(text)
    finally:
        engine.dispose()


def test_an_older_file_is_brought_up_to_date_without_loss(url: str, tmp_path: Path) -> None:
    """What was written under the old schema stands there under the new one."""
    run(url, steps(tmp_path / "old", FIRST))
    change(url, "INSERT INTO things VALUES ('chair'), ('table')")
    run(url, steps(tmp_path / "new", FIRST, SECOND))
    rows = query(url, "SELECT name, colour FROM things ORDER BY name")
    assert rows == [("chair", "grey"), ("table", "grey")]


def test_a_step_that_fails_leaves_the_old_schema_and_its_data(url: str, tmp_path: Path) -> None:
    """DDL and data of a failed step are undone together, and it can be tried again."""
    run(url, steps(tmp_path / "old", FIRST))
    change(url, "INSERT INTO things VALUES ('chair')")
    with pytest.raises(SourceError, match="brought up to date"):
        run(url, steps(tmp_path / "broken", FIRST, BROKEN))
    assert query(url, "SELECT name FROM things") == [("chair",)]
    assert query(url, "SELECT name FROM sqlite_master WHERE name = 'more'") == []
    run(url, steps(tmp_path / "new", FIRST, SECOND))
    assert query(url, "SELECT colour FROM things") == [("grey",)]


def test_a_newer_file_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    """An older Sealgate does not touch what it does not know."""
    run(url, steps(tmp_path / "new", FIRST, SECOND))
    with pytest.raises(SourceError) as refused:
        run(url, steps(tmp_path / "old", FIRST))
    assert "newer" in (refused.value.hint or "")
    assert query(url, "SELECT version_num FROM room_version") == [("0002",)]


def test_rooms_share_a_file_with_version_tables_of_their_own(url: str, tmp_path: Path) -> None:
    """One room's schema says nothing about the other's."""
    other = FIRST.replace('"things"', '"others"')
    run(url, steps(tmp_path / "one", FIRST, SECOND), "one_version")
    run(url, steps(tmp_path / "two", other), "two_version")
    assert query(url, "SELECT version_num FROM one_version") == [("0002",)]
    assert query(url, "SELECT version_num FROM two_version") == [("0001",)]


def test_processes_that_start_together_migrate_once(url: str, tmp_path: Path) -> None:
    """The second one waits for the first, and finds the work done."""
    migrations = steps(tmp_path / "new", FIRST, SECOND)
    failures: list[Exception] = []

    def start() -> None:
        try:
            run(url, migrations)
        except Exception as error:  # noqa: BLE001  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_percent_sign_in_the_path_of_the_migrations_is_taken_as_it_is(
    url: str, tmp_path: Path
) -> None:
    """Alembic's options would read it as a reference."""
    run(url, steps(tmp_path / "50%(x)s", FIRST))
    assert query(url, "SELECT name FROM things") == []


def test_the_file_is_its_owners_alone(url: str, tmp_path: Path) -> None:
    """Mode 0600 in a folder of mode 0700."""
    open_database(url).dispose()
    folder = tmp_path / "state"
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (folder, folder / "register.sqlite")]
    assert modes == [0o700, 0o600]


def test_sqlite_writes_through_and_holds_foreign_keys(url: str) -> None:
    """An acknowledged write is on the disk: WAL with full fsync."""
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        assert query(url, f"PRAGMA {pragma}") == [(value,)]


def test_what_was_done_in_a_failed_block_is_undone(url: str) -> None:
    """A refusal in the middle of a change keeps nothing of it, DDL included."""
    change(url, "CREATE TABLE things (name TEXT)")
    engine = open_database(url)

    def refused() -> None:
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO things VALUES ('chair')")
            connection.exec_driver_sql("CREATE TABLE more (name TEXT)")
            raise UsageError("no")

    with pytest.raises(UsageError, match="no"):
        refused()
    engine.dispose()
    assert query(url, "SELECT * FROM things") == []
    assert query(url, "SELECT name FROM sqlite_master WHERE name = 'more'") == []


def test_what_is_done_while_reading_is_not_kept(url: str) -> None:
    """A reader cannot write by mistake."""
    change(url, "CREATE TABLE things (name TEXT)")
    query(url, "INSERT INTO things VALUES ('chair') RETURNING name")
    assert query(url, "SELECT * FROM things") == []


def test_a_writer_sees_what_the_one_before_it_wrote(url: str) -> None:
    """Read, compute, write: no change is lost, however many do it together."""
    change(url, "CREATE TABLE counter (value INTEGER)")
    change(url, "INSERT INTO counter VALUES (0)")

    def count() -> None:
        engine = open_database(url)
        for _ in range(10):
            with writing(engine) as connection:
                value = connection.exec_driver_sql("SELECT value FROM counter").scalar_one()
                connection.exec_driver_sql("UPDATE counter SET value = ?", (value + 1,))
        engine.dispose()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert query(url, "SELECT value FROM counter") == [(40,)]


def test_a_fault_of_the_database_tells_its_kind_and_no_value(url: str) -> None:
    """The driver's own message may quote data: it is not passed on."""
    change(url, "CREATE TABLE things (name TEXT CHECK (name <> 'hunter2'))")
    with pytest.raises(SourceError) as refused:
        change(url, "INSERT INTO things VALUES ('hunter2')")
    assert "hunter2" not in refused.value.message
    assert "CONSTRAINT" in refused.value.message


@pytest.mark.parametrize("content", [b"rubbish " * 1000, b"SQLite format 3\x00" + b"\x00" * 4000])
def test_a_damaged_file_is_a_source_error_wherever_it_shows(tmp_path: Path, content: bytes) -> None:
    """Migrating, reading and writing each say so; nothing is overwritten."""
    path = tmp_path / "register.sqlite"
    path.write_bytes(content)
    url = sqlite_url(str(path))
    with pytest.raises(SourceError):
        run(url, steps(tmp_path / "new", FIRST))
    with pytest.raises(SourceError):
        query(url, "SELECT * FROM sqlite_master")
    with pytest.raises(SourceError):
        change(url, "CREATE TABLE things (name TEXT)")
    assert path.read_bytes() == content


@pytest.mark.parametrize("url", ["", "nonsense", "nosuch://x", "sqlite+nosuch:///x"])
def test_a_url_that_is_none_is_a_source_error(url: str) -> None:
    """The hint shows one that works."""
    with pytest.raises(SourceError) as refused:
        open_database(url)
    assert "sqlite:///" in (refused.value.hint or "")


def test_a_password_in_a_url_is_never_told() -> None:
    """The message masks it."""
    with pytest.raises(SourceError) as refused:
        open_database("nosuch://anna:hunter2@db/register")
    assert "hunter2" not in refused.value.message


def test_a_folder_that_cannot_be_made_is_a_source_error(tmp_path: Path) -> None:
    """A file in the way is told with its path."""
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(SourceError, match="state"):
        open_database(sqlite_url(str(tmp_path / "state" / "register.sqlite")))


@pytest.mark.parametrize("name", ["a b", "50%25", "what?x=1", "a#b", "ü", ":memory:x"])
def test_any_path_makes_a_url_that_leads_back_to_it(tmp_path: Path, name: str) -> None:
    """Signs that mean something in a URL are encoded."""
    path = tmp_path / name
    change(sqlite_url(str(path)), "CREATE TABLE things (name TEXT)")
    assert path.is_file()
    assert sa.make_url(sqlite_url(str(path))).database == str(path)


@pytest.mark.parametrize("store", [identity_store, register_store], ids=["identity", "register"])
def test_each_room_names_its_newest_revision(store: ModuleType) -> None:
    """The head that a room names is the one that its migrations lead to."""
    config = Config()
    config.set_main_option("script_location", str(store.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [store.HEAD]


ROOMS = {
    "identity": (identity_store.MIGRATIONS, identity_store.VERSION_TABLE, identity_store.HEAD),
    "register": (register_store.MIGRATIONS, tables.VERSION_TABLE, register_store.HEAD),
    "records": (records.MIGRATIONS, records.VERSION_TABLE, records.NEWEST),
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_new_file_is_made_as_its_history_makes_it(tmp_path: Path, room: str) -> None:
    """The same tables, indexes and rows; otherwise `python scripts/generate_schemas.py`."""
    migrations, version_table, head = ROOMS[room]
    first = {"identity": _put_first, "register": trail.put_first}.get(room, _nothing)
    made: list[list[object]] = []
    for name in ("at once", "step by step"):
        engine = with_key(open_database(sqlite_url(str(tmp_path / name))), bytes(32))
        if name == "at once":
            migrate(engine, migrations, version_table, head=head, first=first)
        else:
            migrate_step_by_step(engine, migrations, version_table)
        with engine.connect() as connection:
            schema = connection.exec_driver_sql("SELECT type, name, sql FROM sqlite_master").all()
            names = sa.inspect(connection).get_table_names()
            rows = [
                connection.execute(sa.select(sa.text("*")).select_from(sa.table(one))).all()
                for one in names
            ]
        engine.dispose()
        made.append([sorted(map(str, schema)), names, rows])
    assert made[0] == made[1]


def test_who_opens_a_new_file_at_once_finds_it_made_once(url: str) -> None:
    """One makes the tables, the others wait for it and find them."""
    failed: list[BaseException] = []

    def opened() -> None:
        try:
            register_store.Register(url).close()
            IdentityStore(url).close()
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    assert query(url, "SELECT count(*) FROM identity_state") == [(1,)]
    assert query(url, "SELECT count(*) FROM trail_head") == [(1,)]


@pytest.mark.parametrize("before", ["up to date", "new"])
def test_no_migration_machinery_is_needed_without_a_history(url: str, before: str) -> None:
    """Whoever opens a file does not load alembic: a gateway would hold it for ever."""
    if before == "up to date":
        with IdentityStore(url):
            pass
    probe = (
        "import sys; from sealgate.identity.adapters.store import IdentityStore;"
        " IdentityStore(sys.argv[1]).close(); sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", probe, url], check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (
            "postgresql+psycopg://u:hunter2@127.0.0.1:1/x?password=hunter2",
            "postgresql+psycopg://u:***@127.0.0.1:1/x",
        ),
        (
            "postgresql+psycopg://127.0.0.1:1/x?passfile=hunter2",
            "postgresql+psycopg://127.0.0.1:1/x",
        ),
    ],
)
def test_no_message_holds_a_password(tmp_path: Path, url: str, shown: str) -> None:
    """Wherever it stands in the URL of a server that does not answer."""
    with pytest.raises(SourceError) as caught:
        migrate(open_database(url), steps(tmp_path, FIRST), "things_version", head="0001")
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)
    assert caught.value.message == f'database "{shown}" cannot be reached: OperationalError'


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("nosuch://u:hunter2@h/x?password=hunter2", "nosuch://u:***@h/x"),
        # Not quoted as a URL wants it, so that it is taken for something else.
        ("nosuch://u:a@hunter2@h:1/x", "nosuch://u:***@…:1/x"),
        ("nosuch://[hunter2 is it", "nosuch://…/"),
        ("nosuch hunter2", "…"),
        ("postgresql+psycopg://h:hunter2/x", "…"),
        ("postgresql+psycopg://u:hunter2@[::1/x", "…"),
    ],
)
def test_no_message_about_a_driver_holds_a_password(url: str, shown: str) -> None:
    """A driver that is not there is told with its name."""
    with pytest.raises(SourceError) as caught:
        open_database(url)
    assert "hunter2" not in str(caught.value) + str(caught.value.hint)
    assert caught.value.message.startswith(f'database URL "{shown}" cannot be opened: ')


def test_a_quick_look_sees_what_is_kept_and_says_nothing_of_what_is_not(url: str) -> None:
    """The value as it is now, and ``None`` for whatever cannot be asked; later looks still work."""
    engine = open_database(url)
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE n (x INTEGER)"))
        connection.execute(sa.text("INSERT INTO n VALUES (1)"))
    assert quick_look(engine, "SELECT x FROM n") == 1
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE n SET x = 2"))
        assert quick_look(engine, "SELECT x FROM n") == 1
    assert quick_look(engine, "SELECT y FROM nothing") is None
    assert quick_look(engine, "SELECT x FROM n WHERE x = 7") is None
    assert quick_look(engine, "SELECT x FROM n") == 2
    engine.dispose()

"""The register and the identities of a team, in a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from sealgate.app.remains import must_be_whole, note_made
from sealgate.app.state import check_register, database_url
from sealgate.app.users import open_identities
from sealgate.config.load import load
from sealgate.errors import ConfigError, SourceError, UsageError
from sealgate.identity.adapters.row_key import HEAD_NAME, KEY_NAME
from sealgate.identity.adapters.store import HEAD, IdentityStore
from sealgate.identity.model import ClientCertificate, Identity, admitted
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord, Decision
from sealgate.serve.plan import plan
from tests.peers.postgresql import PostgreSQL, postgresql_running
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.peer("postgresql")
NOW = 1_800_000_000.5
WRITERS, ROUNDS = 4, 25

WRITER = """
import sys
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord
url, name, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with Register(url) as register:
    for number in range(rounds):
        one = AssessmentRecord(f"file /{name}", "file", "public", "public", {"rows": number})
        register.record_assessments([one], at=float(number))
"""


# What makes tables of version 0005 those of 0004.
MARKED = (
    "identity_groups",
    "identity_roles",
    "client_certificates",
    "ssh_keys",
    "passwords",
    "one_time_codes",
    "recovery_codes",
    "user_handles",
    "passkeys",
    "enrolments",
    "grants",
    "provider_links",
)
BEFORE_SEALS = (
    *(f"ALTER TABLE {table} DROP COLUMN mark, DROP COLUMN seal" for table in MARKED),
    "ALTER TABLE sign_ins DROP COLUMN seal",
    "ALTER TABLE identities DROP COLUMN marks, DROP COLUMN changed, DROP COLUMN seal",
    "ALTER TABLE identity_trail DROP COLUMN digest",
    (
        "ALTER TABLE identity_state DROP COLUMN trail_id, DROP COLUMN trail_digest,"
        " DROP COLUMN key_id, DROP COLUMN seal"
    ),
    "DROP INDEX trail_by_subject",
    "DROP FUNCTION identity_same_version CASCADE",
    "UPDATE identity_version SET version_num = '0004'",
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One server for all tests here."""
    with postgresql_running() as running:
        yield running


def test_the_register_keeps_history_and_a_whole_trail(server: PostgreSQL) -> None:
    """Assessments and decisions come back as they were given, also to the next process."""
    url = server.new_database()
    given = AssessmentRecord("file /a", "file", "public", "public", {"kinds": [{"count": 3}]})
    with Register(url) as register:
        register.record_assessments([given], at=NOW)
        register.record_decision(Decision("file /a", "secret", "anna", "it holds plans", NOW + 1))
        with pytest.raises(UsageError, match="the register has no asset"):
            register.record_decision(Decision("file /b", "secret", "anna", "x", NOW))
    with Register(url) as register:
        [asset] = register.assets()
        assert (asset.classification, asset.decided) == ("public", "secret")
        [kept] = register.assessments("file /a")
        assert dict(kept.details) == {"kinds": [{"count": 3}]}
        assert register.check_trail().whole
        assert register.check_trail().entries == 2


def test_tampering_shows(server: PostgreSQL) -> None:
    """A row that was changed behind the register's back no longer agrees with the trail."""
    url = server.new_database()
    with Register(url) as register:
        one = AssessmentRecord("file /a", "file", "secret", "secret", {})
        register.record_assessments([one], at=NOW)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE assessments SET classification = 'public'"))
    engine.dispose()
    with Register(url) as register:
        assert not register.check_trail().whole


def test_several_writers_start_at_once_and_lose_nothing(server: PostgreSQL) -> None:
    """Whoever comes first makes the tables; every entry is in one unbroken trail."""
    url = server.new_database()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, url, f"w{number}", str(ROUNDS)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    told = [writer.communicate(timeout=60)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * WRITERS, told
    with Register(url) as register:
        check = register.check_trail()
        assert check.whole, check.faults
        assert check.entries == WRITERS * ROUNDS
        assert [len(register.assessments(f"file /w{n}")) for n in range(WRITERS)] == [ROUNDS] * 4


def test_identities_sign_in_and_are_shut_out(server: PostgreSQL, tmp_path: Path) -> None:
    """Groups, a certificate, a password: each admits until it is taken away."""
    url = server.new_database()
    with Register(url), IdentityStore(url, str(tmp_path)) as store:
        store.add("anna", ["editors"], by="me", now=NOW)
        store.credentials.add_certificate(
            ClientCertificate("1f", "a1" * 32, "anna", NOW - 1, NOW + 100), by="me", now=NOW
        )
        store.credentials.set_password("anna", "correct horse battery staple", by="me", now=NOW)
        before = store.generation()
    with IdentityStore(url, str(tmp_path)) as store:
        assert store.identities() == (Identity("anna", ("editors",)),)
        assert admitted(*store.everything(), ["group:editors"], NOW) == ("a1" * 32,)
        assert store.credentials.check_password("anna", "correct horse battery staple")
        assert not store.credentials.check_password("anna", "correct horse battery stable")
        store.revoke("1f", by="me", now=NOW)
        assert store.generation() > before
        assert admitted(*store.everything(), ["group:editors"], NOW) == ()
        store.remove("anna", by="me", now=NOW)
        assert not store.credentials.check_password("anna", "correct horse battery staple")


def test_changes_of_one_person_at_once_wait_for_each_other(
    server: PostgreSQL, tmp_path: Path
) -> None:
    """Commands, and a provider that settles groups, take turns; none is given up."""
    url = server.new_database()
    Register(url).close()
    with IdentityStore(url, str(tmp_path)) as store:
        store.add("anna", [], by="me", now=NOW)
        store.provider_links.resolve(
            "https://id.example", "1", "anna", adds_users=False, by="me", now=NOW
        )
    start = threading.Barrier(2)

    def by_command() -> None:
        with IdentityStore(url, str(tmp_path)) as store:
            start.wait()
            for number in range(ROUNDS):
                store.regroup("anna", [f"a{number}"], [], by="me", now=NOW)

    def by_provider() -> None:
        with IdentityStore(url, str(tmp_path)) as store:
            start.wait()
            for number in range(ROUNDS):
                told = ([f"b{number}"], [f"b{number}"])
                store.provider_links.resolve(
                    "https://id.example",
                    "1",
                    "anna",
                    adds_users=False,
                    groups=told,
                    by="me",
                    now=NOW,
                )

    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(by_command), both.submit(by_provider)]:
            done.result()
    with IdentityStore(url, str(tmp_path)) as store:
        (anna,) = store.identities()
        assert len(anna.groups) == 2 * ROUNDS
        assert store.check() == ()


def test_what_somebody_else_wrote_counts_for_nothing(server: PostgreSQL, tmp_path: Path) -> None:
    """In a database of before, which is sealed as it stands when it is opened, and after that."""
    url, state = server.new_database(), str(tmp_path)
    with IdentityStore(url, state) as store:
        store.add("anna", ["editors"], roles=["approver"], by="me", now=NOW)
        store.second_factors.set_totp("anna", b"\x00sealed", ["AAAA"], step=1, by="me", now=NOW)
        store.credentials.set_password("anna", "correct horse battery staple", by="me", now=NOW)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in BEFORE_SEALS:
            connection.execute(sa.text(statement))
    with pytest.raises(SourceError, match="not sealed"):
        IdentityStore(url, state)
    for name in (KEY_NAME, HEAD_NAME):
        (tmp_path / name).unlink()
    with IdentityStore(url, state) as store:
        assert store.identities() == (Identity("anna", ("editors",), ("approver",)),)
        assert store.credentials.check_password("anna", "correct horse battery staple")
        assert store.check() == ()
        store.add("mallory", [], by="me", now=NOW)
        with engine.begin() as connection:
            connection.execute(sa.text(f"SELECT set_config('sealgate.identities', '{HEAD}', true)"))
            connection.execute(
                sa.text(
                    "INSERT INTO identity_groups (identity, name, mark, seal)"
                    " SELECT 'mallory', name, mark, seal FROM identity_groups"
                )
            )
        assert store.identity("mallory") == Identity("mallory")
        assert any("mallory editors" in fault for fault in store.check())
    engine.dispose()


# How versions 0004 and 0005 write: what is not of this revision has no seal, or says no revision.
WRITTEN_BEFORE = (
    "INSERT INTO identity_groups (identity, name) VALUES ('anna', 'b')",
    "UPDATE identity_state SET generation = generation + 1",
    "UPDATE identities SET added_at = 1",
    "DELETE FROM identity_groups",
    "INSERT INTO identity_trail (at, by, action, subject, detail) VALUES (1, 'me', 'x', 'anna', '')",
    (
        "SELECT set_config('sealgate.identities', '0005', true);"
        " INSERT INTO identity_groups (identity, name, mark, seal) VALUES ('anna', 'b', 'x', 'x')"
    ),
)


def test_an_older_gateway_of_another_host_writes_no_more(
    server: PostgreSQL, tmp_path: Path
) -> None:
    """Not once the database is brought up to date: nothing of it is told as somebody else's for good."""
    url = server.new_database()
    Register(url).close()
    with IdentityStore(url, str(tmp_path)) as store:
        store.add("anna", ["a"], by="me", now=NOW)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in BEFORE_SEALS:
            connection.execute(sa.text(statement))
    for name in (KEY_NAME, HEAD_NAME):
        (tmp_path / name).unlink()
    # It has a connection of before, and a change under way that the update waits for.
    with engine.connect() as older:
        older.execute(sa.text(WRITTEN_BEFORE[0]))
        with ThreadPoolExecutor(1) as other:
            opening = other.submit(IdentityStore, url, str(tmp_path))
            older.commit()
            store = opening.result(PATIENCE_SECONDS)
        for statement in WRITTEN_BEFORE:
            with pytest.raises(sa.exc.DBAPIError, match="another version of Sealgate"):
                older.execute(sa.text(statement))
            older.rollback()
    engine.dispose()
    with store:
        assert store.identity("anna") == Identity("anna", ("a", "b"))
        store.regroup("anna", ["c"], [], by="me", now=NOW)
        assert store.check() == ()


def test_what_is_sealed_already_is_brought_up_to_date_with_its_key(
    server: PostgreSQL, tmp_path: Path
) -> None:
    """Of a revision between: its key is asked for, no other is made, and rows keep their seals."""
    url = server.new_database()
    with IdentityStore(url, str(tmp_path)) as store:
        store.add("anna", ["a"], by="me", now=NOW)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP FUNCTION identity_same_version CASCADE"))
        connection.execute(sa.text("UPDATE identity_version SET version_num = '0005'"))
    with pytest.raises(SourceError, match="is not here"):
        IdentityStore(url, str(tmp_path / "other"))
    with IdentityStore(url, str(tmp_path)) as store:
        assert store.identity("anna") == Identity("anna", ("a",))
        assert store.check() == ()
    with (
        engine.begin() as connection,
        pytest.raises(sa.exc.DBAPIError, match="another version of Sealgate"),
    ):
        connection.execute(sa.text(WRITTEN_BEFORE[3]))
    with IdentityStore(url, str(tmp_path)) as store:
        # A version that is still to come, while this one runs.
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE identity_version SET version_num = '9999'"))
        with pytest.raises(SourceError, match="cannot be written") as caught:
            store.regroup("anna", ["b"], [], by="me", now=NOW)
        assert "restart" in (caught.value.hint or "")
        assert store.identity("anna") == Identity("anna", ("a",))
    with pytest.raises(SourceError, match="cannot be brought up to date"):
        IdentityStore(url, str(tmp_path))
    engine.dispose()


def test_a_configured_team_database_is_used_by_commands(server: PostgreSQL, tmp_path: Path) -> None:
    """``[register] url`` is where commands write, and nothing is written beside it."""
    url = server.new_database()
    (tmp_path / "people.csv").write_text("name,email\nAda Example,ada@example.org\n")
    (tmp_path / "sealgate.toml").write_text(
        f'[register]\nurl = "{url}"\n[[site]]\ndomains = ["shop.example"]\n'
        'upstream = "http://127.0.0.1:9"\n[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    for arguments in (["assess", "people.csv"], ["user", "add", "anna", "--group", "editors"]):
        done = subprocess.run(
            [sys.executable, "-m", "sealgate", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    state = str(tmp_path / ".sealgate")
    with Register(url) as register, IdentityStore(url, state) as store:
        assert [asset.kind for asset in register.assets()] == ["file"]
        assert [identity.name for identity in store.identities()] == ["anna"]
    assert not list(tmp_path.rglob("*.sqlite"))


def test_a_lost_key_or_database_is_not_made_anew(server: PostgreSQL, tmp_path: Path) -> None:
    """With users on a server, the state folder alone knows that there were any."""
    url = server.new_database()
    config = tmp_path / "sealgate.toml"
    config.write_text(
        f'[register]\nurl = "{url}"\n[[site]]\ndomains = ["shop.example"]\n'
        'upstream = "http://127.0.0.1:9"\n[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    inventory = load(str(config))
    with open_identities(inventory) as store:
        store.add("anna", [], by="me", now=NOW)
    note_made(inventory)
    key = Path(inventory.state_folder, KEY_NAME)
    content = key.read_bytes()
    key.unlink()
    for ask in (open_identities, check_register):
        with pytest.raises(ConfigError, match=r"register\.key"):
            ask(inventory)
    assert any("register.key" in f.message for f in plan(inventory, now=NOW).refusals)
    with pytest.raises(ConfigError, match=r"register\.key"):
        must_be_whole(inventory)
    # The same with a server that was set up anew, with its key and without.
    config.write_text(config.read_text().replace(url, server.new_database()))
    inventory = load(str(config))
    with pytest.raises(ConfigError, match=r"register\.key"):
        open_identities(inventory)
    with pytest.raises(SourceError, match="though this host wrote some"):
        IdentityStore(database_url(inventory), inventory.state_folder)
    assert not key.exists()
    key.write_bytes(content)
    with pytest.raises(SourceError, match="though this host wrote some") as caught:
        open_identities(inventory)
    command = (caught.value.hint or "").partition(": ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    with open_identities(inventory) as store:
        assert store.identities() == ()


def test_a_server_that_is_down_is_told_without_its_address(tmp_path: Path) -> None:
    """The message tells the kind of fault, and no password of the URL."""
    url = f"postgresql+psycopg://anna:hush-hush@/x?host={tmp_path}"
    with pytest.raises(SourceError) as raised:
        Register(url)
    assert "hush-hush" not in raised.value.message
    assert "OperationalError" in raised.value.message


def test_a_table_of_people_is_assessed(server: PostgreSQL) -> None:
    """PostgreSQL is a source, too: kinds are found and the class follows."""
    url = server.new_database()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE people (name text, email text, iban text)"))
        connection.execute(
            sa.text("INSERT INTO people VALUES (:n, :e, :i)"),
            [
                {"n": f"Ada Example {i}", "e": f"a{i}@example.org", "i": "DE89370400440532013000"}
                for i in range(30)
            ],
        )
    engine.dispose()
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "assess", url, "--format", "json"],
        cwd=Path(url.rpartition("=")[2]),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert '"confidential"' in done.stdout
    assert '"iban"' in done.stdout
    assert "DE8937" not in done.stdout

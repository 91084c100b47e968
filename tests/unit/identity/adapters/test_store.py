"""The identities in SQL: what was acknowledged stays, and every change leaves a trace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import ClientCertificate, Identity, admitted

HERS = ClientCertificate("a1", "f1", "anna", 0, 100)
ALSO_HERS = ClientCertificate("b2", "f2", "anna", 0, 100)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return where a new database will be."""
    return sqlite_url(str(tmp_path / "state" / "register.sqlite"))


def test_what_was_added_is_there_when_opened_again(url: str) -> None:
    """Identities, groups and certificates come back as they went in."""
    with IdentityStore(url) as store:
        assert store.everything() == ((), ())
        store.add("ben", [], by="me", now=1)
        store.add("anna", ["staff", "editors", "staff"], by="me", now=1)
        store.credentials.add_certificate(HERS, by="me", now=2)
    with IdentityStore(url) as store:
        assert store.identities() == (Identity("anna", ("editors", "staff")), Identity("ben"))
        assert store.credentials.certificates() == (HERS,)


def test_a_revoked_certificate_is_no_longer_admitted(url: str) -> None:
    """By serial one goes, by name all; the record stays."""
    with IdentityStore(url) as store:
        store.add("anna", ["staff"], by="me", now=1)
        for certificate in (HERS, ALSO_HERS):
            store.credentials.add_certificate(certificate, by="me", now=2)
        assert admitted(*store.everything(), ["group:staff"], 50) == ("f1", "f2")
        assert [c.handle for c in store.revoke("00:A1", by="me", now=3)] == ["a1"]
        assert admitted(*store.everything(), ["group:staff"], 50) == ("f2",)
        assert [c.handle for c in store.revoke("anna", by="me", now=4)] == ["b2"]
        assert admitted(*store.everything(), ["group:staff"], 50) == ()
        assert [c.revoked_at for c in store.credentials.certificates()] == [3, 4]
        assert store.revoke("anna", by="me", now=5) == ()
        assert [c.revoked_at for c in store.credentials.certificates()] == [3, 4]


def test_a_removed_user_takes_its_certificates_along(url: str) -> None:
    """They are revoked, also for somebody of the same name who comes later."""
    with IdentityStore(url) as store:
        store.add("anna", ["staff"], by="me", now=1)
        store.credentials.add_certificate(HERS, by="me", now=2)
        assert [c.handle for c in store.remove("anna", by="me", now=3)] == ["a1"]
        assert store.identities() == ()
        store.add("anna", ["staff"], by="me", now=4)
        assert store.identities() == (Identity("anna", ("staff",)),)
        assert admitted(*store.everything(), ["group:staff"], 50) == ()


def test_groups_are_joined_and_left(url: str) -> None:
    """What is not mentioned stays."""
    with IdentityStore(url) as store:
        store.add("anna", ["staff", "editors"], by="me", now=1)
        changed = store.regroup("anna", ["admins", "staff"], ["editors"], by="me", now=2)
        assert changed == Identity("anna", ("admins", "staff"))
        assert store.identities() == (changed,)


@pytest.mark.parametrize(
    "name",
    [
        "ALICE",
        "Alice",
        "\uff41\uff4c\uff49\uff43\uff45",
        "\u0430lice",
        "aIice",
        "al\u0131ce",
        "ali\u0307ce",
        "alice\u3164",
        "al\u034fice",
        "\u2800alice",
        "alice\u202e",
        "\u0301alice",
        "\ufb01ona",
    ],
)
def test_nobody_is_added_under_a_name_like_one_that_is_there(url: str, name: str) -> None:
    """Nor under one that holds what cannot be seen, or is another way to write a usual one."""
    with IdentityStore(url) as store:
        store.add("alice", [], by="me", now=1)
        with pytest.raises(UsageError):
            store.add(name, [], by="me", now=2)
        assert store.identities() == (Identity("alice"),)
        store.remove("alice", by="me", now=3)
        store.add("ALICE", [], by="me", now=4)


def test_a_group_is_told_from_those_that_are_there(url: str) -> None:
    """Or somebody is taken for a member of it."""
    with IdentityStore(url) as store:
        store.add("alice", ["editors"], by="me", now=1)
        for group in ("Editors", "EDITORS", "edit0rs"):
            with pytest.raises(UsageError, match='from "editors"'):
                store.add("bob", [group], by="me", now=2)
        store.add("bob", ["editors", "editors2"], by="me", now=2)
        with pytest.raises(UsageError, match="cannot be told"):
            store.regroup("bob", ["Editors2"], [], by="me", now=3)


def test_every_change_tells_when_by_whom_and_what(url: str) -> None:
    """The trail has one entry for each; a refused change has none."""
    with IdentityStore(url) as store:
        store.add("anna", ["staff"], by="root", now=1)
        store.credentials.add_certificate(HERS, by="root", now=2)
        store.regroup("anna", ["editors"], [], by="ben", now=3)
        store.revoke("a1", by="ben", now=4)
        with pytest.raises(UsageError):
            store.add("anna", [], by="ben", now=5)
        store.remove("anna", by="root", now=6)
        trail = [(e.at, e.by, e.action, e.subject, e.detail) for e in store.trail()]
    assert trail == [
        (1, "root", "user added", "anna", "staff"),
        (2, "root", "key issued", "anna", "a1"),
        (3, "ben", "groups changed", "anna", "editors, staff"),
        (4, "ben", "key revoked", "anna", "a1"),
        (6, "root", "user removed", "anna", ""),
    ]


def test_what_does_not_exist_is_refused_and_changes_nothing(url: str) -> None:
    """Each refusal is a UsageError, and the database stays as it was."""
    with IdentityStore(url) as store:
        store.add("anna", ["staff"], by="me", now=1)
        before = (store.everything(), store.trail())
        for attempt in (
            lambda: store.add("anna", [], by="me", now=2),
            lambda: store.add("an\nna", [], by="me", now=2),
            lambda: store.add("ben", ["no group"], by="me", now=2),
            lambda: store.remove("ben", by="me", now=2),
            lambda: store.regroup("ben", ["a"], [], by="me", now=2),
            lambda: store.regroup("anna", ["a"], ["editors"], by="me", now=2),
            lambda: store.regroup("anna", ["staff"], ["staff"], by="me", now=2),
            lambda: store.revoke("anna", by="me", now=2),
            lambda: store.revoke("ff", by="me", now=2),
            lambda: store.credentials.add_certificate(
                ClientCertificate("c", "f", "ben", 0, 1), by="me", now=2
            ),
        ):
            with pytest.raises(UsageError):
                attempt()
        assert (store.everything(), store.trail()) == before


def test_a_name_that_is_also_a_serial_revokes_nothing_by_accident(url: str) -> None:
    """Where both could be meant, the caller has to say which."""
    with IdentityStore(url) as store:
        store.add("anna", [], by="me", now=1)
        store.add("a1", [], by="me", now=1)
        store.credentials.add_certificate(HERS, by="me", now=2)
        store.credentials.add_certificate(
            ClientCertificate("c3", "f3", "a1", 0, 100), by="me", now=2
        )
        with pytest.raises(UsageError, match="both"):
            store.revoke("a1", by="me", now=3)
        assert all(c.revoked_at is None for c in store.credentials.certificates())


def test_one_certificate_is_recorded_once(url: str) -> None:
    """A serial or fingerprint that is there already is an error of the database, whole."""
    with IdentityStore(url) as store:
        store.add("anna", [], by="me", now=1)
        store.credentials.add_certificate(HERS, by="me", now=2)
        with pytest.raises(SourceError):
            store.credentials.add_certificate(HERS, by="me", now=3)
        assert len(store.trail()) == 2


# Opens the store, makes endless changes, and says each one that returned.
WRITER = """
import sys
from sealgate.identity.adapters.store import IdentityStore
store = IdentityStore(sys.argv[1])
for number in range(100000):
    store.add(f"user{number}", ["staff"], by="writer", now=number)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_what_was_acknowledged_survives_a_kill(url: str) -> None:
    """A process that is killed in mid-work loses nothing that it had said was done."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(25):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        last = 24 + len(writer.stdout.read().splitlines())
    with IdentityStore(url) as store:
        names = {identity.name for identity in store.identities()}
        assert {f"user{number}" for number in range(last + 1)} <= names
        assert len(store.trail()) == len(names)
        assert all(identity.groups == ("staff",) for identity in store.identities())


@pytest.mark.parametrize(
    "content", [b"no database at all " * 100, b"SQLite format 3\x00" + b"\xff" * 4000]
)
def test_a_file_that_is_no_database_is_said_so(tmp_path: Path, content: bytes) -> None:
    """Rubbish and a damaged header are a SourceError with a hint, and are left as they are."""
    path = tmp_path / "register.sqlite"
    path.write_bytes(content)
    with pytest.raises(SourceError) as refused:
        IdentityStore(sqlite_url(str(path)))
    assert refused.value.hint
    assert path.read_bytes() == content

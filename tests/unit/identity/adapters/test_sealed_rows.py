"""Whoever can write the database lets nobody in by it, and what they wrote is named."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.password_hash import LEAST_ROUNDS, hash_password
from sealgate.identity.adapters.row_key import HEAD_NAME, KEY_NAME
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.model import ClientCertificate, Identity, admitted
from sealgate.identity.passkeys import Passkey
from sealgate.identity.providers import UnadmittedError
from sealgate.identity.ssh_keys import SSHKey
from sealgate.identity.totp import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_800_000_000.0
PASSWORD = "correct horse battery staple"
DRAWN = ClientCertificate("a1", "f1" * 32, "anna", NOW - 10, NOW + 1000)
OURS = ClientCertificate("b2", "f2" * 32, "anna", NOW - 10, NOW + 1000)
KEY = SSHKey("SHA256:anna", "ssh-ed25519", "AAAA", "laptop", "anna", NOW)
PASSKEY = Passkey("id1", "anna", b"public", "shop.example", "phone", False, 0, NOW)


class Place:
    """A store with some people, and the file that it lies in, for whoever can write it."""

    def __init__(self, folder: Path) -> None:
        """Have one below *folder*, which may be there."""
        self.file = folder / "register.sqlite"

    def fill(self) -> None:
        """Add the people."""
        with self.store() as store:
            store.add("anna", ["staff"], by="me", now=NOW)
            store.add("ben", [], roles=["approver"], by="me", now=NOW)
            store.add("mallory", [], by="me", now=NOW)
            for certificate in (DRAWN, OURS):
                store.credentials.add_certificate(certificate, by="me", now=NOW)
            store.credentials.add_ssh_key(KEY, by="me", now=NOW)
            store.second_factors.add_passkey(PASSKEY, code=None, by="me", now=NOW)
            for name in ("anna", "mallory"):
                store.credentials.set_password(name, f"{PASSWORD} {name}", by="me", now=NOW)
            store.second_factors.set_totp(
                "anna", b"sealed", ["AAAA-BBBB"], step=1, by="me", now=NOW
            )
            store.provider_links.resolve(
                "https://id.example", "1", "ben", adds_users=False, by="me", now=NOW
            )

    def store(self) -> IdentityStore:
        """Return it, to be closed."""
        return IdentityStore(sqlite_url(str(self.file)))

    def write(self, *statements: str, **values: Any) -> None:
        """Do what somebody else does who can write the file."""
        connection = sqlite3.connect(self.file)
        connection.execute("PRAGMA foreign_keys=ON")
        for statement in statements:
            connection.execute(statement, values)
        connection.commit()
        connection.close()

    def faults(self) -> str:
        """Return what is told of it, in one text."""
        with self.store() as store:
            return "\n".join(store.check())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a store that is filled, which passwords make slow."""
    folder = tmp_path_factory.mktemp("filled")
    Place(folder).fill()
    return folder


@pytest.fixture
def place(filled: Path, tmp_path: Path) -> Place:
    """Return a store of its own."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path)


def test_what_sealgate_wrote_is_whole(place: Place) -> None:
    """After everything that changes it, too."""
    assert place.faults() == ""
    with place.store() as store:
        grant = store.grants.request("anna", "x", reason="look at it", minutes=5, by="op", now=NOW)
        store.grants.approve(grant.id, "ben", by="op2", now=NOW + 1)
        store.grants.end(grant.id, by="op2", now=NOW + 2)
        store.revoke("a1", by="me", now=NOW)
        store.regroup("anna", ["board"], ["staff"], by="me", now=NOW)
        assert store.second_factors.check_recovery_code("anna", "AAAA-BBBB", now=NOW)
        assert store.second_factors.count_passkey(PASSKEY, 5, now=NOW)
        code = store.second_factors.make_enrolment("mallory", by="me", now=NOW)
        assert store.second_factors.enrolment(code, now=NOW) == "mallory"
        store.second_factors.user_handle("anna")
        proof = Proven(Factor.PASSWORD, NOW)
        one = store.sign_ins.start("anna", "shop.example", [proof], now=NOW)
        assert store.sign_ins.step_up(one.id, Proven(Factor.TOTP, NOW), now=NOW + 1)
        store.sign_ins.end_all("anna", by="me", now=NOW + 2)
        store.remove("ben", by="me", now=NOW)
        store.add("ben", [], by="me", now=NOW)
    assert place.faults() == ""


def _in_a_group(store: IdentityStore) -> bool:
    everybody = store.everything()
    asked = store.identity("mallory")
    return (
        (asked is not None and asked.groups == ("staff",))
        or any(i.name == "mallory" and i.groups for i in everybody[0])
        or "f9" * 32 in admitted(*everybody, ["group:staff"], NOW)
    )


def _approver(store: IdentityStore) -> bool:
    asked = store.identity("mallory")
    return (asked is not None and bool(asked.roles)) or Identity(
        "mallory", (), ("approver",)
    ) in store.identities()


def _has_grant(store: IdentityStore) -> bool:
    return (
        store.grants.running("mallory", "drop x", now=NOW + 1) is not None
        or bool(store.grants.all_running(now=NOW + 1))
        or bool(store.grants.all())
    )


def _drawn_is_admitted(store: IdentityStore) -> bool:
    held = store.credentials.certificate(DRAWN.fingerprint)
    return (held is not None and held.is_living(NOW + 5)) or DRAWN.fingerprint in admitted(
        *store.everything(), ["user:anna", "user:mallory"], NOW + 5
    )


FORGED: dict[str, tuple[str, Callable[[IdentityStore], bool], str]] = {
    "a group": (
        "INSERT INTO identity_groups (identity, name) VALUES ('mallory', 'staff')",
        _in_a_group,
        'identity_groups "mallory staff" was not written by Sealgate',
    ),
    "a group with a seal of another": (
        (
            "INSERT INTO identity_groups SELECT 'mallory', name, mark, seal FROM identity_groups"
            " WHERE identity = 'anna'"
        ),
        _in_a_group,
        'identity_groups "mallory staff" was not written',
    ),
    "a group that is moved": (
        "UPDATE identity_groups SET identity = 'mallory'",
        _in_a_group,
        'identity_groups "mallory staff" was not written',
    ),
    "a role": (
        "INSERT INTO identity_roles (identity, name) VALUES ('mallory', 'approver')",
        _approver,
        'identity_roles "mallory approver" was not written',
    ),
    "a role that is moved": (
        "UPDATE identity_roles SET identity = 'mallory'",
        _approver,
        'identity_roles "mallory approver" was not written',
    ),
    "a grant": (
        (
            "INSERT INTO grants (id, person, asset, reason, minutes, asked_by, asked_at, approver,"
            " decided_by_actor, approved_at, ended_by) VALUES ('00', 'mallory', 'drop x', 'look', 60,"
            " 'op', 1800000000.0, 'ben', 'op2', 1800000000.0, '')"
        ),
        _has_grant,
        'grants "00" was not written',
    ),
    "a certificate": (
        (
            "INSERT INTO client_certificates (serial, fingerprint, identity, not_before, not_after)"
            " VALUES ('99', :print, 'anna', 0.0, 1900000000.0)"
        ),
        lambda store: (
            store.credentials.certificate("f9" * 32) is not None
            or "f9" * 32 in admitted(*store.everything(), ["user:anna"], NOW)
        ),
        'client_certificates "99" was not written',
    ),
    "a certificate that lasts longer": (
        (
            "UPDATE client_certificates SET not_after = not_after + 1, not_before = not_before - 1"
            " WHERE serial = 'a1'"
        ),
        _drawn_is_admitted,
        'client_certificates "a1" was not written',
    ),
    "an SSH key": (
        (
            "INSERT INTO ssh_keys (fingerprint, algorithm, public, comment, identity, added_at)"
            " VALUES ('SHA256:m', 'ssh-ed25519', 'AAAA', '', 'anna', 0.0)"
        ),
        lambda store: store.credentials.ssh_key("SHA256:m") is not None,
        'ssh_keys "SHA256:m" was not written',
    ),
    "an SSH key that is moved": (
        "UPDATE ssh_keys SET identity = 'mallory'",
        lambda store: store.credentials.ssh_key("SHA256:anna") is not None,
        'ssh_keys "SHA256:anna" was not written',
    ),
    "a passkey": (
        (
            "INSERT INTO passkeys (id, identity, public, site, label, synced, sign_count, added_at)"
            " VALUES ('id2', 'anna', x'00', 'shop.example', '', 0, 0, 0.0)"
        ),
        lambda store: store.second_factors.passkey("id2") is not None,
        'passkeys "id2" was not written',
    ),
    "another key of a passkey": (
        "UPDATE passkeys SET public = x'00'",
        lambda store: store.second_factors.passkey("id1") is not None,
        'passkeys "id1" was not written',
    ),
    "a password": (
        "UPDATE passwords SET phc = :phc WHERE identity = 'anna'",
        lambda store: store.credentials.check_password("anna", "another long password"),
        'passwords "anna" was not written',
    ),
    "somebody else's password": (
        (
            "UPDATE passwords SET (phc, mark, seal) = (SELECT phc, mark, seal FROM passwords"
            " WHERE identity = 'mallory') WHERE identity = 'anna'"
        ),
        lambda store: store.credentials.check_password("anna", f"{PASSWORD} mallory"),
        'passwords "anna" was not written',
    ),
    "a recovery code": (
        "INSERT INTO recovery_codes (identity, digest) VALUES ('anna', :digest)",
        lambda store: store.second_factors.check_recovery_code("anna", "CCCC", now=NOW),
        "was not written",
    ),
    "a code to register a passkey": (
        "INSERT INTO enrolments (digest, identity, ends_at) VALUES (:digest, 'anna', 1900000000.0)",
        lambda store: store.second_factors.enrolment("CCCC", now=NOW) is not None,
        "was not written",
    ),
    "a person": (
        "INSERT INTO identities (name, added_at, marks, changed) VALUES ('eve', 0.0, '[]', 0)",
        lambda store: store.identity("eve") is not None or len(store.identities()) > 3,
        'identities "eve" was not written',
    ),
    "a link to a provider": (
        "UPDATE provider_links SET subject = '2'",
        lambda store: _is_provided(store, "2"),
        'provider_links "https://id.example 2" was not written',
    ),
    "a link that is removed": (
        "DELETE FROM provider_links",
        lambda store: _is_provided(store, "2"),
        'provider_links: a row of "ben" is missing',
    ),
}


def _is_provided(store: IdentityStore, subject: str) -> bool:
    try:
        store.provider_links.resolve(
            "https://id.example", subject, "ben", adds_users=False, by="p", now=NOW
        )
    except UnadmittedError:
        return False
    return True


@pytest.mark.parametrize(("statement", "counts", "told"), FORGED.values(), ids=FORGED)
def test_a_row_that_somebody_else_wrote_counts_for_nothing(
    place: Place, statement: str, counts: Callable[[IdentityStore], bool], told: str
) -> None:
    """Wherever it is read, and it is named."""
    phc = hash_password("another long password", LEAST_ROUNDS) if ":phc" in statement else ""
    place.write(statement, print="f9" * 32, phc=phc, digest=digest_of("CCCC"))
    with place.store() as store:
        assert not counts(store)
    assert told in place.faults()


REVOKED: dict[str, tuple[str, Callable[[IdentityStore], object], Callable[[IdentityStore], bool]]]
REVOKED = {
    "a certificate": (
        "client_certificates",
        lambda store: store.revoke("a1", by="me", now=NOW),
        _drawn_is_admitted,
    ),
    "an SSH key": (
        "ssh_keys",
        lambda store: store.revoke("SHA256:anna", by="me", now=NOW),
        lambda store: store.credentials.ssh_key("SHA256:anna") is not None,
    ),
    "a passkey": (
        "passkeys",
        lambda store: store.revoke("id1", by="me", now=NOW),
        lambda store: store.second_factors.passkey("id1") is not None,
    ),
    "a membership": (
        "identity_groups",
        lambda store: store.regroup("anna", [], ["staff"], by="me", now=NOW),
        lambda store: store.identity("anna") != Identity("anna"),
    ),
    "a role": (
        "identity_roles",
        lambda store: store.reassign("ben", [], ["approver"], by="me", now=NOW),
        lambda store: store.identity("ben") != Identity("ben"),
    ),
    "a password": (
        "passwords",
        lambda store: store.credentials.set_password(
            "anna", "another long password", by="me", now=NOW
        ),
        lambda store: store.credentials.check_password("anna", f"{PASSWORD} anna"),
    ),
    "an app": (
        "one_time_codes",
        lambda store: store.second_factors.remove_totp("anna", by="me", now=NOW),
        lambda store: store.second_factors.totp_set_at("anna") is not None,
    ),
    "a recovery code": (
        "recovery_codes",
        lambda store: store.second_factors.check_recovery_code("anna", "AAAA-BBBB", now=NOW),
        lambda store: store.second_factors.check_recovery_code("anna", "AAAA-BBBB", now=NOW),
    ),
}


@pytest.mark.parametrize(("table", "revoke", "counts"), REVOKED.values(), ids=REVOKED)
def test_a_row_of_before_that_is_put_back_counts_for_nothing(
    place: Place,
    table: str,
    revoke: Callable[[IdentityStore], object],
    counts: Callable[[IdentityStore], bool],
) -> None:
    """With the seal that it had then."""
    # Names of tables above, and nothing else.
    copy = f"CREATE TABLE kept AS SELECT * FROM {table}"  # noqa: S608
    empty, fill = f"DELETE FROM {table}", f"INSERT INTO {table} SELECT * FROM kept"  # noqa: S608
    place.write(copy)
    with place.store() as store:
        revoke(store)
    place.write(empty, fill, "DROP TABLE kept")
    with place.store() as store:
        assert not counts(store)
    assert f"{table} " in place.faults()
    assert "was put back" in place.faults()


def test_what_a_removed_person_had_counts_for_nobody_who_comes_later(place: Place) -> None:
    """Neither a key that is put back, nor one beside a person that somebody else wrote."""
    place.write("CREATE TABLE kept AS SELECT * FROM client_certificates")
    place.write("CREATE TABLE person AS SELECT * FROM identities WHERE name = 'anna'")
    with place.store() as store:
        store.remove("anna", by="me", now=NOW)
    back = ("DELETE FROM client_certificates", "INSERT INTO client_certificates SELECT * FROM kept")
    place.write(*back, "INSERT INTO identities (name, added_at) VALUES ('anna', 0.0)")
    with place.store() as store:
        assert not _drawn_is_admitted(store)
        store.add("anna", [], by="me", now=NOW)
        assert not _drawn_is_admitted(store)
        held = [c for c in store.credentials.certificates() if c.identity == "anna"]
        assert len(held) == 2
        assert all(c.revoked_at for c in held)
    assert place.faults() == ""


@pytest.mark.parametrize(
    ("table", "name"),
    [("identity_groups", "anna"), ("identity_roles", "ben"), ("passwords", "anna")],
)
def test_what_was_taken_from_a_removed_person_does_not_come_back_with_the_name(
    place: Place, table: str, name: str
) -> None:
    """Rows with seals of before count for nobody who is added under that name, and are told."""
    place.write(f"CREATE TABLE kept AS SELECT * FROM {table} WHERE identity = '{name}'")  # noqa: S608
    with place.store() as store:
        store.remove(name, by="me", now=NOW)
    # Whoever writes the file need not keep its references.
    place.write("PRAGMA foreign_keys=OFF", f"INSERT INTO {table} SELECT * FROM kept")  # noqa: S608
    assert "was put back" in place.faults()
    with place.store() as store:
        store.add(name, [], by="me", now=NOW)
        (back,) = [one for one in store.identities() if one.name == name]
        assert (back.groups, back.roles) == ((), ())
        assert not store.credentials.check_password(name, f"{PASSWORD} {name}")
    assert place.faults() == ""


def test_whoever_lost_their_row_is_not_let_in_by_a_provider(place: Place) -> None:
    """They are told so, as whoever was removed is."""
    place.write("UPDATE identities SET seal = 'ff' WHERE name = 'ben'")
    with place.store() as store:
        assert not _is_provided(store, "1")
    assert 'identities "ben" was not written' in place.faults()


def test_a_person_who_is_put_back_whole_is_told(place: Place) -> None:
    """With everything that they had: that agrees with itself, but not with the trail."""
    place.write(
        "CREATE TABLE kept_identities AS SELECT * FROM identities",
        "CREATE TABLE kept_client_certificates AS SELECT * FROM client_certificates",
    )
    with place.store() as store:
        store.revoke("a1", by="me", now=NOW)
    place.write(
        "UPDATE identities SET (marks, changed, seal) = (SELECT marks, changed, seal FROM"
        " kept_identities AS k WHERE k.name = identities.name)",
        "DELETE FROM client_certificates",
        "INSERT INTO client_certificates SELECT * FROM kept_client_certificates",
    )
    assert 'identities "anna"' not in place.faults()
    assert 'identities: "anna" does not agree with entry' in place.faults()


TRAIL = {
    "all of it": "DELETE FROM identity_trail",
    "the last": "DELETE FROM identity_trail WHERE id = (SELECT max(id) FROM identity_trail)",
    "one within": "DELETE FROM identity_trail WHERE id = 3",
    "another name": "UPDATE identity_trail SET by = 'ben' WHERE id = 2",
    "an entry behind": (
        "INSERT INTO identity_trail (id, at, by, action, subject, detail, digest) VALUES"
        " (999, 0.0, 'me', 'grant asked', 'ben', '', 'ff')"
    ),
    "a new head": "UPDATE identity_state SET trail_id = 0, trail_digest = 'ff'",
}


@pytest.mark.parametrize("statement", TRAIL.values(), ids=TRAIL)
def test_a_trail_that_was_changed_is_told(place: Place, statement: str) -> None:
    """Also after Sealgate went on with it."""
    place.write(statement)
    assert "identity_trail" in place.faults()
    with place.store() as store:
        store.regroup("anna", ["board"], [], by="me", now=NOW)
    assert "identity_trail" in place.faults() or "identity_state" in place.faults()


def test_a_database_that_is_put_back_whole_is_told(place: Place, tmp_path: Path) -> None:
    """By the entry of the trail that this host wrote last."""
    before = shutil.copy(place.file, tmp_path / "before.sqlite")
    with place.store() as store:
        store.revoke("a1", by="me", now=NOW)
    for name in ("register.sqlite-wal", "register.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(before, place.file)
    assert "put back to a state of before" in place.faults()
    (tmp_path / HEAD_NAME).unlink()
    assert place.faults() == ""


def test_a_sign_in_that_somebody_else_wrote_is_none(place: Place) -> None:
    """Nor one that they made live longer, or hold more."""
    with place.store() as store:
        proof = Proven(Factor.PASSWORD, NOW)
        one = store.sign_ins.start("anna", "shop.example", [proof], now=NOW)
        other = store.sign_ins.start("anna", "shop.example", [proof], now=NOW)
        store.sign_ins.end(other.id, by="anna", now=NOW)
    place.write("UPDATE sign_ins SET ended_at = NULL, started_at = started_at + 60")
    place.write(
        "INSERT INTO sign_ins (id, name, site, proven, started_at, used_at) VALUES"
        " ('x', 'anna', 'shop.example', '[]', 1800000000.0, 1800000000.0)"
    )
    with place.store() as store:
        assert [store.sign_ins.find(i, now=NOW + 1) for i in (one.id, other.id, "x")] == [None] * 3
    assert 'sign_ins "x" was not written' in place.faults()


def test_whoever_was_written_by_somebody_else_can_be_removed(place: Place) -> None:
    """So the register becomes whole again."""
    place.write(
        "INSERT INTO identities (name, added_at) VALUES ('eve', 0.0)",
        "INSERT INTO identity_groups (identity, name) VALUES ('eve', 'staff')",
        "INSERT INTO identity_groups (identity, name) VALUES ('mallory', 'staff')",
        "INSERT INTO ssh_keys (fingerprint, algorithm, public, comment, identity, added_at)"
        " VALUES ('SHA256:m', 'ssh-ed25519', 'AAAA', '', 'ghost', 0.0)",
    )
    with place.store() as store:
        for name in ("eve", "mallory", "ghost"):
            store.remove(name, by="me", now=NOW)
        with pytest.raises(UsageError, match="there is no user"):
            store.remove("nobody", by="me", now=NOW)
    assert place.faults() == ""


def test_without_the_key_nothing_is_opened(place: Place, tmp_path: Path) -> None:
    """Neither with another one; and rows that lost their seals are not sealed again."""
    key = tmp_path / KEY_NAME
    right = key.read_text()
    assert key.stat().st_mode & 0o077 == 0
    key.unlink()
    with pytest.raises(SourceError, match=r"their key .* is not here"):
        place.store()
    key.write_text("00" * 32)
    with pytest.raises(SourceError, match="another key"):
        place.store()
    key.write_text("nothing")
    with pytest.raises(SourceError, match="holds no key"):
        place.store()
    key.write_text(right)
    place.store().close()
    place.write("UPDATE identity_version SET version_num = '0004'")
    with pytest.raises(SourceError, match="not sealed"):
        place.store()


@pytest.fixture
def odd(place: Place) -> Place:
    """Give a store in whose columns stands what none of us puts there."""
    place.write(
        "UPDATE identities SET seal = x'ff00', marks = 5 WHERE name = 'mallory'",
        "UPDATE identity_groups SET mark = NULL, seal = 'zz'",
        "UPDATE identity_trail SET at = 'then', digest = NULL WHERE id = 2",
    )
    return place


def test_what_cannot_be_read_is_told(odd: Place) -> None:
    """And ends nothing."""
    assert 'identities "mallory" was not written' in odd.faults()
    with odd.store() as store:
        assert store.identity("mallory") is None
        assert store.identity("anna") == Identity("anna")

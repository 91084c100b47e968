"""What servers ask at a sign-in: a change holds for the next one, in every process."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import extract_parameters
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.database import sqlite_url
from sealgate.errors import UsageError
from sealgate.identity.adapters import credentials, password_hash
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import ClientCertificate, Identity
from sealgate.identity.ssh_keys import SSHKey, read_ssh_key

GOOD = "correct horse battery staple"
HERS = ClientCertificate("a1", "f1" * 32, "anna", 0, 100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "register.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[IdentityStore]:
    """Return a store in which anna is known."""
    with IdentityStore(sqlite_url(str(path))) as opened:
        opened.add("anna", ["staff"], by="me", now=1)
        yield opened


def new_key(identity: str = "anna") -> SSHKey:
    """Return a new SSH key."""
    public = Ed25519PrivateKey.generate().public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return read_ssh_key(line + b" a comment", identity, 2)


def test_an_ssh_key_lets_in_until_it_is_revoked(store: IdentityStore, path: Path) -> None:
    """It is found by its fingerprint; after the revocation also another process finds none."""
    key = new_key()
    store.credentials.add_ssh_key(key, by="me", now=2)
    assert store.credentials.ssh_key(key.fingerprint) == key
    assert store.credentials.ssh_key(key.fingerprint.lower()) is None
    with IdentityStore(sqlite_url(str(path))) as other:
        assert other.credentials.ssh_key(key.fingerprint) == key
        assert store.revoke(key.fingerprint, by="me", now=3)[0].handle == key.fingerprint
        assert other.credentials.ssh_key(key.fingerprint) is None
    assert [held.revoked_at for held in store.credentials.ssh_keys()] == [3]
    assert store.revoke(key.fingerprint, by="me", now=4) == ()


def test_a_key_is_one_users_and_never_comes_back(store: IdentityStore) -> None:
    """Neither for another user, nor after it was revoked, nor for somebody unknown."""
    key = new_key()
    store.add("ben", [], by="me", now=1)
    store.credentials.add_ssh_key(key, by="me", now=2)
    with pytest.raises(UsageError, match='is a key of "anna" already'):
        store.credentials.add_ssh_key(read_ssh_key(key.line.encode(), "ben", 3), by="me", now=3)
    store.revoke("anna", by="me", now=3)
    with pytest.raises(UsageError, match="was revoked"):
        store.credentials.add_ssh_key(key, by="me", now=4)
    with pytest.raises(UsageError, match='no user "carla"'):
        store.credentials.add_ssh_key(new_key("carla"), by="me", now=4)


def test_everything_of_a_user_goes_with_one_call(store: IdentityStore) -> None:
    """Revoked by name or removed: certificates, SSH keys, and with the user the password."""
    key = new_key()
    store.credentials.add_ssh_key(key, by="me", now=2)
    store.credentials.add_certificate(HERS, by="me", now=2)
    store.credentials.set_password("anna", GOOD, by="me", now=2)
    assert [k.handle for k in store.revoke("anna", by="me", now=3)] == ["a1", key.fingerprint]
    more = new_key()
    store.credentials.add_ssh_key(more, by="me", now=4)
    assert store.credentials.check_password("anna", GOOD)
    assert [k.handle for k in store.remove("anna", by="me", now=5)] == [more.fingerprint]
    assert store.credentials.ssh_key(more.fingerprint) is None
    assert not store.credentials.check_password("anna", GOOD)
    store.add("anna", [], by="me", now=6)
    assert not store.credentials.check_password("anna", GOOD)
    assert store.credentials.ssh_key(more.fingerprint) is None
    assert store.credentials.with_password() == frozenset()


def test_a_certificate_is_found_and_revoked_by_its_fingerprint(store: IdentityStore) -> None:
    """As servers see it (hex), and as openssl prints it (with colons)."""
    store.credentials.add_certificate(HERS, by="me", now=2)
    assert store.credentials.certificate(HERS.fingerprint) == HERS
    for unknown in ("00" * 32, "", "\ud800", "\0"):
        assert store.credentials.certificate(unknown) is None
        assert store.credentials.ssh_key(unknown) is None
    printed = ":".join(HERS.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    assert [k.handle for k in store.revoke(printed, by="me", now=3)] == ["a1"]
    found = store.credentials.certificate(HERS.fingerprint)
    assert found is not None
    assert not found.is_living(50)


def test_a_password_lets_in_its_owner_only(store: IdentityStore) -> None:
    """In any spelling of its characters; nobody else, and nothing that is no password."""
    store.add("ben", [], by="me", now=1)
    store.credentials.set_password("anna", "caf\u00e9 au lait at noon", by="me", now=2)
    assert store.credentials.check_password("anna", "cafe\u0301 au lait\u00a0at noon")
    assert not store.credentials.check_password("anna", "Café au lait at noon")
    assert not store.credentials.check_password("ben", "caf\u00e9 au lait at noon")
    for name in ("nobody", "", "\0", "\ud800", "anna\0"):
        assert not store.credentials.check_password(name, "caf\u00e9 au lait at noon")
    for password in ("", "\0", "\ud800", "x" * 5000):
        assert not store.credentials.check_password("anna", password)
    assert store.credentials.remove_password("anna", by="me", now=3)
    assert not store.credentials.check_password("anna", "caf\u00e9 au lait at noon")
    assert not store.credentials.remove_password("anna", by="me", now=3)
    with pytest.raises(UsageError, match="no user"):
        store.credentials.set_password("nobody", GOOD, by="me", now=3)


def stored_rounds(path: Path) -> int:
    """Return the rounds of the one hash in the database."""
    connection = sqlite3.connect(path)
    try:
        (phc,) = connection.execute("SELECT phc FROM passwords WHERE identity='anna'").fetchone()
    finally:
        connection.close()
    return extract_parameters(phc).time_cost


def test_a_hash_follows_when_the_cost_rises(store: IdentityStore, path: Path) -> None:
    """With the next right password, and not with a wrong one; the cost never falls again."""
    store.credentials.set_password("anna", GOOD, by="me", now=2)
    store.add("ben", [], by="me", now=2)
    store.credentials.set_password("ben", GOOD, rounds=4, by="me", now=3)
    assert stored_rounds(path) == 3
    assert not store.credentials.check_password("anna", "wrong")
    assert stored_rounds(path) == 3
    assert store.credentials.check_password("anna", GOOD)
    assert stored_rounds(path) == 4
    assert store.credentials.check_password("anna", GOOD)
    store.credentials.set_password("anna", GOOD, rounds=3, by="me", now=4)
    assert stored_rounds(path) == 4


def test_what_is_no_password_never_matches(store: IdentityStore) -> None:
    """Not even where the hash of nothing got into the database."""
    store.credentials.set_password("anna", "", by="me", now=2)
    for password in ("", "\0", "\u200b", "x" * 5000):
        assert not store.credentials.check_password("anna", password)


def test_a_new_password_is_not_undone_by_a_sign_in(
    store: IdentityStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody signs in with the old one, whose hash is made anew, while another one is set."""
    store.credentials.set_password("anna", GOOD, by="me", now=2)
    store.add("ben", [], by="me", now=2)
    store.credentials.set_password("ben", GOOD, rounds=4, by="me", now=2)

    def meanwhile(password: str, rounds: int) -> str:
        monkeypatch.setattr(credentials, "hash_password", password_hash.hash_password)
        store.credentials.set_password("anna", "another horse than that", by="me", now=3)
        return password_hash.hash_password(password, rounds)

    monkeypatch.setattr(credentials, "hash_password", meanwhile)
    assert store.credentials.check_password("anna", GOOD)
    assert not store.credentials.check_password("anna", GOOD)
    assert store.credentials.check_password("anna", "another horse than that")


def test_a_key_of_nobody_lets_nobody_in(store: IdentityStore, path: Path) -> None:
    """An identity that was taken out of the database by hand takes its keys along."""
    key = new_key()
    store.credentials.add_ssh_key(key, by="me", now=2)
    store.credentials.add_certificate(HERS, by="me", now=2)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM identities")
    connection.commit()
    connection.close()
    assert store.credentials.ssh_key(key.fingerprint) is None
    assert store.credentials.certificate(HERS.fingerprint) is None


def test_the_generation_grows_with_every_change_and_with_nothing_else(
    store: IdentityStore,
) -> None:
    """A server that finds it unchanged need not look again."""
    key = new_key()
    seen = store.generation()
    changes: list[Callable[[], object]] = [
        lambda: store.add("ben", [], by="me", now=2),
        lambda: store.regroup("ben", ["staff"], [], by="me", now=2),
        lambda: store.credentials.add_certificate(HERS, by="me", now=2),
        lambda: store.credentials.add_ssh_key(key, by="me", now=2),
        lambda: store.credentials.set_password("anna", GOOD, by="me", now=2),
        lambda: store.credentials.remove_password("anna", by="me", now=2),
        lambda: store.revoke(key.fingerprint, by="me", now=2),
        lambda: store.remove("anna", by="me", now=2),
    ]
    for number, change in enumerate(changes):
        change()
        now = store.generation()
        assert now > seen, number
        seen = now
    store.everything()
    store.credentials.ssh_key(key.fingerprint)
    store.credentials.check_password("ben", GOOD)
    store.identity("ben")
    assert store.generation() == seen


def test_an_identity_is_found_by_name(store: IdentityStore) -> None:
    """In any spelling of its characters, with its groups."""
    store.add("J\u00fcrgen", ["b", "a"], by="me", now=2)
    assert store.identity("Ju\u0308rgen") == Identity("J\u00fcrgen", ("a", "b"))
    assert store.identity("juergen") is None
    assert store.identity("\ud800") is None


def test_many_threads_ask_and_see_a_revocation_at_once(store: IdentityStore) -> None:
    """Once the revocation returned, no question that is asked later finds the key."""
    key = new_key()
    store.credentials.add_ssh_key(key, by="me", now=2)
    revoked = threading.Event()
    late, faults, before = [], [], []

    def ask() -> None:
        try:
            for _ in range(60):
                asked_after = revoked.is_set()
                found = store.credentials.ssh_key(key.fingerprint)
                before.append(found is not None)
                if asked_after and found is not None:
                    late.append(found)
        except Exception as error:  # noqa: BLE001  # told below, in the thread of the test
            faults.append(error)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    store.revoke(key.fingerprint, by="me", now=3)
    revoked.set()
    for thread in threads:
        thread.join()
    assert (late, faults) == ([], [])
    assert len(before) == 16 * 60
    assert store.credentials.ssh_key(key.fingerprint) is None


ADDER = """
import sys
from sealgate.identity.adapters.store import IdentityStore
store = IdentityStore(sys.argv[1])
for number in range(25):
    store.add(f"{sys.argv[2]}{number}", [], by="me", now=1)
store.close()
"""


def test_no_change_of_two_processes_is_missed(store: IdentityStore, path: Path) -> None:
    """Fifty changes from two processes at a time are fifty steps of the generation."""
    seen = store.generation()
    url = sqlite_url(str(path))
    running = [subprocess.Popen([sys.executable, "-c", ADDER, url, who]) for who in "ab"]
    assert [process.wait(60) for process in running] == [0, 0]
    assert store.generation() == seen + 50

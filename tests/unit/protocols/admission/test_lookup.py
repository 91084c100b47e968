"""Who holds a key is remembered, and never longer than it is so."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.database import sqlite_url
from sealgate.errors import SourceError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import ClientCertificate
from sealgate.identity.ssh_keys import read_ssh_key
from sealgate.protocols.admission.lookup import Lookup
from sealgate.protocols.model import Method

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.identity.adapters.credentials import Credentials
    from sealgate.identity.model import Identity

NOW = 1_800_000_000.0
KEY, CERTIFICATE = Method.PUBLIC_KEY, Method.CLIENT_CERTIFICATE
PRINT = "ab" * 32


class Counted:
    """Passes every question on to *store*, and counts it in *asked*."""

    def __init__(self, store: object, asked: Counter[str]) -> None:
        self.store, self.asked = store, asked

    def __getattr__(self, name: str) -> Any:
        """Count and pass on."""
        self.asked[name] += 1
        return getattr(self.store, name)


class Asked(IdentityStore):
    """A store of identities that counts what it is asked."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: Counter[str] = Counter()
        self.credentials = cast("Credentials", Counted(self.credentials, self.asked))
        self.told_generation: int | None = None

    def identity(self, name: str) -> Identity | None:
        """Count and answer."""
        self.asked["identity"] += 1
        return super().identity(name)

    def generation(self) -> int:
        """Return what the test wants told, else the real one."""
        return super().generation() if self.told_generation is None else self.told_generation


class Room:
    """anna holds a key and a certificate, ben nothing; *clock* is what the time is."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.people = IdentityStore(sqlite_url(str(path)))
        for name, group in (("anna", "partners"), ("ben", "readers")):
            self.people.add(name, [group], by="test", now=NOW)
        public = Ed25519PrivateKey.generate().public_key()
        line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        key = read_ssh_key(line, "anna", NOW)
        self.people.credentials.add_ssh_key(key, by="test", now=NOW)
        self.key = key.fingerprint
        certificate = ClientCertificate("1", PRINT, "anna", NOW - 1, NOW + 10)
        self.people.credentials.add_certificate(certificate, by="test", now=NOW)
        self.clock = NOW
        self.asked = Asked(sqlite_url(str(path)))
        self.lookup = Lookup(self.asked, lambda: self.clock)

    def holder(self, name: str = "anna", key: str = "") -> Identity | None:
        """Return who *name* is, if anna's key, or *key*, is theirs."""
        return self.lookup.holder(name, KEY, key or self.key)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Give a room over a database that is closed in the end."""
    one = Room(tmp_path / "register.sqlite")
    yield one
    one.people.close()
    one.asked.close()


def test_who_holds_a_key_is_looked_up_once(room: Room) -> None:
    """As long as nothing changes; who holds none is looked up whole each time, known or not."""
    for _ in range(3):
        found = room.holder()
        assert found is not None
        assert (found.name, found.groups) == ("anna", ("partners",))
    assert room.asked.asked == {"identity": 1, "ssh_key": 1}
    for times in (1, 2):
        for name, key in (("ben", ""), ("nobody", ""), ("anna", "SHA256:other")):
            assert room.holder(name, key) is None
        assert room.asked.asked == {"identity": 1 + 3 * times, "ssh_key": 1 + 3 * times}


def test_a_change_by_another_process_holds_at_once(room: Room) -> None:
    """Groups, a revoked key, a removed user, and a key that is somebody else's by now."""
    assert room.holder() is not None
    with IdentityStore(sqlite_url(str(room.path))) as other:
        other.regroup("anna", ["readers"], ["partners"], by="test", now=NOW)
        changed = room.holder()
        assert changed is not None
        assert changed.groups == ("readers",)
        assert room.lookup.holder("anna", CERTIFICATE, PRINT) is not None
        other.revoke("1", by="test", now=NOW)
        assert room.lookup.holder("anna", CERTIFICATE, PRINT) is None
        assert room.holder() is not None
        other.revoke(room.key, by="test", now=NOW)
        assert room.holder() is None
        other.remove("anna", by="test", now=NOW)
    assert room.lookup.present("anna", frozenset([KEY]), room.key, NOW)[0] is None


def test_a_certificate_ends_by_itself(room: Room) -> None:
    """No change tells of it: whoever is remembered is asked for the date each time."""
    assert room.lookup.holder("anna", CERTIFICATE, PRINT) is not None
    room.clock = NOW + 12
    assert room.lookup.holder("anna", CERTIFICATE, PRINT) is None
    room.clock = NOW
    assert room.lookup.holder("anna", CERTIFICATE, PRINT) is not None


@pytest.mark.parametrize("later", [61.0, -1.0])
def test_a_database_that_was_put_back_is_noticed(room: Room, later: float) -> None:
    """
    Its number may be one that was there before: a minute later all is looked up again.

    So it is by a clock that was set back.
    """
    room.asked.told_generation = 5
    assert room.holder() is not None
    room.people.revoke(room.key, by="test", now=NOW)
    room.clock = NOW + later
    assert room.holder() is None


def test_nobody_is_remembered_while_the_database_is_silent(room: Room) -> None:
    """Who was admitted a moment ago is not, while nobody can tell whether that has changed."""
    assert room.holder() is not None
    room.people.close()
    room.asked.close()
    for one in room.path.parent.glob("register.sqlite*"):
        one.unlink()
    room.path.mkdir()
    with pytest.raises(SourceError, match="cannot be read"):
        room.holder()


def test_what_a_key_was_proven_for_is_all_that_counts(room: Room) -> None:
    """A key that is gone ends everything; without one, only the password is asked for."""
    room.people.credentials.set_password(
        "ben", "five plain words are enough", by="test", now=NOW - 1
    )
    found, methods, gone = room.lookup.present("ben", frozenset([Method.PASSWORD]), "", NOW)
    assert found is not None
    assert (found.name, methods, gone) == ("ben", frozenset([Method.PASSWORD]), None)
    _, _, gone = room.lookup.present("ben", frozenset([KEY]), room.key, NOW)
    assert gone is not None
    assert "no longer" in gone.message
    room.people.credentials.set_password(
        "ben", "six other words are enough too", by="test", now=NOW + 1
    )
    _, _, gone = room.lookup.present("ben", frozenset([Method.PASSWORD]), "", NOW)
    assert gone is not None
    assert "password" in gone.message

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.demo.geography import ALLOWED, OTHER, UNKNOWN, make_country_database
from sealgate.errors import SourceError
from sealgate.identity.adapters.country import Countries
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import ClientCertificate
from sealgate.identity.ssh_keys import read_ssh_key
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Address, Tunnel
from sealgate.protocols.admission.authenticator import DropAuthenticator
from sealgate.protocols.admission.rules import Rules
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import (
    Channel,
    KeyOffer,
    Method,
    TransferError,
)
from sealgate.protocols.ssh.transit import SFTP
from sealgate.storage.model import Trouble
from tests.unit.protocols.session.dropped import CHANNEL, Ground, put

NOW = 1_800_000_000.0
PASSWORD = "five plain words are enough"
KEY, BY_PASSWORD = frozenset([Method.PUBLIC_KEY]), frozenset([Method.PASSWORD])
CERTIFICATE = frozenset([Method.CLIENT_CERTIFICATE])
OVER_FTPS = Channel(FTPS, ALLOWED, "TLSv1.3", "X25519MLKEM768", "TLS_AES_256_GCM_SHA384")
PRINT = "ab" * 32


class Door:
    """An authenticator over a real store of identities: anna has keys, ben only a name."""

    def __init__(self, folder: Path) -> None:
        """Make identities, two drops and a tunnel."""
        self.folder = folder
        self.people = IdentityStore(f"sqlite:///{folder / 'register.sqlite'}")
        self.ground = Ground(folder)
        make_country_database(folder / "country.mmdb")
        self.countries = Countries(str(folder / "country.mmdb"))
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "anna")]
        subprocess.run(command, check=True)
        for name, group in (("anna", "partners"), ("ben", "readers")):
            self.people.add(name, [group], by="test", now=NOW)
        key = read_ssh_key((folder / "anna.pub").read_bytes(), "anna", NOW)
        self.people.credentials.add_ssh_key(key, by="test", now=NOW)
        self.people.credentials.add_certificate(
            ClientCertificate("1", PRINT, "anna", NOW - 1, NOW + 1000), by="test", now=NOW
        )
        self.key = KeyOffer(Method.PUBLIC_KEY, key.fingerprint)
        self.ground.add("low", "restricted")
        self.ground.add("high", "confidential", admit=("group:partners",))
        self.rules = Rules(
            self.ground.drops,
            (
                Tunnel(
                    "db", DEFAULT_MODEL.classes[2], Address("127.0.0.1", 5432), ("group:partners",)
                ),
            ),
            AccessSettings(("DE",)),
            self.countries,
        )
        self.keeper = DropAuthenticator(self.rules, self.people, self.ground.context, protocol=SFTP)

    def close(self) -> None:
        """Close what is open."""
        self.people.close()
        self.countries.close()
        self.ground.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """Give a door; what it holds is closed in the end."""
    one = Door(tmp_path)
    yield one
    one.close()


def refused(act: Callable[[], object], said: str) -> TransferError:
    """Assert that *act* is answered with no, and why."""
    with pytest.raises(TransferError) as caught:
        act()
    assert caught.value.trouble is Trouble.DENIED
    assert said in caught.value.message
    return caught.value


def names(session: object) -> list[str]:
    """Return the drops that a session shows."""
    return [entry.path[0] for entry in session.list("/")]  # type: ignore[attr-defined]


def test_keys_are_those_of_their_owner(door: Door) -> None:
    """A living key or certificate fits its own user and no other, known or not."""
    keeper = door.keeper
    certificate = KeyOffer(Method.CLIENT_CERTIFICATE, PRINT)
    for offer in (door.key, certificate):
        assert keeper.knows_key("anna", offer)
        assert not keeper.knows_key("ben", offer)
        assert not keeper.knows_key("nobody", offer)
        assert not keeper.knows_key("anna", replace(offer, fingerprint="SHA256:other"))
    assert not keeper.knows_key("anna", replace(door.key, method=Method.CLIENT_CERTIFICATE))
    door.people.revoke("1", by="test", now=NOW)
    assert not keeper.knows_key("anna", certificate)


def test_passwords_are_throttled(door: Door) -> None:
    """After a few wrong ones even the right one is refused; unknown names stay out of the trail."""
    keeper = door.keeper
    door.people.credentials.set_password("anna", PASSWORD, by="test", now=NOW)
    assert keeper.check_password("anna", PASSWORD, OTHER)
    tries = [keeper.check_password("anna", "wrong", ALLOWED) for _ in range(6)]
    assert not any(tries)
    assert not keeper.check_password("anna", PASSWORD, ALLOWED)
    assert not keeper.check_password("hunter2 is my password", "x", ALLOWED)
    callers = {event.caller for event in door.ground.events}
    assert callers == {"anna", "(unknown)"}
    assert door.ground.events[-2].result == "too many attempts"


def test_an_address_that_keeps_failing_is_turned_away(door: Door) -> None:
    """Before a handshake, and noted once and not each time."""
    door.keeper.greet(OTHER)
    for number in range(40):
        door.keeper.failed(f"name{number}", OTHER, "wrong name or password")
    for _ in range(3):
        refused(lambda: door.keeper.greet(OTHER), "too many failed attempts")
    door.keeper.greet(ALLOWED)
    results = [event.result for event in door.ground.events]
    assert results.count("too many attempts from this address") == 1


def test_each_drop_asks_for_its_own(door: Door) -> None:
    """By key from a listed country both drops are there; else the high one names its rule."""
    both = door.keeper.sign_in("anna", KEY, CHANNEL, key=door.key.fingerprint)
    assert names(both) == ["high", "low"]
    low = door.keeper.sign_in("anna", BY_PASSWORD, CHANNEL)
    assert names(low) == ["low"]
    error = refused(lambda: low.stat("high/x"), "a password is not enough")
    assert error.rule == "access-no-key"
    for peer in (OTHER, UNKNOWN):
        abroad = door.keeper.sign_in(
            "anna", KEY, replace(CHANNEL, peer=peer), key=door.key.fingerprint
        )
        assert names(abroad) == ["low"]
        refused(lambda session=abroad: session.stat("high"), "not on the list")  # type: ignore[misc]
    ben = door.keeper.sign_in("ben", BY_PASSWORD, CHANNEL)
    assert names(ben) == ["low"]
    assert ben.real_path("high") == "/high"
    with pytest.raises(TransferError, match="no such file"):
        ben.stat("high")
    assert [e.action for e in door.ground.events].count("login") == 5


def test_who_is_admitted_nowhere_does_not_get_in(door: Door) -> None:
    """The message names the rule of a drop that would admit them, or says that none does."""
    door.people.add("eve", [], by="test", now=NOW)
    refused(lambda: door.keeper.sign_in("eve", BY_PASSWORD, CHANNEL), "no drop admits you")
    refused(lambda: door.keeper.sign_in("nobody", KEY, CHANNEL), "no drop admits you")
    weak = replace(CHANNEL, group="diffie-hellman-group1-sha1")
    key = door.key.fingerprint
    error = refused(lambda: door.keeper.sign_in("anna", KEY, weak, key=key), "key exchange")
    assert error.rule == "transit-ssh-weak-kex"
    assert [e.caller for e in door.ground.events] == ["eve", "(unknown)", "anna"]


def test_tunnels_are_those_that_are_declared(door: Door) -> None:
    """Host and port must be the declared ones; the class asks for a key; FTPS has none."""
    keeper, key = door.keeper, door.key.fingerprint
    keeper.may_tunnel("anna", KEY, CHANNEL, "127.0.0.1", 5432, key=key)
    for host, port in (("127.0.0.1", 22), ("localhost", 5432), ("169.254.169.254", 80)):
        refused(
            lambda h=host, p=port: keeper.may_tunnel("anna", KEY, CHANNEL, h, p, key=key),  # type: ignore[misc]
            "no tunnel to there",
        )
    error = refused(
        lambda: keeper.may_tunnel("anna", BY_PASSWORD, CHANNEL, "127.0.0.1", 5432), "a password"
    )
    assert error.rule == "access-no-key"
    refused(
        lambda: keeper.may_tunnel("ben", BY_PASSWORD, CHANNEL, "127.0.0.1", 5432), "not admitted"
    )
    assert door.ground.events[0].action == "tunnel"
    keeper.renew(Rules({}, door.rules.tunnels, door.rules.access, door.countries))
    assert names(keeper.sign_in("anna", KEY, CHANNEL, key=door.key.fingerprint)) == []
    refused(lambda: keeper.sign_in("anna", CERTIFICATE, OVER_FTPS, key=PRINT), "no drop admits you")


def test_open_sessions_follow_what_changes(door: Door) -> None:
    """A group left, a key revoked, a user removed: each ends what it admitted, at the next look."""
    keeper, fingerprint = door.keeper, door.key.fingerprint
    by_key = keeper.sign_in("anna", KEY, CHANNEL, key=fingerprint)
    by_certificate = keeper.sign_in("anna", CERTIFICATE, OVER_FTPS, key=PRINT)
    door.people.credentials.set_password("anna", PASSWORD, by="test", now=NOW - 1)
    by_password = keeper.sign_in("anna", BY_PASSWORD, CHANNEL)
    put(by_key, "high/a", b"x")  # type: ignore[arg-type]  # it is a session of ours
    reader = by_key.open_read("high/a")
    keeper.tick()
    assert reader.read_at(0, 1) == b"x"
    door.people.regroup("anna", ["readers"], ["partners"], by="test", now=NOW)
    keeper.tick()
    assert names(by_key) == ["low"]
    refused(lambda: reader.read_at(0, 1), "no longer")
    door.people.revoke("1", by="test", now=NOW)
    keeper.tick()
    refused(lambda: by_certificate.stat("/"), "your key is no longer")
    assert names(by_key) == names(by_password) == ["low"]
    door.people.remove("anna", by="test", now=NOW)
    keeper.tick()
    for session in (by_key, by_password):
        refused(lambda one=session: one.stat("/"), "no longer admitted")  # type: ignore[misc]
    assert keeper.sessions == 3
    for session in (by_key, by_certificate, by_password):
        session.close()
    assert keeper.sessions == 0


def test_another_password_ends_the_sessions_of_the_old_one(door: Door) -> None:
    """Whoever learnt the old one is out when it is changed or taken away; keys stay in."""
    keeper = door.keeper
    by_key = keeper.sign_in("anna", KEY, CHANNEL, key=door.key.fingerprint)
    for change in (
        lambda: door.people.credentials.set_password(
            "anna", PASSWORD, by="test", now=door.ground.now()
        ),
        lambda: door.people.credentials.remove_password("anna", by="test", now=NOW),
    ):
        door.people.credentials.set_password("anna", PASSWORD, by="test", now=door.ground.now())
        session = keeper.sign_in("anna", BY_PASSWORD, CHANNEL)
        keeper.tick()
        assert names(session) == ["low"]
        change()
        keeper.tick()
        refused(lambda one=session: one.stat("/"), "your password is another")  # type: ignore[misc]
    assert names(by_key) == ["high", "low"]


def test_a_key_that_was_revoked_opens_nothing_more(door: Door) -> None:
    """Neither a session that was just being signed in, nor a tunnel of one that is open."""
    keeper, key, told = door.keeper, door.key.fingerprint, list[str]()
    session = keeper.sign_in("anna", KEY, CHANNEL, key=key)
    session.on_change(lambda: told.append("changed"))
    assert keeper.knows_key("anna", door.key)
    door.people.revoke(key, by="test", now=NOW)
    refused(lambda: keeper.sign_in("anna", KEY, CHANNEL, key=key), "your key is no longer")
    for is_open in (False, True):
        refused(
            lambda i=is_open: keeper.may_tunnel(  # type: ignore[misc]
                "anna", KEY, CHANNEL, "127.0.0.1", 5432, key=key, is_open=i
            ),
            "your key is no longer",
        )
    assert told == []
    keeper.tick()
    assert told == ["changed"]


def test_a_password_that_was_changed_opens_nothing_more(door: Door) -> None:
    """Neither a session that was just being signed in, nor a tunnel, open or not."""
    keeper, channel = door.keeper, replace(CHANNEL, began_at=NOW + 1)
    low = Tunnel("log", DEFAULT_MODEL.classes[1], Address("127.0.0.1", 514), ("group:partners",))
    keeper.renew(replace(door.rules, tunnels=(low,)))

    def tunnel(*, is_open: bool) -> None:
        keeper.may_tunnel("anna", BY_PASSWORD, channel, "127.0.0.1", 514, is_open=is_open)

    door.people.credentials.set_password("anna", PASSWORD, by="test", now=NOW)
    keeper.sign_in("anna", BY_PASSWORD, channel).close()
    tunnel(is_open=False)
    door.people.credentials.set_password("anna", "another five plain words", by="test", now=NOW + 2)
    refused(lambda: keeper.sign_in("anna", BY_PASSWORD, channel), "your password is another")
    for is_open in (False, True):
        refused(lambda i=is_open: tunnel(is_open=i), "your password is another")  # type: ignore[misc]


def test_a_certificate_that_ends_by_itself_ends_its_session(door: Door) -> None:
    """Nothing changes in the database; the minute brings it."""
    clock = [NOW]
    context = replace(door.ground.context, now=lambda: clock[0])
    keeper = DropAuthenticator(door.rules, door.people, context, protocol=FTPS)
    session = keeper.sign_in("anna", CERTIFICATE, OVER_FTPS, key=PRINT)
    keeper.tick()
    clock[0] = NOW + 1002
    keeper.tick()
    refused(lambda: session.stat("/"), "your key is no longer")


def test_nobody_comes_in_while_nobody_can_be_looked_up(door: Door) -> None:
    """A database or a country file that is gone admits nobody, and cuts who is in."""
    session = door.keeper.sign_in("anna", KEY, CHANNEL, key=door.key.fingerprint)
    (door.folder / "country.mmdb").unlink()
    with pytest.raises(TransferError) as caught:
        door.keeper.sign_in("anna", BY_PASSWORD, CHANNEL)
    assert caught.value.trouble is Trouble.FAILED

    class Gone:
        """A store of identities that does not answer."""

        def __getattr__(self, name: str) -> Gone:
            """Have every store in it fail too."""
            return self

        def __call__(self, *_: object) -> object:
            """Fail at every question."""
            raise SourceError("the database does not answer")

    door.keeper._people = door.keeper._lookup._people = Gone()  # type: ignore[assignment]  # it fails at everything
    assert not door.keeper.knows_key("anna", door.key)
    assert not door.keeper.check_password("anna", PASSWORD, ALLOWED)
    door.keeper.tick()
    refused(lambda: session.stat("/"), "no longer admitted")
    assert "the database does not answer" in door.ground.complaints

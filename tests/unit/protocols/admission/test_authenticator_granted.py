"""Grants and second factors at the door of a secret drop, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.demo.geography import OTHER
from sealgate.errors import SourceError
from sealgate.identity.factors import FRESH_SECONDS
from sealgate.identity.totp import code_at, recovery_codes
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Address, Tunnel
from sealgate.policy.protection import StorageRung
from sealgate.protocols.admission.authenticator import DropAuthenticator
from sealgate.protocols.admission.rules import Rules
from sealgate.protocols.ftps.settings import FTPSSettings
from sealgate.protocols.ftps.tls import TLSFiles
from sealgate.protocols.model import Method, MoreProof
from sealgate.protocols.session.session import DropSession
from sealgate.protocols.ssh.settings import SSHSettings
from sealgate.protocols.ssh.transit import SFTP
from sealgate.storage.adapters.code_seal import CodeSealer
from sealgate.storage.age.keys import HybridIdentity
from tests.unit.protocols.admission.test_authenticator import (
    CERTIFICATE,
    KEY,
    NOW,
    OVER_FTPS,
    PASSWORD,
    PRINT,
    Door,
    names,
    refused,
)
from tests.unit.protocols.session.dropped import CHANNEL, put

CODE, RECOVERY = Method.ONE_TIME_CODE, Method.RECOVERY_CODE
BY_CODE, BY_PASSWORD = frozenset([CODE]), frozenset([Method.PASSWORD])
SECRET = b"12345678901234567890"
CODES = recovery_codes(bytes(range(150)))
BOTH = KEY | {CODE}


class Vault(Door):
    """A door with a secret drop and tunnel besides; *now* is what its clock shows."""

    def __init__(self, folder: Path) -> None:
        """Let anna have an app and a password."""
        super().__init__(folder)
        self.now = NOW + 100.0
        recipient = str(HybridIdentity.generate().recipient())
        self.ground.add(
            "plans",
            "secret",
            rung=StorageRung.HIGHLY_ENCRYPTED,
            recipients=(recipient,),
            admit=("group:partners",),
        )
        target = Address("127.0.0.1", 9), ("group:partners",)
        self.rules = Rules(
            self.ground.drops,
            (*self.rules.tunnels, Tunnel("vault", DEFAULT_MODEL.strictest, *target)),
            self.rules.access,
            self.countries,
        )
        self.people.add("boss", [], roles=["approver"], by="test", now=NOW)
        self.people.credentials.set_password("anna", PASSWORD, by="test", now=NOW)
        self.sealer = CodeSealer(lambda: self.ground.keyring)
        self.set_up_app()
        self.keeper = DropAuthenticator(
            self.rules,
            self.people,
            replace(self.ground.context, now=lambda: self.now),
            protocol=SFTP,
            sealer=self.sealer,
        )

    def set_up_app(self) -> None:
        """Give anna an app, at this moment."""
        sealed = self.sealer.seal("anna", SECRET)
        self.people.second_factors.set_totp("anna", sealed, CODES, step=0, by="test", now=self.now)

    def grant(self, asset: str = "drop plans", minutes: int = 60) -> str:
        """Let anna have a grant from now on."""
        asked = self.people.grants.request(
            "anna", asset, reason="a test", minutes=minutes, by="one", now=self.now
        )
        self.people.grants.approve(asked.id, "boss", by="two", now=self.now)
        return asked.id

    def code(self) -> str:
        """Return what the app shows now."""
        return code_at(SECRET, int(self.now // 30))

    def second(
        self, typed: str, ways: frozenset[Method] = BY_CODE, peer: str = ""
    ) -> Method | None:
        """Return what anna has proven by *typed*."""
        return self.keeper.check_second("anna", typed, peer or CHANNEL.peer, ways)

    def session(self, methods: frozenset[Method] = BOTH) -> DropSession:
        """Return a session of anna."""
        found = self.keeper.sign_in("anna", methods, CHANNEL, key=self.key.fingerprint)
        assert isinstance(found, DropSession)
        return found

    def more(self, methods: frozenset[Method] = KEY) -> MoreProof | None:
        """Return what anna would be asked for."""
        return self.keeper.more_proof("anna", methods, CHANNEL, key=self.key.fingerprint)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    """Give the door; what it holds is closed in the end."""
    one = Vault(tmp_path)
    yield one
    one.close()


def test_more_is_asked_for_only_where_it_opens_something(vault: Vault) -> None:
    """A running grant, a strong channel, an allowed country, a key; and a way to give it."""
    keeper, key = vault.keeper, vault.key.fingerprint
    assert vault.more() is None
    vault.grant()
    asked = MoreProof(("drop plans",), frozenset([CODE, Method.PASSWORD]))
    assert vault.more() == asked
    vault.grant("tunnel vault")
    assert vault.more() == replace(asked, assets=("drop plans", "tunnel vault"))
    assert keeper.more_proof("anna", CERTIFICATE, OVER_FTPS, key=PRINT) == asked
    for methods in (BOTH, KEY | {RECOVERY}, KEY | BY_PASSWORD, BY_PASSWORD):
        assert vault.more(methods) is None
    weak = replace(CHANNEL, group="curve25519-sha256")
    for channel in (weak, replace(CHANNEL, peer=OTHER)):
        assert keeper.more_proof("anna", KEY, channel, key=key) is None
    for name in ("ben", "nobody"):
        assert keeper.more_proof(name, KEY, CHANNEL, key=key) is None
    vault.people.credentials.remove_password("anna", by="test", now=NOW)
    assert vault.more() == replace(asked, assets=("drop plans", "tunnel vault"), ways=BY_CODE)
    vault.people.second_factors.remove_totp("anna", by="test", now=NOW)
    assert vault.more() is None


def test_what_is_typed_proves_what_it_looks_like(vault: Vault) -> None:
    """Each code once; a way that was not asked for proves nothing; nobody else's code does."""
    assert vault.second(vault.code()) is CODE
    assert vault.second(vault.code()) is None
    assert vault.second(CODES[0].lower()) is RECOVERY
    assert vault.second(CODES[0]) is None
    assert vault.second(PASSWORD) is None
    assert vault.second(PASSWORD, BY_PASSWORD) is Method.PASSWORD
    assert vault.second(CODES[1], BY_PASSWORD) is None
    assert vault.second("") is None
    vault.now += 60
    assert vault.second(f" {vault.code()[:3]} {vault.code()[3:]} ") is CODE
    both = BY_CODE | BY_PASSWORD
    assert vault.second(CODES[1], both) is RECOVERY
    assert vault.second(PASSWORD, both) is Method.PASSWORD
    vault.people.credentials.set_password("ben", "123456", by="test", now=NOW)
    vault.people.credentials.set_password("anna", "654321", by="test", now=NOW)
    assert vault.keeper.check_second("ben", "123456", CHANNEL.peer, both) is Method.PASSWORD
    assert vault.second("654321", both) is None
    results = {e.result for e in vault.ground.events}
    assert results == {"wrong second factor"}


def test_guesses_are_slowed_down_and_a_key_takes_none_back(vault: Vault) -> None:
    """Whoever stole the key signs in with it between guesses, and gains nothing by that."""
    vault.grant()
    for _ in range(5):
        assert vault.second("000000") is None
        vault.session(KEY).close()
    assert vault.second(vault.code()) is None
    assert vault.ground.events[-1].result == "too many attempts"
    assert vault.second(PASSWORD, BY_PASSWORD) is None
    vault.now += 900
    assert vault.second(vault.code()) is CODE


def test_a_key_takes_no_wrong_password_back_either(vault: Vault) -> None:
    """Else a stolen key could be used to find the password that goes beside it."""
    vault.people.credentials.set_password("anna", PASSWORD, by="test", now=NOW)
    for _ in range(5):
        assert not vault.keeper.check_password("anna", "wrong", CHANNEL.peer)
        vault.session(KEY).close()
    assert not vault.keeper.check_password("anna", PASSWORD, CHANNEL.peer)


def test_strangers_make_nobody_wait_for_a_code(vault: Vault) -> None:
    """Wrong passwords of all the world are counted apart from what is typed beside a key."""
    for number in range(300):
        vault.keeper.failed("anna", f"198.51.100.{number % 250}", "the signature is wrong")
        vault.keeper.failed("anna", CHANNEL.peer, "the signature is wrong")
    assert vault.second(vault.code()) is CODE


def test_a_grant_that_runs_out_ends_what_it_opened_to_the_second(vault: Vault) -> None:
    """At the next request by itself, and what the connection holds besides within a tick."""
    grant = vault.grant(minutes=1)
    session, told = vault.session(), list[str]()
    session.on_change(lambda: told.append("changed"))
    assert names(session) == ["high", "low", "plans"]
    put(session, "plans/a", b"x" * 10)
    reader = session.open_read("plans/a.age")
    upload = session.open_write("plans/b")
    upload.write_at(0, b"y")
    vault.now += 59.9
    vault.keeper.tick()
    vault.keeper.tick()
    assert told == ["changed"], "the first look, and none after it"
    assert reader.read_at(0, 3) == b"age"
    vault.now += 0.1
    for act in (
        lambda: reader.read_at(0, 1),
        lambda: upload.write_at(1, b"y"),
        upload.close,
        lambda: session.stat("plans"),
        lambda: session.list("plans"),
        lambda: session.open_write("plans/c"),
    ):
        error = refused(act, '"plans" is secret: your grant ran out')
        assert error.rule == "access-no-approval"
    assert names(session) == ["high", "low"]
    vault.keeper.tick()
    assert told == ["changed", "changed"]
    error = refused(lambda: session.stat("plans"), "and yours ran out")
    assert 'sealgate grant ask "drop plans"' in (error.hint or "")
    uploads = [e for e in vault.ground.events if e.action == "upload"]
    assert {(e.access, e.grant) for e in uploads if e.result == "ok"} == {(3, grant)}
    session.close()


def test_a_grant_that_was_ended_ends_it_at_the_next_look(vault: Vault) -> None:
    """Also for a tunnel, and whoever had nothing else is out with the reason."""
    keeper, key = vault.keeper, vault.key.fingerprint
    grants = [vault.grant(), vault.grant("tunnel vault")]
    session = vault.session()
    keeper.may_tunnel("anna", BOTH, CHANNEL, "127.0.0.1", 9, key=key)
    assert (vault.ground.events[-1].place, vault.ground.events[-1].grant) == ("vault", grants[1])
    keeper.tick()
    for grant in grants:
        vault.people.grants.end(grant, by="test", now=vault.now)
    keeper.tick()
    refused(lambda: session.stat("plans"), "and yours is ended")
    assert names(session) == ["high", "low"]
    error = refused(
        lambda: keeper.may_tunnel("anna", BOTH, CHANNEL, "127.0.0.1", 9, key=key, is_open=True),
        "and yours is ended",
    )
    assert error.rule == "access-no-approval"


def test_who_has_nothing_else_is_out_with_the_reason(vault: Vault) -> None:
    """Not merely "no longer admitted"."""
    grant = vault.grant()
    drops = {"plans": vault.ground.drops["plans"]}
    vault.keeper.renew(replace(vault.rules, drops=drops, tunnels=()))
    session = vault.session()
    assert names(session) == ["plans"]
    vault.people.grants.end(grant, by="test", now=vault.now)
    vault.keeper.tick()
    error = refused(lambda: session.stat("/"), "and yours is ended")
    assert error.rule == "access-no-approval"


def test_who_has_only_a_secret_tunnel_is_told_what_is_missing(vault: Vault) -> None:
    """A sign-in that opens nothing names the rule of the tunnel."""
    vault.keeper.renew(replace(vault.rules, drops={}, tunnels=vault.rules.tunnels[1:]))
    error = refused(vault.session, '"vault" is secret: a grant that another person')
    assert error.rule == "access-no-approval"
    refused(
        lambda: vault.keeper.sign_in("anna", CERTIFICATE, OVER_FTPS, key=PRINT),
        "no drop admits you",
    )


def test_a_code_counts_no_longer_than_its_app(vault: Vault) -> None:
    """Another app, or none, takes the secret drop away and leaves what the key opens."""
    vault.grant()
    session = vault.session()
    vault.now += 1
    vault.set_up_app()
    vault.keeper.tick()
    assert names(session) == ["high", "low"]
    refused(lambda: session.stat("plans"), "a second factor")
    again = vault.session()
    vault.people.second_factors.remove_totp("anna", by="test", now=vault.now)
    vault.keeper.tick()
    assert names(again) == ["high", "low"]


def test_a_password_that_changed_ends_the_session_that_rests_on_it(vault: Vault) -> None:
    """Beside a key, too: somebody thought that it was known to others."""
    vault.grant()
    session = vault.session(KEY | BY_PASSWORD)
    assert "plans" in names(session)
    vault.now += 1
    vault.people.credentials.set_password("anna", PASSWORD + "!", by="test", now=vault.now)
    vault.keeper.tick()
    refused(lambda: session.stat("/"), "your password is another one now")


def test_who_cannot_be_looked_up_is_asked_for_nothing_and_proves_nothing(vault: Vault) -> None:
    """A database that does not answer, a site key that cannot be had."""
    vault.grant()

    def locked() -> str:
        raise SourceError("the site's keys are locked")

    vault.keeper._second._sealer = CodeSealer(locked)  # type: ignore[arg-type]  # it only raises
    assert vault.second(vault.code()) is None
    assert "the site's keys are locked" in vault.ground.complaints
    (vault.folder / "country.mmdb").unlink()
    assert vault.more() is None
    keeper = DropAuthenticator(vault.rules, vault.people, vault.ground.context, protocol=SFTP)
    assert keeper.check_second("anna", vault.code(), CHANNEL.peer, BY_CODE) is None


def test_every_proof_was_fresh_at_the_sign_in() -> None:
    """A connection has a minute to sign in, so that no proof is older than five then (ADR 0022)."""
    ftps = FTPSSettings(TLSFiles("", "", ""))
    assert SSHSettings(()).login_grace_seconds <= FRESH_SECONDS
    assert ftps.login_seconds <= FRESH_SECONDS

"""A sign-in ends with what it rests on, and stale tokens are named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import UsageError
from sealgate.identity.adapters.sign_ins import ChangedMeanwhileError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.model import ClientCertificate
from sealgate.identity.passkeys import Passkey
from sealgate.identity.sessions import IDLE_SECONDS, SESSION_SECONDS, SignIn
from tests.unit.identity.signed_in import living

NOW = 1_800_000_000.0
SITE = "shop.example"
PASSWORD = Proven(Factor.PASSWORD, NOW)
CERTIFICATE = Proven(Factor.CERTIFICATE, NOW, "f1" * 32)
PASSKEY = Proven(Factor.PASSKEY, NOW, "id1")
CODE = Proven(Factor.TOTP, NOW)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IdentityStore]:
    """Return a store in which anna has one of everything."""
    with IdentityStore(sqlite_url(str(tmp_path / "register.sqlite"))) as opened:
        opened.add("anna", ["staff"], by="me", now=1)
        opened.add("ben", [], by="me", now=1)
        opened.credentials.set_password("anna", "correct horse battery", by="me", now=1)
        opened.credentials.add_certificate(
            ClientCertificate("a1", "f1" * 32, "anna", 0, 2 * NOW), by="me", now=1
        )
        key = Passkey("id1", "anna", b"public", SITE, "phone", False, 0, 1)
        opened.second_factors.add_passkey(key, code=None, by="me", now=1)
        opened.second_factors.set_totp("anna", b"sealed", (), step=0, by="me", now=1)
        yield opened


def start(store: IdentityStore, *proven: Proven, name: str = "anna") -> SignIn:
    """Return a new sign-in."""
    return store.sign_ins.start(name, SITE, proven, now=NOW)


def test_a_sign_in_is_found_while_it_lives(store: IdentityStore) -> None:
    """By its id only, which nobody guesses."""
    made = start(store, PASSWORD, CODE)
    assert store.sign_ins.find(made.id, now=NOW) == made
    assert len(made.id) >= 22
    assert living(store, "anna", NOW) == (made,)
    assert store.sign_ins.find(made.id, now=NOW + IDLE_SECONDS) is None
    for other in ("", "x", "\0", "\ud800", made.id.lower()):
        assert store.sign_ins.find(other, now=NOW) is None
        assert store.sign_ins.use(other, now=NOW) is None
    with pytest.raises(UsageError, match="no user"):
        start(store, PASSWORD, name="nobody")


def test_using_it_keeps_it_and_adds_what_was_proven(store: IdentityStore) -> None:
    """Of each factor and key the newest; its hours end all the same."""
    made = start(store, PASSWORD)
    later = Proven(Factor.PASSWORD, NOW + 50)
    used = store.sign_ins.use(made.id, [later, PASSKEY], now=NOW + 50)
    assert used is not None
    assert used.proven == (later, PASSKEY)
    assert used == store.sign_ins.find(made.id, now=NOW + 50 + IDLE_SECONDS - 1)
    at = NOW
    while at < NOW + SESSION_SECONDS:
        assert store.sign_ins.use(made.id, now=at) is not None
        at += IDLE_SECONDS - 1
    assert store.sign_ins.use(made.id, now=NOW + SESSION_SECONDS) is None


def test_a_step_up_gives_another_id_and_the_same_end(store: IdentityStore) -> None:
    """The old id is nobody's; what began before begins no anew."""
    made = start(store, PASSWORD)
    up = store.sign_ins.step_up(made.id, PASSKEY, now=NOW + 60)
    assert up is not None
    assert (up.id == made.id, up.proven, up.started_at) == (False, (PASSWORD, PASSKEY), NOW)
    assert living(store, "anna", NOW + 60) == (up,)
    for other in (made.id, "", "\0", "\ud800"):
        assert store.sign_ins.find(other, now=NOW + 60) is None
        assert store.sign_ins.step_up(other, PASSKEY, now=NOW + 60) is None
    assert store.sign_ins.step_up(up.id, CODE, now=NOW + SESSION_SECONDS) is None


def test_nothing_begins_with_what_was_changed_since(store: IdentityStore) -> None:
    """Neither anew nor as a step up; without a change, both."""
    since = store.generation()
    made = store.sign_ins.start("anna", SITE, [PASSWORD], now=NOW, since=since)
    up = store.sign_ins.step_up(made.id, PASSKEY, now=NOW, since=since)
    assert up is not None
    store.regroup("ben", ["x"], [], by="me", now=NOW)
    with pytest.raises(ChangedMeanwhileError):
        store.sign_ins.start("anna", SITE, [PASSWORD], now=NOW, since=since)
    with pytest.raises(ChangedMeanwhileError):
        store.sign_ins.step_up(up.id, CODE, now=NOW, since=since)
    assert living(store, "anna", NOW) == (up,)


def test_two_steps_up_at_once_are_both_kept(store: IdentityStore) -> None:
    """None is lost to the other."""
    made = start(store, PASSWORD)
    more = [Proven(Factor.PASSKEY, NOW, f"k{number}") for number in range(6)]
    threads = [
        threading.Thread(target=store.sign_ins.use, args=(made.id, [one]), kwargs={"now": NOW})
        for one in more
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.sign_ins.find(made.id, now=NOW)
    assert found is not None
    assert set(found.proven) == {PASSWORD, *more}


END: dict[str, tuple[Callable[[IdentityStore], object], set[Factor]]] = {
    "password changed": (
        lambda s: s.credentials.set_password("anna", "another horse battery", by="me", now=NOW + 1),
        {Factor.PASSWORD},
    ),
    "password removed": (
        lambda s: s.credentials.remove_password("anna", by="me", now=NOW + 1),
        {Factor.PASSWORD},
    ),
    "certificate revoked": (
        lambda s: s.revoke("a1", by="me", now=NOW + 1),
        {Factor.CERTIFICATE},
    ),
    "passkey revoked": (lambda s: s.revoke("id1", by="me", now=NOW + 1), {Factor.PASSKEY}),
    "every key revoked": (
        lambda s: s.revoke("anna", by="me", now=NOW + 1),
        {Factor.CERTIFICATE, Factor.PASSKEY},
    ),
    "app removed": (
        lambda s: s.second_factors.remove_totp("anna", by="me", now=NOW + 1),
        {Factor.TOTP},
    ),
    "signed out everywhere": (
        lambda s: s.sign_ins.end_all("anna", by="me", now=NOW + 1),
        {Factor.PASSWORD, Factor.CERTIFICATE, Factor.PASSKEY, Factor.TOTP},
    ),
    "user removed": (
        lambda s: s.remove("anna", by="me", now=NOW + 1),
        {Factor.PASSWORD, Factor.CERTIFICATE, Factor.PASSKEY, Factor.TOTP},
    ),
    "groups changed": (lambda s: s.regroup("anna", ["x"], [], by="me", now=NOW + 1), set()),
}


@pytest.mark.parametrize(("change", "ends"), END.values(), ids=END)
def test_a_change_ends_what_rests_on_it(
    store: IdentityStore, change: Callable[[IdentityStore], object], ends: set[Factor]
) -> None:
    """What rests on something else lives on; ben is not concerned."""
    made = {p.factor: start(store, p) for p in (PASSWORD, CERTIFICATE, PASSKEY, CODE)}
    bens = start(store, PASSWORD, name="ben")
    change(store)
    over = {
        factor for factor, one in made.items() if store.sign_ins.find(one.id, now=NOW + 1) is None
    }
    assert over == ends
    assert store.sign_ins.find(bens.id, now=NOW + 1) == bens


def test_who_signs_out_has_no_token_made_anew(store: IdentityStore) -> None:
    """Once; the other sign-ins of the same user stay."""
    one, other = start(store, PASSWORD), start(store, PASSWORD)
    generation = store.generation()
    ended = store.sign_ins.end(one.id, by="anna", now=NOW + 1)
    assert ended is not None
    assert ended.id == one.id
    assert store.sign_ins.end(one.id, by="anna", now=NOW + 1) is None
    assert store.sign_ins.end("\ud800", by="anna", now=NOW + 1) is None
    assert store.sign_ins.use(one.id, [PASSKEY], now=NOW + 1) is None
    assert living(store, "anna", NOW + 1) == (other,)
    assert store.generation() == generation + 1


def test_signing_in_is_no_change_of_who_may_come_in(store: IdentityStore) -> None:
    """A busy day does not have every server look again; old rows go."""
    generation = store.generation()
    for day in range(4):
        store.sign_ins.start("anna", SITE, [PASSWORD], now=NOW + day * 86400)
    assert store.generation() == generation
    with store._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM sign_ins").scalar_one()
    assert rows == 2

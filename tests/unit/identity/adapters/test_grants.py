"""Grants are kept as they were decided, one at a time, with a trail."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.database import sqlite_url
from sealgate.errors import UsageError
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.grants import Grant, GrantState

NOW = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the database is."""
    return tmp_path / "register.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[IdentityStore]:
    """Return a store with anna, and with ben and carl, who may approve."""
    with IdentityStore(sqlite_url(str(path))) as opened:
        opened.add("anna", ["board"], by="me", now=1)
        for name in ("ben", "carl"):
            opened.add(name, [], roles=["approver"], by="me", now=1)
        yield opened


def ask(store: IdentityStore, person: str = "anna", asset: str = "drop x") -> Grant:
    """Return what *person* asked for."""
    return store.grants.request(person, asset, reason="a reason", minutes=60, by="op", now=NOW)


def test_a_grant_runs_when_it_is_approved_until_it_ends(store: IdentityStore, path: Path) -> None:
    """In another process, too; and the trail tells each step with who and why."""
    grant = ask(store)
    assert store.grants.running("anna", "drop x", now=NOW) is None
    store.grants.approve(grant.id.upper(), "ben", by="op2", now=NOW + 5)
    with IdentityStore(sqlite_url(str(path))) as other:
        found = other.grants.running("anna", "drop x", now=NOW + 5)
        assert found == other.grants.all()[0] == other.grants.latest("anna", "drop x")
        assert found is not None
        assert (found.approver, found.decided_by_actor, found.ends_at) == ("ben", "op2", NOW + 3605)
        for person, asset, at in (
            ("ben", "drop x", NOW + 5),
            ("anna", "drop y", NOW + 5),
            ("anna", "drop x", NOW + 3605),
            ("\ud800", "drop x", NOW + 5),
            ("anna", "\0", NOW + 5),
        ):
            assert other.grants.running(person, asset, now=at) is None
        other.grants.end(grant.id, by="anna", now=NOW + 9)
    assert store.grants.running("anna", "drop x", now=NOW + 9) is None
    steps = [(e.action, e.by, e.subject, e.detail) for e in store.trail()[-3:]]
    assert steps == [
        ("grant asked", "op", "anna", f"{grant.id}: drop x, 60 minutes: a reason"),
        ("grant approved", "op2", "anna", f"{grant.id}: drop x, by ben"),
        ("grant ended", "anna", "anna", f"{grant.id}: drop x, by ben"),
    ]


def test_rules_hold_for_what_is_stored(store: IdentityStore) -> None:
    """Nobody approves themselves, without the role, twice, or what is not there."""
    grant = ask(store)
    with pytest.raises(UsageError, match="is waiting already"):
        ask(store)
    for approver, by, told in (
        ("anna", "op2", "does not hold the role"),
        ("ben", "op", "by somebody else"),
        ("nobody", "op2", "no user"),
    ):
        with pytest.raises(UsageError, match=told):
            store.grants.approve(grant.id, approver, by=by, now=NOW)
    own = ask(store, "ben")
    with pytest.raises(UsageError, match="by somebody else"):
        store.grants.approve(own.id, "ben", by="op2", now=NOW)
    assert [g.state(NOW) for g in store.grants.all()] == [GrantState.WAITING] * 2
    store.grants.deny(grant.id, "carl", by="op2", now=NOW)
    with pytest.raises(UsageError, match="is denied"):
        store.grants.approve(grant.id, "ben", by="op2", now=NOW)
    for unknown in ("ffffffff", "", "\0", "\ud800", "%"):
        with pytest.raises(UsageError, match="no grant"):
            store.grants.end(unknown, by="op", now=NOW)
    with pytest.raises(UsageError, match="no user"):
        ask(store, "nobody")


def test_a_role_that_was_taken_away_approves_nothing_more(store: IdentityStore) -> None:
    """The role is asked for at the moment of the decision."""
    grant = ask(store)
    store.reassign("ben", [], ["approver"], by="me", now=NOW)
    with pytest.raises(UsageError, match="does not hold"):
        store.grants.approve(grant.id, "ben", by="op2", now=NOW)


def test_grants_end_with_their_person_and_stay_told(store: IdentityStore) -> None:
    """Somebody else of that name has none of them."""
    running, waiting = ask(store), ask(store, asset="drop y")
    store.grants.approve(running.id, "ben", by="op2", now=NOW)
    store.remove("anna", by="me", now=NOW + 1)
    store.add("anna", ["board"], by="me", now=NOW + 2)
    assert store.grants.running("anna", "drop x", now=NOW + 3) is None
    with pytest.raises(UsageError, match="is ended"):
        store.grants.approve(waiting.id, "ben", by="op2", now=NOW + 3)
    assert {g.id for g in store.grants.all()} == {running.id, waiting.id}


def test_grants_end_with_their_person_whatever_the_clock_says(store: IdentityStore) -> None:
    """A machine that began with a clock of yesterday removes anna: another anna has none of them."""
    running, waiting = ask(store), ask(store, asset="drop y")
    store.grants.approve(running.id, "ben", by="op2", now=NOW)
    store.remove("anna", by="me", now=NOW - 86400)
    store.add("anna", ["board"], by="me", now=NOW - 86400)
    assert store.grants.running("anna", "drop x", now=NOW + 3) is None
    with pytest.raises(UsageError, match="is ended"):
        store.grants.approve(waiting.id, "ben", by="op2", now=NOW + 3)


ASKER = """
import sys
from sealgate.errors import UsageError
from sealgate.identity.adapters.store import IdentityStore
with IdentityStore(sys.argv[1]) as store:
    made = 0
    for number in range(20):
        try:
            store.grants.request("anna", f"drop {number}", reason="a reason", minutes=5, by="x", now=1)
            made += 1
        except UsageError:
            pass
print(made)
"""


def test_of_two_who_ask_at_once_one_is_refused(store: IdentityStore, path: Path) -> None:
    """Two processes ask for the same twenty assets: there are twenty grants."""
    command = [sys.executable, "-c", ASKER, sqlite_url(str(path))]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    made = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(made) == len(store.grants.all()) == 20

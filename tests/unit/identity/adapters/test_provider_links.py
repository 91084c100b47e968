"""Accounts of people at a provider, in a real database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.database import sqlite_url
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.model import Identity
from sealgate.identity.providers import ProviderLink, Unadmitted, UnadmittedError

if TYPE_CHECKING:
    from collections.abc import Iterator

ISSUER = "https://login.example"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IdentityStore]:
    """Return identities with anna, who is in two groups."""
    with IdentityStore(sqlite_url(str(tmp_path / "register.sqlite"))) as opened:
        opened.add("anna", ["staff", "own"], by="test", now=1.0)
        yield opened


def provided(
    store: IdentityStore, subject: str, name: str, *, adds_users: bool = False, **more: Any
) -> Identity:
    """Return the account of *subject*."""
    return store.provider_links.resolve(
        ISSUER, subject, name, adds_users=adds_users, by="provider", now=10.0, **more
    )


def test_the_first_sign_in_links_and_the_name_counts_no_more(store: IdentityStore) -> None:
    """Anna keeps her account under another name; whoever has her name then gets none."""
    assert provided(store, "1", "anna").name == "anna"
    assert store.provider_links.all() == (ProviderLink(ISSUER, "1", "anna", 10.0),)
    assert provided(store, "1", "anna.married").name == "anna"
    with pytest.raises(UnadmittedError) as caught:
        provided(store, "2", "anna")
    assert caught.value.why is Unadmitted.TAKEN
    with pytest.raises(UnadmittedError) as caught:
        store.provider_links.resolve(
            "https://other.example", "1", "anna", adds_users=False, by="provider", now=10.0
        )
    assert caught.value.why is Unadmitted.TAKEN


def test_only_what_the_provider_decides_about_changes(store: IdentityStore) -> None:
    """Groups and roles of the map follow it, all others stay; each change is in the trail."""
    groups = (["board"], ["board", "staff"])
    first = provided(store, "1", "anna", groups=groups, roles=(["approver"], ["approver"]))
    assert first == Identity("anna", ("board", "own"), ("approver",)) == store.identity("anna")
    before = store.generation()
    assert provided(store, "1", "anna", groups=groups, roles=(["approver"], ["approver"])) == first
    assert store.generation() == before
    last = provided(store, "1", "anna", groups=([], ["board", "staff"]), roles=([], ["approver"]))
    assert last == Identity("anna", ("own",), ()) == store.identity("anna")
    told = [(e.action, e.detail) for e in store.trail() if e.by == "provider"]
    assert told == [
        ("linked to provider", ISSUER),
        ("groups changed", "board, own"),
        ("roles changed", "approver"),
        ("groups changed", "own"),
        ("roles changed", ""),
    ]


def test_a_group_that_nobody_decides_about_is_not_given(store: IdentityStore) -> None:
    """Even when it is told."""
    assert provided(store, "1", "anna", groups=(["root"], ["staff"])).groups == ("own",)


def test_accounts_are_added_where_that_was_declared(store: IdentityStore) -> None:
    """And once only; whoever was removed is not added again."""
    with pytest.raises(UnadmittedError):
        provided(store, "2", "berta")
    added = provided(store, "2", "berta", adds_users=True, groups=(["staff"], ["staff"]))
    assert added == Identity("berta", ("staff",)) == store.identity("berta")
    assert provided(store, "2", "berta", adds_users=True).name == "berta"
    store.remove("berta", by="test", now=20.0)
    assert store.provider_links.all()[0].ended_at == 20.0
    with pytest.raises(UnadmittedError) as caught:
        provided(store, "2", "berta", adds_users=True)
    assert caught.value.why is Unadmitted.REMOVED
    store.add("berta", [], by="test", now=30.0)
    assert provided(store, "2", "berta", adds_users=True).name == "berta"


@pytest.mark.parametrize("name", ["ANNA", "\u0430nna", "ann\uff41", "anna\u115f", "ann\u0430"])
def test_nobody_is_added_who_is_called_like_somebody(store: IdentityStore, name: str) -> None:
    """Whatever a provider's people call themselves."""
    with pytest.raises(UnadmittedError) as caught:
        provided(store, "2", name, adds_users=True)
    assert caught.value.why is Unadmitted.ALIKE
    assert [one.name for one in store.identities()] == ["anna"]
    assert store.provider_links.all() == ()


def test_an_account_that_was_there_before_is_not_given_away(store: IdentityStore) -> None:
    """Where anybody may make an account, calling oneself anna is not enough."""
    with pytest.raises(UnadmittedError) as caught:
        provided(store, "2", "anna", adds_users=True)
    assert caught.value.why is Unadmitted.TAKEN
    assert store.provider_links.all() == ()


@pytest.mark.parametrize("subject", ["x' OR 1=1 --", "ä", "\0", "\udc80"])
def test_a_strange_subject_is_nobody_or_somebody(store: IdentityStore, subject: str) -> None:
    """It is kept as it is, or refused as a name; it never means another."""
    with pytest.raises(UnadmittedError):
        provided(store, subject, "")
    assert store.provider_links.all() == ()

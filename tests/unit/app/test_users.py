"""Users and their groups, as the application changes them."""

from pathlib import Path

import pytest

from sealgate.app.keys import Delivery, issue_key
from sealgate.app.users import (
    add_user,
    list_users,
    look_alike_remarks,
    open_identities,
    regroup_user,
    remove_user,
    tell_gateway,
)
from sealgate.database import sqlite_url
from sealgate.errors import UsageError
from sealgate.identity.model import Identity
from sealgate.policy.inventory import Inventory
from sealgate.serve.plan import plan

NOW = 1_800_000_000.0


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a state folder of its own."""
    return Inventory(str(tmp_path / "sealgate.toml"), str(tmp_path / ".sealgate"))


def test_a_user_is_listed_with_its_groups_and_living_certificates(
    inventory: Inventory, tmp_path: Path
) -> None:
    """Added, regrouped, given a key, removed: the list follows."""
    add_user(inventory, "anna", ["editors"], by="me", now=NOW)
    regroup_user(inventory, "anna", ["staff"], ["editors"], by="me", now=NOW)
    delivery = Delivery(prefix=str(tmp_path / "anna"))
    issue_key(inventory, "anna", delivery, groups=(), days=1, by="me", now=NOW)
    (line,) = list_users(inventory, NOW)
    assert (line.name, line.groups, line.living_certificates) == ("anna", ("staff",), 1)
    (later,) = list_users(inventory, NOW + 2 * 86400)
    assert later.living_certificates == 0
    assert len(remove_user(inventory, "anna", by="me", now=NOW).revoked) == 1
    assert list_users(inventory, NOW) == ()


def test_the_database_may_be_elsewhere(inventory: Inventory, tmp_path: Path) -> None:
    """``[register] url`` holds the identities too."""
    other = Inventory(
        inventory.source,
        str(tmp_path / "other"),
        register_url=sqlite_url(str(tmp_path / "other.sqlite")),
    )
    add_user(other, "anna", [], by="me", now=NOW)
    assert list_users(inventory, NOW) == ()
    assert [line.name for line in list_users(other, NOW)] == ["anna"]


def test_without_a_gateway_a_change_holds_from_the_next_start(inventory: Inventory) -> None:
    """That is told, not left to be guessed."""
    assert "no gateway is running" in tell_gateway(inventory)
    assert "no gateway is running" in add_user(inventory, "anna", [], by="me", now=NOW).news


def test_a_refused_change_is_no_change(inventory: Inventory) -> None:
    """The error comes through as it is."""
    with pytest.raises(UsageError):
        remove_user(inventory, "nobody", by="me", now=NOW)
    with open_identities(inventory) as store:
        assert store.trail() == ()


def test_names_of_before_that_look_alike_are_told(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both still come in: nobody is locked out without a word."""
    assert look_alike_remarks(inventory) == ()
    add_user(inventory, "alice", [], by="me", now=NOW)
    add_user(inventory, "bob", [], by="me", now=NOW)
    assert look_alike_remarks(inventory) == ()
    with monkeypatch.context() as before:
        before.setattr("sealgate.identity.adapters.store.checked_apart", lambda *_: None)
        add_user(inventory, "ALICE", [], by="me", now=NOW)
    (remark,) = look_alike_remarks(inventory)
    assert 'users "ALICE" and "alice"' in remark
    assert remark in plan(inventory, now=NOW).remarks
    with open_identities(inventory) as store:
        assert store.identity("ALICE") == Identity("ALICE")
        assert store.identity("alice") == Identity("alice")

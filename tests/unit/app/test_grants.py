"""Who may ask for what is read from what is declared."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.grants import (
    approve_grant,
    ask_grant,
    deny_grant,
    end_grant,
    find_guarded,
    list_grants,
)
from sealgate.app.users import add_user, reassign_user
from sealgate.errors import UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Drop,
    Inventory,
    Route,
    Site,
    Tunnel,
    Upstream,
)

NOW = 1_800_000_000.0
SECRET = next(c for c in DEFAULT_MODEL.classes if c.id == "secret")
CONFIDENTIAL = next(c for c in DEFAULT_MODEL.classes if c.id == "confidential")


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return one secret route, drop and tunnel, and a confidential drop; anna, ben and carl."""
    route = Route(Door("/board"), SECRET, admit=("group:board",))
    made = Inventory(
        str(tmp_path / "sealgate.toml"),
        str(tmp_path / ".sealgate"),
        sites=(Site(("shop.example",), Upstream("http", "127.0.0.1", 80), (route,)),),
        drops=(
            Drop("vault", SECRET, "file:/x", ("user:anna",)),
            Drop("partners", CONFIDENTIAL, "file:/y", ("group:board",)),
        ),
        tunnels=(Tunnel("vault", SECRET, Address("db", 5432), ("group:board",)),),
    )
    add_user(made, "anna", ["board"], by="me", now=1)
    add_user(made, "ben", [], roles=["approver"], by="me", now=1)
    add_user(made, "carl", ["other"], by="me", now=1)
    return made


def ask(inventory: Inventory, asset: str, person: str = "anna") -> str:
    """Return the id of the grant that *person* asked for."""
    grant, _ = ask_grant(inventory, person, asset, reason="a reason", minutes=5, by="op", now=NOW)
    return grant.id


def test_a_grant_goes_its_way(inventory: Inventory) -> None:
    """Asked, approved by another, listed, ended; those that are over only when asked for."""
    grant, approvers = ask_grant(
        inventory, "anna", "drop vault", reason="a reason", minutes=5, by="op", now=NOW
    )
    assert approvers == ("ben",)
    assert approve_grant(inventory, grant.id, "ben", by="op2", now=NOW).ends_at == NOW + 300
    (line,) = list_grants(inventory, all_of_them=False, now=NOW)
    assert (line.grant.id, line.state) == (grant.id, "running")
    assert list_grants(inventory, all_of_them=False, now=NOW + 300) == ()
    (line,) = list_grants(inventory, all_of_them=True, now=NOW + 300)
    assert line.state == "ran out"
    other = ask(inventory, "route shop.example/board")
    deny_grant(inventory, other, "ben", by="op2", now=NOW)
    again = ask(inventory, "route shop.example/board")
    end_grant(inventory, again, by="op", now=NOW)
    every = list_grants(inventory, all_of_them=True, now=NOW)
    assert sorted(one.state for one in every) == ["denied", "ended", "running"]


@pytest.mark.parametrize(
    ("asset", "person", "told"),
    [
        ("drop partners", "anna", "which needs no grant"),
        ("drop vault", "carl", 'does not admit "carl"'),
        ("drop nothing", "anna", "there is no asset"),
        ("vault", "anna", "stands for several assets"),
        ("", "anna", "there is no asset"),
        ("\x1b[2J", "anna", "there is no asset"),
        ("drop vault", "nobody", "no user"),
    ],
)
def test_what_would_open_nothing_is_not_asked(
    inventory: Inventory, asset: str, person: str, told: str
) -> None:
    """With what is declared instead."""
    with pytest.raises(UsageError, match=told) as caught:
        ask(inventory, asset, person)
    assert "\x1b" not in str(caught.value)


def test_an_asset_has_a_short_name_where_only_one_is_called_so(inventory: Inventory) -> None:
    """Both names are the same asset."""
    assert find_guarded(inventory, "shop.example/board").id == "route shop.example/board"
    assert find_guarded(inventory, "tunnel vault").needs_grant
    assert not find_guarded(inventory, "partners").needs_grant


def test_nobody_may_be_able_to_approve(inventory: Inventory) -> None:
    """The question is kept all the same, and told to nobody."""
    reassign_user(inventory, "ben", [], ["approver"], by="me", now=2)
    reassign_user(inventory, "anna", ["approver"], [], by="me", now=2)
    _, approvers = ask_grant(
        inventory, "anna", "drop vault", reason="a reason", minutes=5, by="op", now=NOW
    )
    assert approvers == ()

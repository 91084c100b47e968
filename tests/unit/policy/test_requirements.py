"""From class to least protection."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealgate.policy.assets import AssetKind
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.declarations import Declaration
from sealgate.policy.inventory import (
    Address,
    Door,
    Drop,
    Inventory,
    Listen,
    Route,
    Site,
    SiteAccess,
    Tunnel,
    Upstream,
)
from sealgate.policy.protection import Column, Protection
from sealgate.policy.requirements import (
    COLUMNS,
    applicable,
    declared,
    required_of_data,
    required_of_drop,
    required_of_route,
)
from tests.listening import file_listeners

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (Route(Door("/"), PUBLIC), Protection.of(0, 0, 0)),
        # A checkout takes what is confidential and shows what is public.
        (Route(Door("/"), PUBLIC, collects=CONFIDENTIAL), Protection.of(2, 0, 0)),
        # A password never travels below "encrypted", whatever the class says.
        (Route(Door("/"), RESTRICTED), Protection.of(2, 1, 0)),
        (Route(Door("/"), PUBLIC, backend=True), Protection.of(2, 0, 0)),
        (Route(Door("/"), CONFIDENTIAL), Protection.of(2, 2, 0)),
        (Route(Door("/"), SECRET, collects=PUBLIC), Protection.of(3, 3, 0)),
    ],
)
def test_route(route: Route, expected: Protection) -> None:
    """Transit follows what a route takes and gives, access what it shows."""
    assert required_of_route(route) == expected


def test_sensitive_data_has_a_floor_in_any_model() -> None:
    """Credentials and medical data need "encrypted" even as public data."""
    assert required_of_data(PUBLIC, sensitive=True) == Protection.of(2, 0, 2)
    assert required_of_data(PUBLIC, sensitive=False) == Protection.of(0, 0, 0)
    assert required_of_data(SECRET, sensitive=True) == Protection.of(3, 3, 3)


def _inventory() -> Inventory:
    upstream = Upstream("http", "127.0.0.1", 8080)
    routes = (
        Route(Door("/"), PUBLIC),
        Route(Door("/account"), RESTRICTED, access=SiteAccess.SITE),
        Route(Door("/pay"), PUBLIC, collects=SECRET),
        Route(Door("/typo3"), CONFIDENTIAL, backend=True, admit=("group:editors",)),
    )
    return Inventory(
        "sealgate.toml",
        ".sealgate",
        sites=(Site(("shop.example",), upstream, routes),),
        drops=(
            Drop("partners", RESTRICTED, "file:partners"),
            Drop("flyers", PUBLIC, "file:flyers"),
        ),
        tunnels=(Tunnel("console", SECRET, Address("127.0.0.1", 5432)),),
        listen=Listen(files=file_listeners(ftps=(Address("::", 21),))),
    )


def test_a_drop_is_never_open_nor_in_clear() -> None:
    """Credentials travel to a public drop, too, so it is encrypted and asks who comes."""
    drop, tunnel = Drop("a", PUBLIC, "file:a"), Tunnel("b", PUBLIC, Address("127.0.0.1", 22))
    assert required_of_drop(drop) == required_of_drop(tunnel) == Protection.of(2, 1, 0)
    assert required_of_drop(replace(drop, classification=SECRET)) == SECRET.required
    # What a tunnel leads to rests elsewhere.
    assert required_of_drop(replace(tunnel, classification=SECRET)) == Protection.of(3, 3, 0)


def test_declared_lists_each_site_route_and_drop() -> None:
    """A site is asked for the transit of its strictest route; drops keep their floors."""
    found = {r.asset.id: r for r in declared(_inventory())}
    assert {name: r.required for name, r in found.items()} == {
        "site shop.example": Protection.of(3, 0, 0),
        "route shop.example/": Protection.of(0, 0, 0),
        "route shop.example/account": Protection.of(2, 1, 0),
        "route shop.example/pay": Protection.of(3, 0, 0),
        "route shop.example/typo3": Protection.of(2, 2, 0),
        # Whoever comes to a drop signs in, so that the floor holds for a public one, too.
        "file server": Protection.of(2, 0, 0),
        "drop partners": Protection.of(2, 1, 1),
        "drop flyers": Protection.of(2, 1, 0),
        # What a tunnel leads to rests elsewhere.
        "tunnel console": Protection.of(3, 3, 0),
    }
    assert found["site shop.example"].classification == "secret"
    assert found["route shop.example/pay"].collects == "secret"
    assert found["route shop.example/typo3"].declarations == {Declaration.BACKEND}
    assert found["route shop.example/account"].declarations == {Declaration.SITE_ASKS}
    assert found["route shop.example/account"].asset.parent == "site shop.example"
    assert found["file server"].classification == "secret"
    assert found["file server"].declarations == {Declaration.SSH, Declaration.FTP}
    assert found["drop partners"].declarations == {Declaration.SSH, Declaration.FTP}
    # A tunnel goes through SSH only.
    assert found["tunnel console"].declarations == {Declaration.SSH}


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        (Listen(files=file_listeners()), {Declaration.SSH}),
        (Listen(files=file_listeners(sftp=())), set()),
        (
            Listen(files=file_listeners(sftp=(), ftps_implicit=(Address("::", 990),))),
            {Declaration.FTP},
        ),
    ],
)
def test_open_doors_say_what_a_drop_is_reached_over(
    listen: Listen, expected: set[Declaration]
) -> None:
    """A door that is shut proves nothing, and none open is told as such."""
    drops = (Drop("partners", RESTRICTED, "file:partners"),)
    found = declared(Inventory("s", ".", drops=drops, listen=listen))
    assert [requirement.declarations for requirement in found] == [expected, expected]


@pytest.mark.parametrize("kind", AssetKind)
def test_columns_that_say_nothing_of_an_asset_are_not_asked(kind: AssetKind) -> None:
    """A page keeps nothing, and a table is not a channel."""
    kept = applicable(kind, Protection.of(3, 3, 3))
    assert {column for column in Column if kept.rank(column)} == set(COLUMNS[kind])

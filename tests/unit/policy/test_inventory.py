"""What the organisation declares, and how its parts are called."""

from __future__ import annotations

import pytest

from sealgate.policy.assets import (
    AssetKind,
    drop_asset,
    file_server_asset,
    route_asset,
    site_asset,
    tunnel_asset,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Drop,
    Inventory,
    Place,
    Route,
    Site,
    Tunnel,
    Upstream,
)

PUBLIC = DEFAULT_MODEL.weakest
PLACE = Place("sealgate.toml", 7)


def test_a_place_reads_as_editors_want_it() -> None:
    """File and line, or the file alone."""
    assert str(PLACE) == "sealgate.toml:7"
    assert str(Place("sealgate.toml")) == "sealgate.toml"
    assert str(Place()) == ""


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (Door("/"), "route shop.example/"),
        (Door("/typo3"), "route shop.example/typo3"),
        (Door("/typo3/"), "route shop.example/typo3"),
        (Door("/", query="__typo3_install"), "route shop.example/?__typo3_install"),
        (
            Door("/", query="rest_route", query_value="/wp/v2/users"),
            "route shop.example/?rest_route=/wp/v2/users",
        ),
    ],
)
def test_a_route_is_named_by_what_opens_it(door: Door, expected: str) -> None:
    """The id is unique and readable; the site is its parent, the declaration its place."""
    route = Route(door, PUBLIC, place=PLACE)
    site = Site(("shop.example", "www.shop.example"), Upstream("http", "127.0.0.1", 80), (route,))
    asset = route_asset(site, route)
    assert asset.id == expected
    assert asset.kind is AssetKind.ROUTE
    assert asset.parent == site_asset(site).id == "site shop.example"
    assert asset.place == PLACE


def test_drops_and_tunnels_are_behind_one_file_server() -> None:
    """What its SSH and FTPS do holds for each of them."""
    drop = Drop("partners", PUBLIC, "file:partners", place=PLACE)
    tunnel = Tunnel("console", PUBLIC, Address("127.0.0.1", 5432), place=Place("s", 9))
    server = file_server_asset(Inventory("s", ".", drops=(drop,), tunnels=(tunnel,)))
    assert (server.id, server.kind, server.place) == (
        "file server",
        AssetKind.FILE_SERVER,
        PLACE,
    )
    asset = drop_asset(drop)
    assert (asset.id, asset.kind, asset.parent) == ("drop partners", AssetKind.DROP, server.id)
    asset = tunnel_asset(tunnel)
    assert (asset.id, asset.kind, asset.parent) == ("tunnel console", AssetKind.TUNNEL, server.id)
    assert asset.place == Place("s", 9)
    assert file_server_asset(Inventory("s", ".")).place == Place()


def test_a_preset_route_without_an_editor_is_shut() -> None:
    """Only a door that a preset locked, and that admits nobody, is shut to everybody."""
    door = Door("/typo3")
    assert Route(door, PUBLIC, backend=True, origin="typo3").shut
    assert not Route(door, PUBLIC, backend=True, origin="typo3", admit=("user:eva",)).shut
    assert not Route(door, PUBLIC, backend=True).shut
    assert not Route(door, PUBLIC, origin="typo3").shut

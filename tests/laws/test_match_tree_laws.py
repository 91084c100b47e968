"""The match tree of a site leads every path to the entries of the route that serves it."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sealgate.gateway.model import Material, SignInMaterial
from sealgate.gateway.translate.routes import https_routes
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inventory, Route, Site, Upstream
from sealgate.policy.routing import serving_route
from tests.laws.test_routing_laws import SITES, TARGETS
from tests.match_trees import found_in

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
MATERIAL = Material(
    "/x", {}, sign_in=SignInMaterial("/x/s", "{}", "https://shop.example", identity_key_set="{}")
)
# Doors of few names, so that one lies in another's way, with and without a place for any name.
DOORS = st.builds(
    Door,
    st.lists(st.sampled_from(["a", "b", "ab", "a*", "*", "B"]), min_size=1, max_size=4).map(
        lambda names: "/" + "/".join(names)
    ),
    exact=st.booleans(),
)
MANY = st.lists(DOORS, max_size=8, unique_by=lambda door: (door.path, door.exact)).map(
    lambda doors: (
        Route(Door("/"), PUBLIC),
        *(Route(door, (PUBLIC, CONFIDENTIAL)[n % 2]) for n, door in enumerate(doors)),
    )
)
PATHS = st.lists(
    st.sampled_from(["/", "/", "/", "a", "b", "ab", "B", "?", "#", "/a", "/ab", "\xff", "%61"]),
    max_size=10,
).map(lambda pieces: "/" + "".join(pieces))


def site_of(routes: tuple[Route, ...]) -> Site:
    """Return a site of *routes*."""
    return Site(("shop.example",), Upstream("http", "127.0.0.1", 1), routes)


def tree_of(routes: tuple[Route, ...]) -> dict[str, Any]:
    """Return the match tree of a site of *routes*."""
    site = site_of(routes)
    found: Any = https_routes(Inventory("s.toml", "x", sites=(site,)), site, MATERIAL)
    tree: dict[str, Any] = found["virtual_hosts"][0]["matcher"]
    return tree


def asset_at(routes: tuple[Route, ...], target: str) -> str:
    """Return the asset that serves *target* by its path, as the specification says."""
    by_path = [route for route in routes if not route.door.conditional]
    # Envoy takes a fragment for no part of a path either.
    return route_asset(site_of(routes), serving_route(by_path, target.partition("#")[0])).id


def asset_of(entries: list[dict[str, Any]] | None) -> str | None:
    """Return the asset that the last of *entries* serves, which serves whoever comes so far."""
    filters = (entries or [{}])[-1].get("metadata", {}).get("filter_metadata", {})
    asset: str | None = filters.get("sealgate", {}).get("asset")
    return asset


@cache
def known_tree(site: int) -> dict[str, Any]:
    """Return the tree of one of the sites of the laws of routing."""
    return tree_of(SITES[site])


@given(site=st.integers(0, len(SITES) - 1), target=TARGETS)
def test_a_target_finds_the_entries_of_its_path(site: int, target: str) -> None:
    """Whatever a target is made of, the group of its nearest door is found, and no other."""
    assert asset_of(found_in(known_tree(site), target)) == asset_at(SITES[site], target)


@given(routes=MANY, targets=st.lists(PATHS, min_size=1, max_size=8))
def test_doors_in_each_others_way_are_found_as_they_are_ranked(
    routes: tuple[Route, ...], targets: list[str]
) -> None:
    """Exact ones, deeper ones, and those with a place for any name, in whatever order declared."""
    tree = tree_of(routes)
    for target in targets:
        assert asset_of(found_in(tree, target)) == asset_at(routes, target), target

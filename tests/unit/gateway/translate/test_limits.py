"""Limits stand where they hold: sizes in routes, rates in the listener, and which rate in the route."""

from __future__ import annotations

from typing import Any

from sealgate.gateway.model import CertificateFiles, Material, SignInMaterial
from sealgate.gateway.translate.limits import (
    BODY_FILTER,
    Rate,
    body_filter,
    rate_filters,
    rate_limit,
)
from sealgate.gateway.translate.listeners import https_listeners
from sealgate.gateway.translate.routes import https_routes
from sealgate.gateway.translate.sign_in import ROUTE_NAME
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import MAX_BODY_BYTES
from sealgate.policy.inventory import Door, Inventory, Limits, Route, Site, Upstream
from tests.match_trees import entries_of

PUBLIC, RESTRICTED, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
SITE = Site(
    ("shop.example",),
    Upstream("http", "127.0.0.1", 8080),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/upload"), PUBLIC, max_body_bytes=7),
        Route(Door("/account"), RESTRICTED),
        Route(Door("/", query="install"), CONFIDENTIAL, admit=("user:anna",)),
    ),
)
MATERIAL = Material(
    "/run",
    {"shop.example": CertificateFiles("/c", "/k")},
    sign_in=SignInMaterial("/run/s", '{"keys":[]}', "sealgate"),
)
ALL = Limits(5, 60, 1, 2, 3)
NONE = Limits(5, 0, 0, 0, 0)


def inventory(limits: Limits) -> Inventory:
    """Return a declaration with *limits*."""
    return Inventory("sealgate.toml", "/state", sites=(SITE,), limits=limits)


def entries(limits: Limits) -> dict[str, set[str]]:
    """Return, per name of a route, the filters that it turns on or sets."""
    found: Any = https_routes(inventory(limits), SITE, MATERIAL)
    told: dict[str, set[str]] = {}
    for entry in entries_of(found["virtual_hosts"][0]):
        if "name" in entry:
            filters = set(entry.get("typed_per_filter_config", {}))
            told[entry["name"]] = told.get(entry["name"], filters) & filters
    return told


def sizes(limits: Limits) -> dict[str, set[int]]:
    """Return, per name of a route, how much it takes where it says so itself."""
    found: Any = https_routes(inventory(limits), SITE, MATERIAL)
    told: dict[str, set[int]] = {}
    for entry in entries_of(found["virtual_hosts"][0]):
        own = entry.get("typed_per_filter_config", {}).get(BODY_FILTER)
        if own:
            [filtered] = own["filter_chain"]["filters"]
            told.setdefault(entry["name"], set()).add(filtered["typed_config"]["max_request_bytes"])
    return told


def test_each_route_counts_as_what_it_is() -> None:
    """Pages of the gateway, routes that are signed in to, and all others have their own count."""
    told = entries(ALL)
    rates = {name: filters & set(Rate) for name, filters in told.items()}
    assert rates == {
        ROUTE_NAME: {Rate.PAGES},
        "route shop.example/, Public, access none": {Rate.REQUESTS},
        "route shop.example/upload, Public, access none": {Rate.REQUESTS},
        "route shop.example/account, Public Restricted, access low": {Rate.SESSIONS},
        "route shop.example/?install, Organization Confidential, access high": {Rate.REQUESTS},
    }
    assert not set.union(*entries(NONE).values()) & set(Rate)


def test_the_size_holds_for_every_route_and_its_own_for_one() -> None:
    """A door by a parameter takes what its path takes."""
    default: Any = body_filter(ALL)
    [size] = default["typed_config"]["default_filter_chain"]["filters"]
    assert size["typed_config"]["max_request_bytes"] == ALL.max_body_bytes
    assert sizes(ALL) == {
        "route shop.example/upload, Public, access none": {7},
        "route shop.example/?install, Organization Confidential, access high": {7},
        # Where a body is held to be read, no more than that passes.
        "route shop.example/, Public, access none": {MAX_BODY_BYTES},
        "route shop.example/account, Public Restricted, access low": {MAX_BODY_BYTES},
    }


def test_what_counts_is_off_until_a_route_asks() -> None:
    """And is not there at all without a limit, or where nobody signs in."""
    filters: Any = rate_filters(ALL, signs_in=True)
    assert [one["name"] for one in filters] == list(Rate)
    assert all(one["disabled"] for one in filters)
    buckets = {
        one["name"]: one["typed_config"]["descriptors"][0]["token_bucket"] for one in filters
    }
    assert buckets == {
        Rate.REQUESTS: {"max_tokens": 10, "tokens_per_fill": 1, "fill_interval": "1s"},
        Rate.SESSIONS: {"max_tokens": 20, "tokens_per_fill": 2, "fill_interval": "1s"},
        Rate.PAGES: {"max_tokens": 3, "tokens_per_fill": 3, "fill_interval": "60s"},
    }
    assert rate_filters(NONE, signs_in=True) == []
    assert rate_limit(NONE, Rate.PAGES) == {}
    apart: Any = rate_filters(ALL, signs_in=False)
    assert [one["name"] for one in apart] == [Rate.REQUESTS]


def test_an_upgraded_connection_is_judged_like_any_and_has_no_body() -> None:
    """WebSockets pass the same filters, but for the one that counts bodies."""
    listeners: Any = https_listeners(inventory(ALL), MATERIAL)
    for chain in listeners[0]["filter_chains"]:
        manager = chain["filters"][-1]["typed_config"]
        usual = [one for one in manager["http_filters"] if one["name"] != BODY_FILTER]
        assert len(usual) == len(manager["http_filters"]) - 1
        assert manager["upgrade_configs"] == [{"upgrade_type": "websocket", "filters": usual}]
        assert manager["request_timeout"] == "60s"


def test_without_a_limit_no_timer_is_set() -> None:
    """It would cost every request."""
    listeners: Any = https_listeners(inventory(NONE), MATERIAL)
    for chain in listeners[0]["filter_chains"]:
        assert "request_timeout" not in chain["filters"][-1]["typed_config"]

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.gateway.model import Material, Proof, SignInMaterial
from sealgate.gateway.translate.routes import http_routes, https_routes
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AccessSettings,
    AcmeChallenge,
    Address,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    TLSSettings,
    Upstream,
)
from tests.match_trees import entries_of

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
MATERIAL = Material("/x", {})
LUA = "envoy.filters.http.lua"


def inventory(*routes: Route, **more: Any) -> Inventory:
    """Return one site with *routes*."""
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), routes)
    return Inventory("s.toml", "x", sites=(site,), **more)


def entries(declared: Inventory) -> list[dict[str, Any]]:
    """Return the routes of the only site, in order; with a port, odd ones are refused first."""
    configuration: Any = https_routes(declared, declared.sites[0], MATERIAL)
    host, _ = configuration["virtual_hosts"]
    assert host["domains"] == ["shop.example", "shop.example:", "shop.example:*"]
    odd: dict[str, Any]
    found: list[dict[str, Any]]
    odd, *found = entries_of(host)
    assert {header["name"] for header in odd["match"]["headers"]} == {":authority"}
    assert odd["direct_response"] == {"status": 421}
    return found


def is_judged(entry: dict[str, Any]) -> bool:
    """Return whether the program of the site runs for *entry*, and is told what is served."""
    filters = entry.get("typed_per_filter_config", {})
    told = LUA in entry.get("metadata", {}).get("filter_metadata", {})
    assert told is (LUA not in filters)
    return told


def test_program_of_a_site_stands_there_once() -> None:
    """All entries share it; those that serve what has one reading turn it off."""
    declared = inventory(Route(Door("/"), PUBLIC), Route(Door("/a"), CONFIDENTIAL))
    configuration: Any = https_routes(declared, declared.sites[0], MATERIAL)
    assert list(configuration["typed_per_filter_config"]) == [LUA]
    assert str(configuration).count("function envoy_on_request") == 1
    [refusal] = configuration["virtual_hosts"][1]["routes"]
    for entry in [*entries(declared), refusal]:
        if not is_judged(entry):
            assert entry["typed_per_filter_config"][LUA]["disabled"] is True


def test_routes_grow_with_their_number_alone() -> None:
    """Four times the routes, half of them locked, are four times the bytes, and not sixteen."""

    def size(number: int) -> int:
        doors = [Route(Door(f"/d{n:04}"), (PUBLIC, CONFIDENTIAL)[n % 2]) for n in range(number)]
        declared = inventory(Route(Door("/"), PUBLIC), *doors)
        return len(json.dumps(https_routes(declared, declared.sites[0], MATERIAL)))

    assert size(400) < 4.2 * size(100)


MANY: dict[str, Callable[[int], Route]] = {
    "entered by signing in": lambda n: Route(Door(f"/d{n}"), (PUBLIC, RESTRICTED)[n % 2]),
    "deep": lambda n: Route(Door(f"/api/v1/d{n}"), (PUBLIC, CONFIDENTIAL)[n % 2]),
    "opened by a parameter": lambda n: Route(Door(f"/d{n}", query="x"), CONFIDENTIAL),
    "over plain HTTP": lambda n: Route(Door(f"/d{n}"), PUBLIC, plain_http=n % 2 == 0),
    "all secret": lambda n: Route(Door(f"/d{n}"), SECRET, admit=("user:a",)),
}


@pytest.mark.parametrize("kind", MANY)
def test_work_grows_with_the_number_of_routes_alone(kind: str) -> None:
    """Four times the routes are four times the work, counted in calls, and not sixteen."""
    signs = replace(MATERIAL, sign_in=SignInMaterial("/x/s", "{}", "https://shop.example"))

    def calls(number: int) -> int:
        first = Route(Door("/"), SECRET if kind == "all secret" else PUBLIC)
        declared = inventory(first, *map(MANY[kind], range(number)))
        return calls_of(
            lambda: (
                https_routes(declared, declared.sites[0], signs),
                http_routes(declared, signs),
            )
        )

    assert calls(400) < 4.2 * calls(100)


def calls_of(work: Callable[[], object]) -> int:
    """Return how often *work* calls a function, or goes on in one; the same on every machine."""
    seen = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal seen
        seen += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return seen


def test_most_specific_door_is_tried_first() -> None:
    """Whatever the order of declaration, the nearer door comes before the wider one."""
    declared = inventory(
        Route(Door("/"), CONFIDENTIAL),
        Route(Door("/a"), CONFIDENTIAL),
        Route(Door("/a/*/c"), CONFIDENTIAL),
        Route(Door("/a", exact=True), CONFIDENTIAL),
    )
    judged = [e for e in entries(declared) if is_judged(e)]
    assert [entry["match"] for entry in judged] == [
        {
            "safe_regex": {"regex": "/a/[^/?#]*/c(?:/[^?#]*)?"},
            "headers": [{"name": ":path", "string_match": {"prefix": "/a/"}}],
        },
        {"path": "/a"},
        {"path_separated_prefix": "/a"},
        {"prefix": "/"},
    ]


def test_usual_request_to_a_public_site_costs_one_pattern() -> None:
    """A site without a stricter route has one pattern for usual requests, and no filter."""
    usual, _, judged, last = entries(inventory(Route(Door("/"), PUBLIC)))
    assert list(usual["typed_per_filter_config"]) == [LUA]
    assert len(usual["match"]["headers"]) == 1
    assert not is_judged(usual)
    assert is_judged(judged)
    assert last["direct_response"] == {"status": 400}


def test_doubtful_request_goes_through_lua_on_the_same_route() -> None:
    """Below a stricter door, two entries are for plain requests and one judges the others."""
    found = entries(inventory(Route(Door("/"), PUBLIC), Route(Door("/a"), CONFIDENTIAL)))
    *_, lock, usual, plain, judged, _ = found
    assert [header["name"] for header in usual["match"]["headers"]] == [":path"]
    assert not is_judged(usual)
    assert lock["name"] == "route shop.example/a, Organization Confidential, access high"
    assert [header["name"] for header in plain["match"]["headers"]] == [":path", ":path"]
    assert plain["match"]["headers"][1]["invert_match"] is True
    assert is_judged(judged)
    assert judged["match"] == {"prefix": "/"}


def test_a_known_connection_is_let_in_before_the_lock_is_asked() -> None:
    """Each way in stands twice: for connections that it opens to, then with its lock."""
    admitted = {"route shop.example/a": ("aa" * 32,)}
    material = replace(MATERIAL, admitted=admitted, geo_database="/c.mmdb")
    declared = inventory(
        Route(Door("/"), PUBLIC),
        Route(Door("/a"), CONFIDENTIAL, admit=("user:a",)),
        access=AccessSettings(("DE",), "c.mmdb"),
    )
    configuration: Any = https_routes(declared, declared.sites[0], material)
    _, at_once, plain, otherwise, *others = entries_of(configuration["virtual_hosts"][0])
    del at_once["match"]["headers"]
    assert plain["match"]["filter_state"] == at_once["match"]["filter_state"]
    [asked] = at_once["match"].pop("filter_state")
    assert asked["string_match"] == {"safe_regex": {"regex": f"(?:{'aa' * 32}) (?:DE)"}}
    assert at_once.pop("stat_prefix") == "opened"
    locked = otherwise.pop("typed_per_filter_config")
    assert list(locked) == ["envoy.filters.http.rbac"]
    del otherwise["metadata"]["filter_metadata"][LUA]
    del at_once["typed_per_filter_config"]
    assert at_once == otherwise
    assert not [entry for entry in others if "filter_state" in entry["match"]]


def test_parameter_door_stands_between() -> None:
    """A door by parameter is tried where the path's own door is weaker, and only there."""
    found = entries(
        inventory(
            Route(Door("/"), PUBLIC),
            Route(Door("/", query="q_r"), CONFIDENTIAL),
            Route(Door("/s"), SECRET),
        )
    )
    names = [entry.get("name", "").partition(",")[0] for entry in found]
    assert names == [
        *["route shop.example/s"] * 3,
        *["route shop.example/"] * 3,
        "route shop.example/?q_r",
        # Without a form, in two ways; and where the body is waited for.
        *["route shop.example/"] * 3,
        "",
    ]


def test_own_settings_of_a_site_win() -> None:
    """A site's own TLS section says how long browsers insist on TLS."""
    site = Site(
        ("a.example",),
        Upstream("http", "127.0.0.1", 1),
        (Route(Door("/"), PUBLIC),),
        tls=TLSSettings(hsts_seconds=9),
    )
    declared = Inventory("s.toml", "x", sites=(site,))
    configuration: Any = https_routes(declared, site, MATERIAL)
    [added] = configuration["response_headers_to_add"]
    assert added["header"]["value"] == "max-age=9"


def test_http_only_gateway_redirects_nowhere() -> None:
    """Without an https door there is nothing to send anybody to, so all is refused."""
    shut = Listen((), (Address("::", 80),))
    hosts: Any = http_routes(inventory(Route(Door("/"), PUBLIC), listen=shut), MATERIAL)[
        "virtual_hosts"
    ]
    assert not [entry for entry in hosts[0]["routes"] if "redirect" in entry]


def test_a_proof_is_answered_before_the_site_is_asked() -> None:
    """Our own token has its answer on the plain port, at its domain and for readers only."""
    proof = Proof(AcmeChallenge.HTTP_01, "shop.example", "token", "token.thumb")
    declared = inventory(Route(Door("/"), PUBLIC))
    hosts: Any = http_routes(declared, replace(MATERIAL, proofs=(proof,)))["virtual_hosts"]
    _, first, challenge, *_ = hosts[0]["routes"]
    assert first["match"]["path"] == "/.well-known/acme-challenge/token"
    assert [header["name"] for header in first["match"]["headers"]] == [":method"]
    assert first["direct_response"] == {"status": 200, "body": {"inline_string": "token.thumb"}}
    assert "route" in challenge


@pytest.mark.parametrize(
    "proof",
    [
        Proof(AcmeChallenge.HTTP_01, "other.example", "token", "token.thumb"),
        Proof(AcmeChallenge.DNS_01, "shop.example", "token", "token.thumb"),
    ],
)
def test_a_proof_for_elsewhere_changes_no_route(proof: Proof) -> None:
    """What another site, or the name server, has to answer is not answered here."""
    declared = inventory(Route(Door("/"), PUBLIC))
    with_it = http_routes(declared, replace(MATERIAL, proofs=(proof,)))
    assert with_it == http_routes(declared, MATERIAL)

"""Inspected routes lead to their relay, and enforcing ones nowhere else."""

from dataclasses import replace
from typing import Any

import pytest

from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from sealgate.gateway.translate.inspection import (
    back_listeners,
    back_socket,
    inspected,
    next_share,
    relay_clusters,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inspect, Inventory, Route, Site, Upstream

PUBLIC = DEFAULT_MODEL.weakest
PLAIN = Upstream("http", "127.0.0.1", 8080)
ENTRY: dict[str, Any] = {
    "match": {"prefix": "/", "headers": [{"name": "a"}]},
    "route": {"cluster": "site shop.example", "timeout": "0s"},
    "typed_per_filter_config": {"lock": {}},
}


def _site(inspect: Inspect, upstream: Upstream = PLAIN) -> Site:
    return Site(("shop.example",), upstream, (Route(Door("/"), PUBLIC, inspect=inspect),))


def _material(*, relay: bool = True) -> Material:
    relays = {"route shop.example/": "/run/r.sock"} if relay else {}
    return Material("/run/envoy", {"shop.example": CertificateFiles("/c", "/k")}, relays=relays)


def _entries(inspect: Inspect, *, relay: bool = True) -> list[Any]:
    site = _site(inspect)
    return list(inspected(ENTRY, site, site.routes[0], _material(relay=relay)))


def test_route_that_is_off_is_left_alone() -> None:
    """Whoever inspects nothing pays nothing."""
    assert _entries(Inspect.OFF) == [ENTRY]
    inventory = Inventory("f", "/s", sites=(_site(Inspect.OFF),))
    assert list(relay_clusters(inventory, _material())) == []


def test_enforcing_route_has_no_way_around_its_relay() -> None:
    """One entry, with its locks, to a cluster that has the relay and nobody else; no upgrades."""
    (entry,) = _entries(Inspect.ENFORCE)
    assert entry["route"]["cluster"] == "relay route shop.example/"
    assert entry["route"]["idle_timeout"] == "60s"
    assert entry["route"]["upgrade_configs"] == [{"upgrade_type": "websocket", "enabled": False}]
    assert "retry_policy" not in entry["route"]
    assert entry["typed_per_filter_config"] == {"lock": {}}
    inventory = Inventory("f", "/s", sites=(_site(Inspect.ENFORCE),))
    (cluster,) = relay_clusters(inventory, _material())
    endpoints: Any = cluster["load_assignment"]
    assert endpoints["endpoints"] == [
        {
            "priority": 0,
            "lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": "/run/r.sock"}}}}],
        }
    ]


def test_enforcing_route_without_a_relay_is_refused() -> None:
    """Nothing is shown that nobody looked at."""
    (entry,) = _entries(Inspect.ENFORCE, relay=False)
    assert "route" not in entry
    assert entry["direct_response"] == {"status": 503}
    assert entry["typed_per_filter_config"] == {"lock": {}}


def test_observed_route_takes_a_sample_and_has_a_way_around() -> None:
    """One GET in a hundred goes over the relay, and to the site when that fails."""
    sample, entry = _entries(Inspect.OBSERVE)
    assert entry == ENTRY
    assert sample["match"]["runtime_fraction"] == {
        "default_value": {"numerator": 100, "denominator": "TEN_THOUSAND"},
        "runtime_key": "sealgate.samples",
    }
    assert {"name": ":method", "string_match": {"exact": "GET"}} in sample["match"]["headers"]
    assert {"name": "a"} in sample["match"]["headers"]
    assert sample["typed_per_filter_config"] == {"lock": {}}
    inventory = Inventory("f", "/s", sites=(_site(Inspect.OBSERVE),))
    (cluster,) = relay_clusters(inventory, _material())
    endpoints: Any = cluster["load_assignment"]
    assert [e["priority"] for e in endpoints["endpoints"]] == [0, 1]
    assert cluster["type"] == "STATIC"
    assert _entries(Inspect.OBSERVE, relay=False) == [ENTRY]


@pytest.mark.parametrize("inspect", [Inspect.OBSERVE, Inspect.ENFORCE])
def test_site_that_speaks_tls_has_a_way_back(inspect: Inspect) -> None:
    """Relays speak no TLS, so Envoy does it for them, with the site's own cluster."""
    site = _site(inspect, Upstream("https", "backend.example", 443))
    inventory = Inventory("f", "/s", sites=(site,))
    (listener,) = back_listeners(inventory, _material())
    path = back_socket("/run/envoy", site)
    assert listener["address"] == {"pipe": {"path": path, "mode": 0o600}}
    assert "site shop.example" in str(listener)
    assert path not in str(list(relay_clusters(inventory, _material())))
    named = replace(site, upstream=Upstream("http", "localhost", 80))
    assert list(back_listeners(Inventory("f", "/s", sites=(named,)), _material())) == []


def test_translation_holds_relays_beside_their_sites() -> None:
    """The whole configuration names the relay once as a cluster and where its route leads."""
    files = translate(Inventory("f", "/s", sites=(_site(Inspect.ENFORCE),)), _material()).files
    assert str(files["cds.json"]).count("'relay route shop.example/'") == 2
    assert "relay route shop.example/" in str(files["rds-https-shop.example.json"])


@pytest.mark.parametrize(
    "upstream", [Upstream("https", "backend.example", 443), Upstream("http", "localhost", 80)]
)
def test_way_around_to_a_name_or_over_tls_is_the_sites_own(upstream: Upstream) -> None:
    """A name beside the relay's socket in one cluster would leave neither to be reached."""
    inventory = Inventory("f", "/s", sites=(_site(Inspect.OBSERVE, upstream),))
    alone, either = relay_clusters(inventory, _material())
    assert str(alone).count("/run/r.sock") == 1
    assert alone["type"] == "STATIC"
    assert either["name"] == "relay route shop.example/"
    kind: Any = either["cluster_type"]
    assert kind["name"] == "envoy.clusters.aggregate"
    assert kind["typed_config"]["clusters"] == [alone["name"], "site shop.example"]


def test_requests_with_a_body_and_odd_ones_are_not_sampled() -> None:
    """Envoy would have to keep a body for the site; and an entry less is an entry less for all."""
    sample, _ = _entries(Inspect.OBSERVE)
    no_length = {"name": "content-length", "present_match": True, "invert_match": True}
    assert no_length in sample["match"]["headers"]
    site = _site(Inspect.OBSERVE)
    assert list(inspected(ENTRY, site, site.routes[0], _material(), sampled=False)) == [ENTRY]
    enforced = _site(Inspect.ENFORCE)
    entry: Any
    (entry,) = inspected(ENTRY, enforced, enforced.routes[0], _material(), sampled=False)
    assert entry["route"]["cluster"] == "relay route shop.example/"


@pytest.mark.parametrize(
    ("share", "per_second", "expected"),
    [
        pytest.param(100, 0.0, 100, id="quiet"),
        pytest.param(100, 9.0, 100, id="few"),
        pytest.param(100, 15.0, 100, id="hardly-too-many"),
        pytest.param(100, 150.0, 7, id="busy"),
        pytest.param(7, 10.5, 7, id="as-wanted"),
        pytest.param(7, 0.0, 100, id="quiet-again"),
        pytest.param(7, 1.0, 70, id="less"),
        pytest.param(1, 100.0, 1, id="never-none"),
    ],
)
def test_samples_are_bounded_in_a_second(share: int, per_second: float, expected: int) -> None:
    """Ten in a second tell as much as a hundred; and a quiet site has its one in a hundred."""
    assert next_share(share, per_second) == expected

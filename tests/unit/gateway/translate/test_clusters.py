from __future__ import annotations

from typing import Any

import pytest

from sealgate.gateway.model import Material
from sealgate.gateway.translate.clusters import cluster
from sealgate.policy.inventory import Site, Upstream

MATERIAL = Material("/x", {}, system_roots="/roots.pem")


def made(upstream: Upstream) -> Any:
    """Return the cluster of a site behind which *upstream* stands."""
    return cluster(Site(("a.example",), upstream, ()), MATERIAL)


@pytest.mark.parametrize(
    ("upstream", "kind", "address"),
    [
        (
            Upstream("http", "127.0.0.1", 80),
            "STATIC",
            {"socket_address": {"address": "127.0.0.1", "port_value": 80}},
        ),
        (
            Upstream("http", "::1", 81),
            "STATIC",
            {"socket_address": {"address": "::1", "port_value": 81}},
        ),
        (
            Upstream("http", "localhost", 82),
            "LOGICAL_DNS",
            {"socket_address": {"address": "localhost", "port_value": 82}},
        ),
        (Upstream("unix", "/run/s", 0), "STATIC", {"pipe": {"path": "/run/s"}}),
    ],
)
def test_address(upstream: Upstream, kind: str, address: object) -> None:
    """Addresses are taken as they are, names are looked up."""
    result = made(upstream)
    [endpoint] = result["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert (result["type"], endpoint["endpoint"]["address"]) == (kind, address)
    assert "transport_socket" not in result


@pytest.mark.parametrize(
    ("host", "ca", "roots", "kind", "sni"),
    [
        ("app.example", None, "/roots.pem", "DNS", "app.example"),
        ("app.example", "/own.pem", "/own.pem", "DNS", "app.example"),
        ("192.0.2.1", None, "/roots.pem", "IP_ADDRESS", None),
    ],
)
def test_tls_is_verified(host: str, ca: str | None, roots: str, kind: str, sni: str | None) -> None:
    """Chain and name are verified in every case; an address is no server name."""
    tls = made(Upstream("https", host, 443, ca))["transport_socket"]["typed_config"]
    validation = tls["common_tls_context"]["validation_context"]
    assert validation["trusted_ca"] == {"filename": roots}
    [name] = validation["match_typed_subject_alt_names"]
    assert (name["san_type"], name["matcher"]["exact"]) == (kind, host)
    assert tls.get("sni") == sni

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sealgate.gateway.model import CertificateFiles, Material, Proof
from sealgate.gateway.translate.listeners import http_listeners, https_listeners, rds_file
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AcmeChallenge,
    AcmeSettings,
    Address,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    TLSSettings,
    Upstream,
)

ROUTES = (Route(Door("/"), DEFAULT_MODEL.weakest),)
UPSTREAM = Upstream("http", "127.0.0.1", 1)
ONE, TWO = Site(("one.example",), UPSTREAM, ROUTES), Site(("two.example",), UPSTREAM, ROUTES)
PAIR = CertificateFiles("/c", "/k")
MATERIAL = Material("/x", {"one.example": PAIR, "two.example": PAIR}, "/ca")


def inventory(*sites: Site, **listen: Any) -> Inventory:
    """Return *sites* behind the doors that *listen* names."""
    return Inventory("s.toml", "x", Listen(**listen), sites=sites)


def https(declared: Inventory, material: Material = MATERIAL) -> Any:
    """Return the listeners for https."""
    return https_listeners(declared, material)


def test_one_site_needs_no_look_at_the_name() -> None:
    """With one site there is one chain, and nothing is inspected before the handshake."""
    [listener] = https(inventory(ONE))
    [chain] = listener["filter_chains"]
    assert "filter_chain_match" not in chain
    assert "listener_filters" not in listener
    assert listener["address"]["socket_address"]["ipv4_compat"] is True


def test_further_sites_are_chosen_by_name() -> None:
    """The first site also serves clients that send no name."""
    [listener] = https(inventory(ONE, TWO))
    matches = [chain.get("filter_chain_match") for chain in listener["filter_chains"]]
    assert matches == [{"server_names": ["two.example"]}, None]


def test_what_is_secret_is_found_by_its_name_only() -> None:
    """Nobody comes to it without a name, also where it stands first or alone."""
    secret = Route(Door("/"), DEFAULT_MODEL.classes[3])
    vault = replace(ONE, routes=(secret,))
    for sites, names in (((vault, TWO), [["one.example"], None]), ((vault,), [["one.example"]])):
        [listener] = https(inventory(*sites))
        matches = [chain.get("filter_chain_match") for chain in listener["filter_chains"]]
        assert [match and match["server_names"] for match in matches] == names
        [inspector] = listener["listener_filters"]
        assert inspector["name"] == "envoy.filters.listener.tls_inspector"


def test_each_address_has_a_listener() -> None:
    """Every door is opened."""
    declared = inventory(
        ONE,
        https=(Address("127.0.0.1", 1), Address("::1", 2)),
        http=(Address("127.0.0.1", 3),),
    )
    assert [listener["name"] for listener in https(declared)] == [
        "https 127.0.0.1 1",
        "https ::1 2",
    ]
    assert [listener["name"] for listener in http_listeners(declared, MATERIAL)] == [
        "http 127.0.0.1 3"
    ]


def test_without_an_authority_no_certificate_is_asked_for() -> None:
    """Visitors are not prompted where nobody was given a certificate."""
    [listener] = https(inventory(ONE), Material("/x", {"one.example": PAIR}))
    tls = listener["filter_chains"][0]["transport_socket"]["typed_config"]
    assert "validation_context" not in tls["common_tls_context"]


def test_only_trusted_proxies_reach_any_chain() -> None:
    """With trusted proxies, every chain of every door is for their networks only."""
    declared = inventory(ONE, TWO, trusted_proxies=("192.0.2.0/24",))
    found: Any = [*https(declared), *http_listeners(declared, MATERIAL)]
    for listener in found:
        assert listener["listener_filters"][0]["name"] == "envoy.filters.listener.proxy_protocol"
        for chain in listener["filter_chains"]:
            assert chain["filter_chain_match"]["direct_source_prefix_ranges"] == [
                {"address_prefix": "192.0.2.0", "prefix_len": 24}
            ]


def test_file_names() -> None:
    """A file is called after what it holds."""
    assert rds_file("https one.example") == "rds-https-one.example.json"


def test_a_proof_over_tls_has_a_chain_of_its_own() -> None:
    """It is chosen by name and protocol, and each name has a chain to fall back to."""
    declared = replace(
        inventory(ONE, TWO),
        tls=TLSSettings(acme=True),
        acme=AcmeSettings(challenge=AcmeChallenge.TLS_ALPN_01),
    )
    proof = Proof(AcmeChallenge.TLS_ALPN_01, "one.example", "t", "t.k", PAIR)
    [before], [during] = https(declared), https(declared, replace(MATERIAL, proofs=(proof,)))
    *chains, added = during["filter_chains"]
    assert chains == before["filter_chains"]
    assert added["filter_chain_match"] == {
        "server_names": ["one.example"],
        "application_protocols": ["acme-tls/1"],
    }
    assert [chain.get("filter_chain_match") for chain in chains] == [
        {"server_names": ["one.example"]},
        {"server_names": ["two.example"]},
        None,
    ]
    # Else the listener would be another one, and cut connections.
    assert {**before, "filter_chains": 0} == {**during, "filter_chains": 0}


def test_one_site_that_proves_by_tls_is_inspected_all_the_time() -> None:
    """The protocol has to be read before the handshake."""
    declared = replace(
        inventory(ONE),
        tls=TLSSettings(acme=True),
        acme=AcmeSettings(challenge=AcmeChallenge.TLS_ALPN_01),
    )
    [listener] = https(declared)
    assert [one["name"] for one in listener["listener_filters"]] == [
        "envoy.filters.listener.tls_inspector"
    ]

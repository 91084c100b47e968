from __future__ import annotations

from typing import Any

import pytest

from sealgate.gateway.model import Material
from sealgate.gateway.translate.tls import sds_file, server_tls
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route, Site, Upstream

PUBLIC, _, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
UPSTREAM = Upstream("http", "127.0.0.1", 1)
WITH_CA, WITHOUT_CA = Material("/x", {}, "/ca"), Material("/x", {})


def site(*routes: Route) -> Site:
    """Return a site of these *routes*."""
    return Site(("one.example",), UPSTREAM, routes)


def test_what_is_secret_demands_everything_of_the_handshake() -> None:
    """TLS 1.3, the hybrid group, and a certificate of our authority."""
    tls: Any = server_tls(site(Route(Door("/"), SECRET, admit=("user:a",))), WITH_CA)
    context = tls["typed_config"]["common_tls_context"]
    assert tls["typed_config"]["require_client_certificate"] is True
    assert context["tls_params"] == {
        "tls_minimum_protocol_version": "TLSv1_3",
        "tls_maximum_protocol_version": "TLSv1_3",
        "ecdh_curves": ["X25519MLKEM768"],
    }
    assert context["validation_context"] == {
        "trusted_ca": {"filename": "/ca"},
        "trust_chain_verification": "VERIFY_TRUST_CHAIN",
    }


def test_without_an_authority_nothing_secret_is_served() -> None:
    """Any certificate would do otherwise."""
    with pytest.raises(ValueError, match="no authority"):
        server_tls(site(Route(Door("/"), SECRET)), WITHOUT_CA)


def test_elsewhere_a_certificate_is_asked_for_and_not_demanded() -> None:
    """Who has none, or a stranger's, gets a page that says so; who needs none is not asked."""
    locked: Any = server_tls(
        site(Route(Door("/"), PUBLIC), Route(Door("/a"), CONFIDENTIAL, admit=("user:a",))), WITH_CA
    )
    assert locked["typed_config"]["require_client_certificate"] is False
    context = locked["typed_config"]["common_tls_context"]
    assert context["validation_context"]["trust_chain_verification"] == "ACCEPT_UNTRUSTED"
    assert context["tls_params"]["tls_minimum_protocol_version"] == "TLSv1_2"
    public: Any = server_tls(site(Route(Door("/"), PUBLIC)), WITH_CA)
    assert "validation_context" not in public["typed_config"]["common_tls_context"]


def test_the_certificate_is_named_by_its_file() -> None:
    """A renewed one is taken over by that file."""
    assert sds_file(site(Route(Door("/"), PUBLIC))) == "sds-one.example.json"

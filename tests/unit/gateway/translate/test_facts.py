from __future__ import annotations

from typing import Any

from sealgate.gateway.model import Material
from sealgate.gateway.translate.facts import facts_of_connection
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route, Site, Upstream

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
KEY, COUNTRY = "%DOWNSTREAM_PEER_FINGERPRINT_256%", "%FILTER_STATE(envoy.geoip:FIELD:country)%"


def noted(material: Material, *routes: Route) -> dict[str, str]:
    """Return what is noted under which name on a site with *routes*."""
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), routes)
    filters: Any = facts_of_connection(site, material)
    return {
        one["object_key"]: one["format_string"]["text_format_source"]["inline_string"]
        for one in filters[-1]["typed_config"]["on_downstream_tls_handshake"]
    }


def test_a_public_site_notes_nothing_but_the_log() -> None:
    """Where nothing asks for a key, no certificate and no country is looked at."""
    found = noted(Material("/x", {}, geo_database="/c.mmdb"), Route(Door("/"), PUBLIC))
    assert list(found) == ["sealgate.log"]
    assert "PEER" not in str(found)
    assert "country" not in str(found)


def test_a_lock_has_key_and_country_apart_and_together() -> None:
    """Without a database there is no country, and the place where it would stand says so."""
    locked = Route(Door("/"), CONFIDENTIAL, admit=("user:a",))
    found = noted(Material("/x", {}, geo_database="/c.mmdb"), locked)
    assert found["sealgate.client"] == KEY
    assert found["sealgate.country"] == COUNTRY
    assert found["sealgate.key-and-country"] == f"{KEY} {COUNTRY}"
    assert noted(Material("/x", {}), locked)["sealgate.key-and-country"] == f"{KEY} -"

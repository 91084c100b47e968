"""What is noted once per connection, at its handshake, for every request on it to find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import asks_for_key, signs_in
from sealgate.gateway.translate.access_log import LOG_STATE
from sealgate.gateway.translate.matchers import (
    CERTIFICATE_USER_STATE,
    COUNTRY_STATE,
    FINGERPRINT_STATE,
    KEY_AND_COUNTRY_STATE,
)
from sealgate.gateway.translate.sign_in import CLIENT_ADDRESS
from sealgate.gateway.translate.typed import EXTENSIONS, extension

if TYPE_CHECKING:
    from sealgate.gateway.model import JSON, Material
    from sealgate.policy.inventory import Site


def facts_of_connection(site: Site, material: Material) -> list[JSON]:
    """Return the filters that note, once per connection, what locks and log ask for."""
    facts: dict[str, str] = {}
    country = fingerprint = "-"
    filters: list[JSON] = []
    locked = asks_for_key(site)
    if locked:
        fingerprint = facts[FINGERPRINT_STATE] = "%DOWNSTREAM_PEER_FINGERPRINT_256%"
        facts[CERTIFICATE_USER_STATE] = "%DOWNSTREAM_PEER_URI_SAN%"
    if (locked or signs_in(site)) and material.geo_database is not None:
        database = extension(
            "envoy.geoip_providers.maxmind",
            EXTENSIONS + "geoip_providers.maxmind.v3.MaxMindConfig",
            country_db_path=material.geo_database,
            common_provider_config={"geo_field_keys": {"country": "country"}},
        )
        filters.append(
            extension(
                "envoy.filters.network.geoip",
                EXTENSIONS + "filters.network.geoip.v3.Geoip",
                provider=database,
            )
        )
        country = "%FILTER_STATE(envoy.geoip:FIELD:country)%"
        facts[COUNTRY_STATE] = country
    if locked:
        facts[KEY_AND_COUNTRY_STATE] = f"{fingerprint} {country}"
    facts[LOG_STATE] = (
        f"{CLIENT_ADDRESS} {country} {fingerprint} "
        "%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_GROUP%"
    )
    noted: list[JSON] = [
        {
            "object_key": key,
            "factory_key": "envoy.string",
            "format_string": {"text_format_source": {"inline_string": text}},
        }
        for key, text in facts.items()
    ]
    filters.append(
        extension(
            "facts",
            EXTENSIONS + "filters.network.set_filter_state.v3.Config",
            on_downstream_tls_handshake=noted,
        )
    )
    return filters

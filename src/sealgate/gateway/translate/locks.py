"""
Who may enter a locked route, as an Envoy RBAC matcher: a certificate, then a country.

A client certificate is admitted by its SHA-256 fingerprint alone, looked up in a table
that stands in the route. The fingerprint is taken once per connection, at the
handshake, where the client proves that it holds the key (RFC 8446, 4.4.3); a resumed
session brings its own along. The country of the peer's address is looked up then, too:
it holds as long as the connection does. Nothing is concluded from who signed a certificate, so a
stranger's with the same names is refused like any other. Whatever is absent (no
certificate, no fingerprint, no country) finds nothing in the table and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import Guard, guard_of
from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed
from sealgate.policy.inventory import route_asset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import AccessSettings, Route, Site

RBAC_FILTER = "envoy.filters.http.rbac"
# Set at the handshake, read by every lock; no client can write there.
FINGERPRINT_STATE = "sealgate.client"
COUNTRY_STATE = "sealgate.country"
# How Envoy writes a fingerprint or a country that is not there.
_ABSENT = "-"

NO_CERTIFICATE = "no-certificate"
NOT_ADMITTED = "not-admitted"
NOBODY_ADMITTED = "nobody-admitted"
OTHER_COUNTRY = "other-country"
UNKNOWN_COUNTRY = "unknown-country"
UNBUILT = "unbuilt"


def lock(site: Site, route: Route, access: AccessSettings, material: Material) -> JSONObject:
    """
    Return the per-route filter settings that guard *route*; empty where nothing is asked.
    """
    match guard_of(route):
        case Guard.OPEN | Guard.SITE:
            return {}
        case Guard.UNBUILT:
            return {RBAC_FILTER: _per_route(_refuse(UNBUILT))}
        case Guard.LOCKED:
            fingerprints = material.admitted.get(route_asset(site, route).id, ())
            if not route.admit or not fingerprints:
                return {RBAC_FILTER: _per_route(_refuse(NOBODY_ADMITTED))}
            return {RBAC_FILTER: _per_route(_by_fingerprint(fingerprints, access.countries))}


def _per_route(matcher: JSONObject) -> JSONObject:
    return typed(EXTENSIONS + "filters.http.rbac.v3.RBACPerRoute", rbac={"matcher": matcher})


def _by_fingerprint(fingerprints: Iterable[str], countries: Iterable[str]) -> JSONObject:
    inside: JSONObject = {"matcher": _by_country(countries)}
    table: JSONObject = {_ABSENT: _deny(NO_CERTIFICATE)}
    table |= dict.fromkeys(sorted(fingerprints), inside)
    return {
        "matcher_tree": {
            "input": _connection_input(FINGERPRINT_STATE),
            "exact_match_map": {"map": table},
        },
        "on_no_match": _deny(NOT_ADMITTED),
    }


def _by_country(countries: Iterable[str]) -> JSONObject:
    table: JSONObject = {_ABSENT: _deny(UNKNOWN_COUNTRY)}
    table |= {code: _allow() for code in sorted(countries)}
    return {
        "matcher_tree": {
            "input": _connection_input(COUNTRY_STATE),
            "exact_match_map": {"map": table},
        },
        "on_no_match": _deny(OTHER_COUNTRY),
    }


def _connection_input(state: str) -> JSONObject:
    return extension(
        state, EXTENSIONS + "matching.common_inputs.network.v3.FilterStateInput", key=state
    )


def _refuse(reason: str) -> JSONObject:
    return {"on_no_match": _deny(reason)}


def _deny(reason: str) -> JSONObject:
    return _action(reason, "DENY")


def _allow() -> JSONObject:
    return _action("admitted", "ALLOW")


def _action(name: str, action: str) -> JSONObject:
    return {"action": extension("action", "envoy.config.rbac.v3.Action", name=name, action=action)}

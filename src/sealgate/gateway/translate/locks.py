"""
Who may enter a route that is not open: by a certificate, or by a session of the gateway.

A client certificate is admitted by its SHA-256 fingerprint alone, looked up in a table that
stands in the route configuration (:mod:`.clients`). The fingerprint is taken once per
connection, at the handshake, where the client proves that it holds the key (RFC 8446, 4.4.3);
a resumed session brings its own along. The country of the peer's address is looked up then, too:
it holds as long as the connection does. Nothing is concluded from who signed a certificate, so a
stranger's with the same names is refused like any other. Whatever is absent (no
certificate, no fingerprint, no country) finds nothing in the table and is refused.

The usual request is let in before that by the match of an entry of its own, which says the
same as the table in one expression: no filter runs for it. Whoever that does not match,
for whatever reason, comes to the table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.gateway.model import Guard
from sealgate.gateway.translate.matchers import (
    KEY_AND_COUNTRY_STATE,
    NO_CERTIFICATE,
    NOBODY_ADMITTED,
    NOT_ADMITTED,
    RBAC_FILTER,
    UNBUILT,
    by_client_and_country,
    deny,
    enforced,
    refuse,
)
from sealgate.gateway.translate.sign_in import session_filters
from sealgate.policy.assets import route_asset

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.gateway.model import JSONObject, Material, SiteGuards
    from sealgate.gateway.translate.clients import ClientGroups
    from sealgate.policy.inventory import AccessSettings, Route, Site

# An expression grows with each certificate, in every entry of a route; the table stands once.
MOST_IN_EXPRESSION = 100


def lock(
    site: Site,
    guards: SiteGuards,
    route: Route,
    access: AccessSettings,
    material: Material,
    clients: ClientGroups,
) -> JSONObject:
    """Return the per-route filter settings that guard *route*; empty where nothing is asked."""
    match guards.at(route):
        case Guard.OPEN | Guard.SITE:
            return {}
        case Guard.SIGN_IN if material.sign_in is not None:
            return session_filters(site, guards, route, access, material, clients)
        case Guard.SIGN_IN | Guard.UNBUILT:
            return {RBAC_FILTER: enforced(refuse(UNBUILT))}
        case Guard.LOCKED:
            groups = clients.of_lock.get(route_asset(site, route).id, ())
            if not route.admit or not groups:
                return {RBAC_FILTER: enforced(refuse(NOBODY_ADMITTED))}
            matcher = by_client_and_country(
                groups, access.countries, deny(NOT_ADMITTED), deny(NO_CERTIFICATE)
            )
            return {RBAC_FILTER: enforced(matcher)}


def opened_at_once(
    site: Site, guards: SiteGuards, route: Route, access: AccessSettings, material: Material
) -> JSONObject | None:
    """
    Return what matches the connections that :func:`lock` lets in; ``None``: only that tells.

    It is for the match of a route. A table and its filter cost a request 4 % more (ADR 3).
    """
    if guards.at(route) is not Guard.LOCKED or not route.admit:
        return None
    fingerprints = material.admitted.get(route_asset(site, route).id, ())
    if not access.countries or not 0 < len(fingerprints) <= MOST_IN_EXPRESSION:
        return None
    return {
        "key": KEY_AND_COUNTRY_STATE,
        "string_match": {
            "safe_regex": {"regex": f"{_one_of(fingerprints)} {_one_of(access.countries)}"}
        },
    }


def _one_of(values: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(value) for value in sorted(values))})"

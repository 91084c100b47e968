"""
Who may enter a route that is not open: by a certificate, or by a session of the gateway.

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

from sealgate.gateway.model import Guard, guard_at
from sealgate.gateway.translate.matchers import (
    NO_CERTIFICATE,
    NOBODY_ADMITTED,
    NOT_ADMITTED,
    RBAC_FILTER,
    UNBUILT,
    by_country,
    by_fingerprint,
    deny,
    enforced,
    inside,
    refuse,
)
from sealgate.gateway.translate.sign_in import session_filters
from sealgate.policy.inventory import route_asset

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import AccessSettings, Route, Site


def lock(site: Site, route: Route, access: AccessSettings, material: Material) -> JSONObject:
    """
    Return the per-route filter settings that guard *route*; empty where nothing is asked.
    """
    match guard_at(site, route):
        case Guard.OPEN | Guard.SITE:
            return {}
        case Guard.SIGN_IN if material.sign_in is not None:
            return session_filters(site, route, access, material)
        case Guard.SIGN_IN | Guard.UNBUILT:
            return {RBAC_FILTER: enforced(refuse(UNBUILT))}
        case Guard.LOCKED:
            fingerprints = material.admitted.get(route_asset(site, route).id, ())
            if not route.admit or not fingerprints:
                return {RBAC_FILTER: enforced(refuse(NOBODY_ADMITTED))}
            country = inside(by_country(access.countries))
            matcher = by_fingerprint(
                fingerprints, country, deny(NOT_ADMITTED), deny(NO_CERTIFICATE)
            )
            return {RBAC_FILTER: enforced(matcher)}

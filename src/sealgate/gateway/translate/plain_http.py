"""
Routes that are served over plain HTTP: a signer of ours is their upstream, and knows the site.

Only what is spelled plainly and lies at no other route is served, by GET and HEAD without a
body; everything else is redirected to https, as the rest of the site is, and judged there.
There is no way around the signer: without one there is a refusal.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.gateway.translate.clusters import (
    BUFFER_BYTES,
    IDLE_SECONDS,
    MAX_UPSTREAM_CONNECTIONS,
)
from sealgate.gateway.translate.glance import Neighbours, unconcerned
from sealgate.gateway.translate.patterns import PRINTABLE, doubtful
from sealgate.gateway.translate.typed import header
from sealgate.policy.assets import route_asset
from sealgate.policy.routing import specificity
from sealgate.signing.model import DIRECTORY_PATH, DIRECTORY_TYPE
from sealgate.signing.passing import CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealgate.gateway.model import JSON, JSONObject, Material
    from sealgate.policy.inventory import Door, Inventory, Route, Site

# A signer that says nothing for so long is given up; it gives a silent site up sooner.
SILENCE_SECONDS = 900
_FORBIDDEN, _UNAVAILABLE = 403, 503
# The signer does all of this, too; what does not reach it costs less.
_KEPT_FROM_SITE = ("cookie", "authorization", "proxy-authorization", "range", "if-range")
_KEPT_FROM_VISITOR = ("set-cookie", "www-authenticate", "strict-transport-security")


def is_plain(site: Site) -> bool:
    """Return whether a part of *site* is served over plain HTTP."""
    return any(route.plain_http for route in site.routes)


def signer_name(site: Site, route: Route) -> str:
    """Return what the cluster of the signer of *route* is called."""
    return f"signer {route_asset(site, route).id}"


def plain_entries(
    site: Site,
    material: Material,
    *,
    at: Callable[[Door], JSONObject],
    bare: list[JSON],
    otherwise: JSONObject,
    filters: JSONObject,
) -> Iterator[JSONObject]:
    """
    Yield the entries of *site* on the plain port, before those that refuse and redirect.

    *at* gives the match of a door, *bare* are header matchers of requests that only read and
    bring no body, *otherwise* is what is done where another route lies (a redirect). *filters*
    are the settings of filters that hold for what is served.
    """
    if not is_plain(site):
        return
    by_path = sorted(
        (r for r in site.routes if not r.door.conditional), key=specificity, reverse=True
    )
    neighbours = Neighbours(site.routes)
    for route in by_path:
        match = at(route.door)
        if not route.plain_http:
            yield {"match": _and(match, [*bare]), **otherwise}
            continue
        for name in sorted(CREDENTIALS):
            brought: JSONObject = {"name": name, "present_match": True}
            yield {
                "match": _and(match, [*bare, brought]),
                "direct_response": {"status": _FORBIDDEN},
            }
        here = _only_here(route, neighbours.of(route))
        served = _served(site, route, _and(match, [*bare, *here]), material)
        yield {**served, "typed_per_filter_config": filters} if filters else served


def _served(site: Site, route: Route, match: JSONObject, material: Material) -> JSONObject:
    asset = route_asset(site, route).id
    entry: JSONObject = {
        "name": f"{asset}, {route.classification.name}, signed",
        "match": match,
    }
    if asset not in material.signers:
        return {**entry, "direct_response": {"status": _UNAVAILABLE}}
    return {
        **entry,
        # An answer is read whole before it begins, which may take a while.
        "route": {
            "cluster": signer_name(site, route),
            "timeout": "0s",
            "idle_timeout": f"{SILENCE_SECONDS}s",
        },
        "request_headers_to_remove": list(_KEPT_FROM_SITE),
        "response_headers_to_remove": list(_KEPT_FROM_VISITOR),
    }


def _only_here(route: Route, near: Sequence[Route]) -> list[JSON]:
    """Return header matchers of requests that no route of *near* but *route*, and plain ones, can mean."""
    # Every route that is not served in clear counts as stricter, whatever its class.
    rank = route.classification.rank
    judged = [
        replace(r, classification=replace(r.classification, rank=rank + (not r.plain_http)))
        for r in near
    ]
    doubt = doubtful(route, judged, path_route=route)
    apart = unconcerned([r.door for r in near if r.door.conditional], route)
    return [_target(PRINTABLE), {**_target(doubt), "invert_match": True}, *apart]


def _target(regex: str) -> JSONObject:
    return {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}}


def _and(match: JSONObject, headers: list[JSON]) -> JSONObject:
    already = match.get("headers", [])
    return {**match, "headers": [*(already if isinstance(already, list) else []), *headers]}


def key_page(site: Site, material: Material, reads: JSONObject) -> Iterator[JSONObject]:
    """
    Yield the entry that publishes the keys of *site* over TLS, where it signs.

    *reads* is the header matcher of requests that only read.
    """
    listed = material.key_lists.get(site.name)
    if is_plain(site) and listed is not None:
        yield {
            "match": {"path": DIRECTORY_PATH, "headers": [reads]},
            "direct_response": {"status": 200, "body": {"inline_string": listed}},
            "response_headers_to_add": [
                header("content-type", DIRECTORY_TYPE),
                header("cache-control", "max-age=300"),
            ],
        }


def signer_clusters(inventory: Inventory, material: Material) -> Iterator[JSONObject]:
    """Yield the clusters of all signers."""
    for site in inventory.sites:
        for route in site.routes:
            path = material.signers.get(route_asset(site, route).id)
            if route.plain_http and path is not None:
                yield _cluster(signer_name(site, route), path)


def _cluster(name: str, path: str) -> JSONObject:
    limit: JSONObject = {
        "max_connections": MAX_UPSTREAM_CONNECTIONS,
        "max_pending_requests": MAX_UPSTREAM_CONNECTIONS,
        "max_requests": MAX_UPSTREAM_CONNECTIONS,
    }
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": path}}}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {}},
            }
        },
    }

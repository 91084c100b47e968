"""
Routes whose bodies are looked into: a relay of ours is their upstream, and knows the site.

What enforces has no way around the relay: without one there is a refusal. What observes
takes one answer in a hundred over the relay, and goes to the site itself when that fails.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sealgate.gateway.translate.clusters import (
    BUFFER_BYTES,
    IDLE_SECONDS,
    MAX_UPSTREAM_CONNECTIONS,
    cluster_name,
    is_address,
    upstream_address,
)
from sealgate.gateway.translate.typed import EXTENSIONS, extension
from sealgate.policy.inventory import Inspect, route_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import JSON, JSONObject, Material
    from sealgate.policy.inventory import Inventory, Route, Site

# Of so many answers of an observed route one is read.
SAMPLE_ONE_IN = 100
# A relay that says nothing for so long is given up. Site and relay cannot be told apart
# here; application servers are commonly given as long.
SILENCE_SECONDS = 60
_UNAVAILABLE = 503


def relay_name(site: Site, route: Route) -> str:
    """
    Return what the cluster of the relay of *route* is called.
    """
    return f"relay {route_asset(site, route).id}"


def back_socket(folder: str, site: Site) -> str:
    """
    Return the Unix socket by which relays reach a *site* that speaks TLS, through Envoy.

    The name is short, because the path of a socket is (unix(7): 108 bytes).
    """
    digest = hashlib.sha256(site.name.encode()).hexdigest()[:12]
    return f"{folder}/back-{digest}.sock"


def needs_back(site: Site) -> bool:
    """
    Return whether relays reach *site* through Envoy.
    """
    return site.upstream.scheme == "https" and any(
        route.inspect is not Inspect.OFF or route.plain_http for route in site.routes
    )


def inspected(
    entry: JSONObject, site: Site, route: Route, material: Material
) -> Iterator[JSONObject]:
    """
    Yield what stands for *entry*, the route entry that leads to the site of *route*.
    """
    known = route_asset(site, route).id in material.relays
    action = entry.get("route")
    if route.inspect is Inspect.OFF or not isinstance(action, dict):
        yield entry
    elif route.inspect is Inspect.ENFORCE:
        if not known:
            refused = {key: value for key, value in entry.items() if key != "route"}
            yield {**refused, "direct_response": {"status": _UNAVAILABLE}}
            return
        yield {
            **entry,
            "route": {
                **action,
                "cluster": relay_name(site, route),
                "idle_timeout": f"{SILENCE_SECONDS}s",
                # What follows an upgrade is no body that could be read.
                "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
            },
        }
    else:
        if known:
            yield _sampled(entry, action, site, route)
        yield entry


def _sampled(entry: JSONObject, action: JSONObject, site: Site, route: Route) -> JSONObject:
    match = entry["match"]
    known = match if isinstance(match, dict) else {}
    asked = known.get("headers", [])
    # Only what may be asked twice: a relay that fails is a reason to ask the site itself.
    reads: list[JSON] = [
        {"name": ":method", "string_match": {"exact": "GET"}},
        {"name": "upgrade", "present_match": True, "invert_match": True},
    ]
    return {
        **entry,
        "match": {
            **known,
            "headers": [*(asked if isinstance(asked, list) else []), *reads],
            "runtime_fraction": {
                "default_value": {"numerator": 100 // SAMPLE_ONE_IN, "denominator": "HUNDRED"}
            },
        },
        "route": {
            **action,
            "cluster": relay_name(site, route),
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset",
                "num_retries": 1,
                "retry_priority": {
                    "name": "envoy.retry_priorities.previous_priorities",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.retry.priority."
                        "previous_priorities.v3.PreviousPrioritiesConfig",
                        "update_frequency": 1,
                    },
                },
            },
        },
    }


def relay_clusters(inventory: Inventory, material: Material) -> Iterator[JSONObject]:
    """
    Yield the clusters of all relays.
    """
    for site in inventory.sites:
        for route in site.routes:
            path = material.relays.get(route_asset(site, route).id)
            if route.inspect is not Inspect.OFF and path is not None:
                yield _cluster(site, route, path, material)


def _cluster(site: Site, route: Route, path: str, material: Material) -> JSONObject:
    limit: JSONObject = {
        "max_connections": MAX_UPSTREAM_CONNECTIONS,
        "max_pending_requests": MAX_UPSTREAM_CONNECTIONS,
        "max_requests": MAX_UPSTREAM_CONNECTIONS,
        "max_retries": MAX_UPSTREAM_CONNECTIONS,
    }
    endpoints = [_endpoint({"pipe": {"path": path}}, 0)]
    named = False
    if route.inspect is Inspect.OBSERVE:
        around: JSONObject = (
            {"pipe": {"path": back_socket(material.folder, site)}}
            if needs_back(site)
            else upstream_address(site.upstream)
        )
        named = not needs_back(site) and not is_address(site.upstream)
        endpoints.append(_endpoint(around, 1))
    name = relay_name(site, route)
    return {
        "name": name,
        "type": "STRICT_DNS" if named else "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {"cluster_name": name, "endpoints": [*endpoints]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
            }
        },
    }


def _endpoint(address: JSONObject, priority: int) -> JSONObject:
    return {"priority": priority, "lb_endpoints": [{"endpoint": {"address": address}}]}


def back_listeners(inventory: Inventory, material: Material) -> Iterator[JSONObject]:
    """
    Yield, per inspected site that speaks TLS, the door by which relays reach it.

    It stands in Sealgate's own folder, which nobody else can enter, and it decides nothing.
    """
    for site in inventory.sites:
        if needs_back(site):
            yield _back_listener(site, material)


def _back_listener(site: Site, material: Material) -> JSONObject:
    route: JSONObject = {
        "match": {"prefix": ""},
        "route": {"cluster": cluster_name(site), "timeout": "0s"},
    }
    upgrades: list[JSON] = [{"upgrade_type": "websocket"}]
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="back",
        codec_type="HTTP1",
        route_config={
            "name": f"back {site.name}",
            "virtual_hosts": [{"name": "back", "domains": ["*"], "routes": [route]}],
        },
        http_filters=[
            extension(
                "envoy.filters.http.router",
                EXTENSIONS + "filters.http.router.v3.Router",
                suppress_envoy_headers=True,
                dynamic_stats=False,
            )
        ],
        # All of this was settled before the relay: nothing is added, mended or inferred.
        use_remote_address=False,
        skip_xff_append=True,
        normalize_path=False,
        merge_slashes=False,
        path_with_escaped_slashes_action="KEEP_UNCHANGED",
        generate_request_id=False,
        server_header_transformation="PASS_THROUGH",
        proxy_100_continue=True,
        max_request_headers_kb=96,
        stream_idle_timeout="0s",
        common_http_protocol_options={"max_headers_count": 200},
        http_protocol_options={"enable_trailers": True},
        upgrade_configs=upgrades,
    )
    return {
        "name": f"back {site.name}",
        "address": {"pipe": {"path": back_socket(material.folder, site), "mode": 0o600}},
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "filter_chains": [{"filters": [manager]}],
    }

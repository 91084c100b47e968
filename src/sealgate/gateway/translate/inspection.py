"""
Routes whose bodies are looked into: a relay of ours is their upstream, and knows the site.

What enforces has no way around the relay: without one there is a refusal. What observes
takes one answer in a hundred over the relay, and goes to the site itself when that fails, or
when none runs (:mod:`sealgate.serve.samples`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sealgate.gateway.model import ID_HEADER
from sealgate.gateway.translate.access_log import REFUSAL_ID
from sealgate.gateway.translate.clusters import (
    BUFFER_BYTES,
    IDLE_SECONDS,
    MAX_UPSTREAM_CONNECTIONS,
    cluster_name,
    is_address,
    upstream_address,
)
from sealgate.gateway.translate.typed import EXTENSIONS, extension, header
from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import Inspect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import JSON, JSONObject, Material
    from sealgate.policy.inventory import Inventory, Route, Site

# Of ten thousand answers of an observed route so many are read: one in a hundred, and fewer
# where that would be more in a second than anybody needs.
MOST_SHARE = 100
SAMPLES_PER_SECOND = 10
# By this name the share is told to an Envoy that runs.
SHARE_KEY = "sealgate.samples"
# A relay that says nothing for so long is given up. Site and relay cannot be told apart
# here; application servers are commonly given as long.
SILENCE_SECONDS = 60
# A relay that reads samples cannot tell when an exchange is over. So the gateway uses no
# connection for ever, and a relay that is replaced has none left after a while.
REQUESTS_PER_CONNECTION = 100
_UNAVAILABLE = 503
# By this the gateway knows its own word, which came by its own back door, for none of the site.
_UNREACHABLE_HEADER = "x-sealgate-unreachable"
_LIMIT: JSONObject = {
    "max_connections": MAX_UPSTREAM_CONNECTIONS,
    "max_pending_requests": MAX_UPSTREAM_CONNECTIONS,
    "max_requests": MAX_UPSTREAM_CONNECTIONS,
    "max_retries": MAX_UPSTREAM_CONNECTIONS,
}


def next_share(share: int, per_second: float) -> int:
    """
    Return of how many in ten thousand a sample is to be read, when *share* brings *per_second*.

    What differs by less than half says nothing, and changes nothing.
    """
    wanted = MOST_SHARE
    if per_second > 0:
        wanted = max(1, min(MOST_SHARE, round(share * SAMPLES_PER_SECOND / per_second)))
    return wanted if wanted == MOST_SHARE or not share / 2 < wanted < share * 2 else share


def relay_name(site: Site, route: Route) -> str:
    """Return what the cluster of the relay of *route* is called."""
    return f"relay {route_asset(site, route).id}"


def back_socket(folder: str, site: Site) -> str:
    """
    Return the Unix socket by which relays reach a *site* that speaks TLS, through Envoy.

    The name is short, because the path of a socket is (unix(7): 108 bytes).
    """
    digest = hashlib.sha256(site.name.encode()).hexdigest()[:12]
    return f"{folder}/back-{digest}.sock"


def needs_back(site: Site) -> bool:
    """Return whether relays reach *site* through Envoy."""
    return site.upstream.scheme == "https" and any(
        route.inspect is not Inspect.OFF or route.plain_http for route in site.routes
    )


def inspected(
    entry: JSONObject, site: Site, route: Route, material: Material, *, sampled: bool = True
) -> Iterator[JSONObject]:
    """
    Yield what stands for *entry*, the route entry that leads to the site of *route*.

    Where the route is only observed, what comes through this entry is *sampled* or not.
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
        told = entry.get("request_headers_to_add", [])
        yield {
            **entry,
            # What the relay refuses is told by the same id as what the gateway refuses.
            "request_headers_to_add": [
                *(told if isinstance(told, list) else []),
                header(ID_HEADER, REFUSAL_ID),
            ],
            "route": {
                **action,
                "cluster": relay_name(site, route),
                "idle_timeout": f"{SILENCE_SECONDS}s",
                # What follows an upgrade is no body that could be read.
                "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
            },
        }
    else:
        if known and sampled:
            yield _sampled(entry, action, site, route)
        yield entry


def _sampled(entry: JSONObject, action: JSONObject, site: Site, route: Route) -> JSONObject:
    match = entry["match"]
    known = match if isinstance(match, dict) else {}
    asked = known.get("headers", [])
    # Only what may be asked twice, and has no body that would have to be kept for that: a
    # relay that fails is a reason to ask the site itself.
    reads: list[JSON] = [
        {"name": ":method", "string_match": {"exact": "GET"}},
        {"name": "upgrade", "present_match": True, "invert_match": True},
        {"name": "content-length", "present_match": True, "invert_match": True},
    ]
    return {
        **entry,
        "match": {
            **known,
            "headers": [*(asked if isinstance(asked, list) else []), *reads],
            "runtime_fraction": {
                "default_value": {"numerator": MOST_SHARE, "denominator": "TEN_THOUSAND"},
                "runtime_key": SHARE_KEY,
            },
        },
        "route": {
            **action,
            "cluster": relay_name(site, route),
            "retry_policy": {
                "retry_on": "connect-failure,refused-stream,reset,retriable-headers",
                "retriable_headers": [{"name": _UNREACHABLE_HEADER, "present_match": True}],
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
    """Yield the clusters of all relays."""
    for site in inventory.sites:
        for route in site.routes:
            path = material.relays.get(route_asset(site, route).id)
            if path is None or route.inspect is Inspect.OFF:
                continue
            name, relay = relay_name(site, route), _endpoint({"pipe": {"path": path}}, 0)
            if route.inspect is Inspect.ENFORCE:
                yield _cluster(name, [relay], samples=False)
            elif site.upstream.scheme != "https" and is_address(site.upstream):
                around = _endpoint(upstream_address(site.upstream), 1)
                yield _cluster(name, [relay, around], samples=True)
            else:
                # A name, or TLS, is the site's own cluster's to know.
                alone = f"{name} alone"
                yield _cluster(alone, [relay], samples=True)
                yield _either(name, alone, cluster_name(site))


def _cluster(name: str, endpoints: list[JSON], *, samples: bool) -> JSONObject:
    connections: JSONObject = {"idle_timeout": f"{IDLE_SECONDS}s"}
    if samples:
        connections["max_requests_per_connection"] = REQUESTS_PER_CONNECTION
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [_LIMIT]},
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": connections,
                "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
            }
        },
    }


def _either(name: str, first: str, second: str) -> JSONObject:
    return {
        "name": name,
        "connect_timeout": "5s",
        "lb_policy": "CLUSTER_PROVIDED",
        "circuit_breakers": {"thresholds": [_LIMIT]},
        "cluster_type": extension(
            "envoy.clusters.aggregate",
            EXTENSIONS + "clusters.aggregate.v3.ClusterConfig",
            clusters=[first, second],
        ),
    }


def _endpoint(address: JSONObject, priority: int) -> JSONObject:
    return {"priority": priority, "lb_endpoints": [{"endpoint": {"address": address}}]}


def back_listeners(inventory: Inventory, material: Material) -> Iterator[JSONObject]:
    """
    Yield the door by which relays reach each site that they do not reach themselves.

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
        local_reply_config={
            "mappers": [
                {
                    "filter": {
                        "status_code_filter": {
                            "comparison": {
                                "op": "GE",
                                "value": {
                                    "default_value": 0,
                                    "runtime_key": "sealgate.every_status",
                                },
                            }
                        }
                    },
                    "headers_to_add": [header(_UNREACHABLE_HEADER, "1")],
                    # Envoy's own words tell how it reaches the site.
                    "body_format_override": {
                        "text_format_source": {"inline_string": "the site does not answer\n"}
                    },
                }
            ]
        },
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

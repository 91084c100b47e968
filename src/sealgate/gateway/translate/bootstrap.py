"""What a running Envoy cannot take over anew: who it is, where its files are, its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import ADMIN_SOCKET, CLUSTERS, LISTENERS, OPENED
from sealgate.gateway.translate.typed import EXTENSIONS, extension, subscription

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject

# More open connections than this are refused before their handshake. Each costs
# some 50 KiB, and 20,000 of them 1 GiB.
MAX_CONNECTIONS = 20_000
MAX_PATTERN_SIZE = 65_536
# What Sealgate reads of the statistics: is a new configuration in effect, was one
# refused, is a request still under way; and what monitoring is told. Everything else would
# only cost memory.
_STATISTICS = (
    r"^(listener_manager|cluster_manager|server|sds|runtime)\..*",
    r".*\.rds\..*",
    r"^http\.[^.]*\.(downstream_rq_(active|total|[1-5]xx)|downstream_cx_active|rbac.*)$",
    r"^listener\..*\.(downstream_cx_active|downstream_cx_overflow|no_filter_chain_match)$",
    r"^listener\..*\.ssl\.(connection_error|handshake)$",
    rf"^vhost\..*\.route\.{OPENED}\.upstream_rq_total$",
    r"^(requests|sessions|pages)\.http_local_rate_limit\.rate_limited$",
)


def bootstrap(folder: str) -> JSONObject:
    """
    Return the file that Envoy is started with; everything else is read from *folder*.

    The admin interface is a Unix socket in *folder*: whoever may write to that folder
    may steer Envoy, and nobody else.
    """
    return {
        "node": {"id": "sealgate", "cluster": "sealgate"},
        "admin": {"address": {"pipe": {"path": f"{folder}/{ADMIN_SOCKET}", "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": subscription(folder, LISTENERS),
            "cds_config": subscription(folder, CLUSTERS),
        },
        # Envoy's bound of 100 is meant for patterns of strangers. Ours grow with the doors of
        # a preset; RE2 matches them in linear time whatever their size.
        "layered_runtime": {
            "layers": [
                {
                    "name": "sealgate",
                    "static_layer": {
                        "re2.max_program_size.error_level": MAX_PATTERN_SIZE,
                        # RFC 9112, 7.1: data that is longer than its chunk says is refused.
                        "envoy.reloadable_features.strict_chunk_parsing": True,
                    },
                },
                # What is told while it runs: how many samples are read.
                {"name": "told", "admin_layer": {}},
            ]
        },
        "stats_config": {
            "stats_matcher": {
                "inclusion_list": {
                    "patterns": [{"safe_regex": {"regex": regex}} for regex in _STATISTICS]
                }
            }
        },
        "overload_manager": {
            "resource_monitors": [
                extension(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    EXTENSIONS
                    + "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=MAX_CONNECTIONS,
                )
            ]
        },
    }

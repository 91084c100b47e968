"""The sites behind the gateway, as Envoy's clusters."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from sealgate.gateway.model import TLS_1_2_SUITES, TLS_GROUPS
from sealgate.gateway.translate.typed import EXTENSIONS, extension, socket_address

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import Site, Upstream

BUFFER_BYTES = 256 * 1024
# Shorter than the keep-alive of common application servers (gunicorn's is 2 s, Apache's
# and Node's 5 s), so that a connection is not closed under a request.
IDLE_SECONDS = 1.5
# Envoy's default of 1,024 would cut off a site with many open event streams.
MAX_UPSTREAM_CONNECTIONS = 20_000


def cluster_name(site: Site) -> str:
    """Return what the cluster of *site* is called."""
    return f"site {site.name}"


def cluster(site: Site, material: Material) -> JSONObject:
    """Return the cluster of *site*: HTTP/1.1, over TLS where the upstream is ``https``."""
    return upstream_cluster(cluster_name(site), site.upstream, material)


def upstream_cluster(name: str, upstream: Upstream, material: Material) -> JSONObject:
    """Return the cluster *name* for *upstream*: HTTP/1.1, over verified TLS where it is ``https``."""
    limit: JSONObject = {
        "max_connections": MAX_UPSTREAM_CONNECTIONS,
        "max_pending_requests": MAX_UPSTREAM_CONNECTIONS,
        "max_requests": MAX_UPSTREAM_CONNECTIONS,
    }
    result: JSONObject = {
        "name": name,
        "type": "STATIC" if is_address(upstream) else "LOGICAL_DNS",
        "connect_timeout": "5s",
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "circuit_breakers": {"thresholds": [limit]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": upstream_address(upstream)}}]}
            ],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/"
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
                "explicit_http_config": {"http_protocol_options": {"enable_trailers": True}},
            }
        },
    }
    if not is_address(upstream):
        result["dns_lookup_family"] = "ALL"
    if upstream.scheme == "https":
        result["transport_socket"] = _verified(upstream, material)
    return result


def is_address(upstream: Upstream) -> bool:
    """Return whether *upstream* is reached without asking for the address of a name."""
    if upstream.scheme == "unix":
        return True
    try:
        ipaddress.ip_address(upstream.host)
    except ValueError:
        return False
    return True


def upstream_address(upstream: Upstream) -> JSONObject:
    """Return the address of *upstream* as Envoy writes it."""
    if upstream.scheme == "unix":
        return {"pipe": {"path": upstream.host}}
    return socket_address(upstream.host, upstream.port)


def _verified(upstream: Upstream, material: Material) -> JSONObject:
    # RFC 9110, 4.3.4 and RFC 9525: the chain and the name are verified, always. An address
    # is no server name (RFC 6066, 3), so it is matched as an IP SAN and not sent.
    by_address = is_address(upstream)
    fields: JSONObject = {
        "common_tls_context": {
            "tls_params": {
                "tls_minimum_protocol_version": "TLSv1_2",
                "tls_maximum_protocol_version": "TLSv1_3",
                "cipher_suites": list(TLS_1_2_SUITES),
                "ecdh_curves": list(TLS_GROUPS),
            },
            "alpn_protocols": ["http/1.1"],
            "validation_context": {
                "trusted_ca": {"filename": upstream.ca or material.system_roots},
                "match_typed_subject_alt_names": [
                    {
                        "san_type": "IP_ADDRESS" if by_address else "DNS",
                        "matcher": {"exact": upstream.host, "ignore_case": not by_address},
                    }
                ],
            },
        }
    }
    if not by_address:
        fields["sni"] = upstream.host
    return extension(
        "envoy.transport_sockets.tls",
        EXTENSIONS + "transport_sockets.tls.v3.UpstreamTlsContext",
        **fields,
    )

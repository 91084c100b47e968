"""
The way out to payment gateways: plain HTTP in on loopback, verified TLS out.

Software hands a request over in clear and names one of the declared hosts. Envoy speaks
TLS to that host and refuses it when chain, name or dates are wrong; there is no way to
any other host, and no tunnel through which nobody could look (ADR 20).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import ACCESS_LOG
from sealgate.gateway.translate.clusters import upstream_cluster
from sealgate.gateway.translate.typed import (
    EXTENSIONS,
    extension,
    socket_address,
    subscription,
    typed,
)
from sealgate.policy.assets import payment_gateway_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import JSON, JSONObject, Material
    from sealgate.policy.inventory import Inventory, PaymentGateway, Upstream

EGRESS = "egress"
EGRESS_FILE = f"rds-{EGRESS}.json"
# A payment that takes longer has failed; nothing is asked twice, for it could be paid twice.
_TIMEOUT = "60s"
_FORBIDDEN = 403
_NOWHERE = (
    "Sealgate lets payments go out to declared hosts only, and this is none. It takes plain "
    "HTTP for a declared host and speaks verified TLS to it; it opens no tunnel (CONNECT).\n"
)
# Who the site is behind the gateway is nobody's business, and hop-by-hop fields end here
# (RFC 9110, 7.6.1).
_NOT_PASSED_ON = (
    "proxy-authorization",
    "proxy-connection",
    "x-forwarded-for",
    "x-forwarded-proto",
    "forwarded",
    "via",
)


def egress_hosts(inventory: Inventory) -> Iterator[tuple[PaymentGateway, Upstream]]:
    """Yield each host that payments may go out to, with whose it is."""
    for gateway in inventory.payment_gateways:
        for host in gateway.hosts:
            yield gateway, host


def egress_clusters(inventory: Inventory, material: Material) -> list[JSONObject]:
    """Return one cluster per declared host, over verified TLS."""
    return [
        upstream_cluster(_cluster_name(host), host, material) for _, host in egress_hosts(inventory)
    ]


def egress_routes(inventory: Inventory) -> JSONObject:
    """Return the route configuration of the way out."""
    hosts: list[JSON] = [
        {
            "name": host.host,
            "domains": [host.host],
            "routes": [_refusal({"connect_matcher": {}}), _onward(gateway, host)],
        }
        for gateway, host in egress_hosts(inventory)
    ]
    nowhere: list[JSON] = [_refusal({"connect_matcher": {}}), _refusal({"prefix": ""})]
    hosts.append({"name": "elsewhere", "domains": ["*"], "routes": nowhere})
    return {"name": EGRESS, "ignore_port_in_host_matching": True, "virtual_hosts": hosts}


def egress_listeners(inventory: Inventory, material: Material) -> list[JSONObject]:
    """Return one listener per egress address; none without a payment gateway."""
    if not inventory.payment_gateways:
        return []
    manager = extension(
        "envoy.filters.network.http_connection_manager",
        EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        **_manager(material),
    )
    return [
        {
            "name": f"{EGRESS} {address.host} {address.port}",
            "address": socket_address(address.host, address.port),
            "filter_chains": [{"filters": [manager]}],
        }
        for address in inventory.listen.egress
    ]


def _manager(material: Material) -> JSONObject:
    return {
        "stat_prefix": EGRESS,
        "rds": {
            "route_config_name": EGRESS,
            "config_source": subscription(material.folder, EGRESS_FILE),
        },
        "codec_type": "HTTP1",
        # Software that takes Sealgate for its proxy sends "GET http://HOST/…".
        "http_protocol_options": {"allow_absolute_url": True},
        "use_remote_address": False,
        "skip_xff_append": True,
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "request_headers_timeout": "15s",
        "stream_idle_timeout": _TIMEOUT,
        "common_http_protocol_options": {"idle_timeout": "75s", "max_headers_count": 100},
        "http_filters": [
            extension(
                "envoy.filters.http.router",
                EXTENSIONS + "filters.http.router.v3.Router",
                suppress_envoy_headers=True,
                dynamic_stats=False,
            )
        ],
        "access_log": [_log(material)],
    }


def _log(material: Material) -> JSONObject:
    # Refusals and failures, with the reason that TLS gave. Never what was asked for: the
    # path of a payment may name it.
    return {
        "name": "envoy.access_loggers.file",
        "filter": {
            "status_code_filter": {
                "comparison": {
                    "op": "GE",
                    "value": {"default_value": 400, "runtime_key": "sealgate.log"},
                }
            }
        },
        "typed_config": typed(
            EXTENSIONS + "access_loggers.file.v3.FileAccessLog",
            path=f"{material.folder}/{ACCESS_LOG}",
            log_format={
                "json_format": {
                    "time": "%START_TIME%",
                    "route": "%ROUTE_NAME%",
                    "request": "%REQ(:METHOD)% %REQ(:AUTHORITY)%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "connection": "%UPSTREAM_TRANSPORT_FAILURE_REASON%",
                }
            },
        ),
    }


def _onward(gateway: PaymentGateway, host: Upstream) -> JSONObject:
    return {
        "name": f"{EGRESS} to {host.host}, {payment_gateway_asset(gateway).id}",
        "match": {"prefix": "/"},
        "route": {
            "cluster": _cluster_name(host),
            "timeout": _TIMEOUT,
            "host_rewrite_literal": _authority(host),
        },
        "request_headers_to_remove": list(_NOT_PASSED_ON),
    }


def _refusal(match: JSONObject) -> JSONObject:
    return {
        "name": f"{EGRESS} refused",
        "match": match,
        "direct_response": {"status": _FORBIDDEN, "body": {"inline_string": _NOWHERE}},
    }


def _cluster_name(host: Upstream) -> str:
    return f"{EGRESS} {host.host}"


def _authority(host: Upstream) -> str:
    return host.host if host.port == _HTTPS_PORT else f"{host.host}:{host.port}"


_HTTPS_PORT = 443

"""The doors of the gateway: TLS settings, filters, limits. No policy: that is in the routes."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from sealgate.gateway.model import (
    CertificateFiles,
    asks_for_key,
    signs_in,
)
from sealgate.gateway.translate.access_log import access_log
from sealgate.gateway.translate.clients import clients_filter
from sealgate.gateway.translate.clusters import BUFFER_BYTES
from sealgate.gateway.translate.cookies import cookie_filter
from sealgate.gateway.translate.facts import facts_of_connection
from sealgate.gateway.translate.fields import FORGEABLE, OVERRIDES, field_filters
from sealgate.gateway.translate.limits import body_filter, rate_filters
from sealgate.gateway.translate.matchers import RBAC_FILTER
from sealgate.gateway.translate.pages import (
    COMMON_PAGES,
    LOCKED_PAGES,
    PLAIN_PAGES,
    SIGN_IN_PAGES,
    local_replies,
)
from sealgate.gateway.translate.plain_http import is_plain
from sealgate.gateway.translate.routes import (
    FRAMING_HEADER,
    LUA_FILTER,
    https_name,
)
from sealgate.gateway.translate.sign_in import after_lock, before_lock
from sealgate.gateway.translate.tls import server_tls
from sealgate.gateway.translate.typed import (
    EXTENSIONS,
    extension,
    header,
    socket_address,
    subscription,
)
from sealgate.policy.inventory import AcmeChallenge
from sealgate.policy.requirements import is_highly_encrypted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.gateway.model import JSON, JSONObject, Material, Proof
    from sealgate.policy.inventory import Address, Inventory, Site

# Linux (socket(7), tcp(7)): a peer that is gone is noticed after two minutes. Accepted
# connections inherit this from the listener.
_SOL_SOCKET, _SO_KEEPALIVE = 1, 9
_IPPROTO_TCP, _TCP_KEEPIDLE, _TCP_KEEPINTVL, _TCP_KEEPCNT = 6, 4, 5, 6
_KEEP_ALIVE = (
    (_SOL_SOCKET, _SO_KEEPALIVE, 1),
    (_IPPROTO_TCP, _TCP_KEEPIDLE, 60),
    (_IPPROTO_TCP, _TCP_KEEPINTVL, 15),
    (_IPPROTO_TCP, _TCP_KEEPCNT, 4),
)
MAX_HEADER_KIB = 60
_ACME_PROTOCOL = "acme-tls/1"
MAX_HEADERS = 100


def https_listeners(inventory: Inventory, material: Material) -> list[JSONObject]:
    """
    Return one listener per https address, with a filter chain per site, chosen by SNI.

    The first site's chain has no name: it also serves clients that send none, or another,
    and they are shown its certificate. A highly encrypted site is found by its name only;
    where there is no other, a client that sends none finds nobody.
    """
    nameless = next((site for site in inventory.sites if not is_highly_encrypted(site)), None)
    by_protocol = _proves(inventory, AcmeChallenge.TLS_ALPN_01)
    others = [site for site in inventory.sites if site is not nameless]
    chains: list[JSON] = [
        _https_chain(inventory, site, material, {"server_names": list(site.domains)})
        # Envoy does not go back to the chain without a name once it has found a name.
        for site in (inventory.sites if by_protocol else others)
    ]
    if nameless is not None:
        chains.append(_https_chain(inventory, nameless, material, {}))
    chains += [_proof_chain(proof) for proof in material.proofs if proof.files is not None]
    # It reads the name and the protocol that a client asks for, which nobody needs to know
    # with one site, unless an authority asks by protocol. A listener that gains it is a new
    # listener, so it is there before the authority comes.
    inspector = extension(
        "envoy.filters.listener.tls_inspector",
        EXTENSIONS + "filters.listener.tls_inspector.v3.TlsInspector",
    )
    inspectors = [inspector] if others or by_protocol else []
    return [
        _listener("https", address, chains, inventory, inspectors)
        for address in inventory.listen.https
    ]


def _proves(inventory: Inventory, challenge: AcmeChallenge) -> bool:
    return inventory.acme.challenge is challenge and any(
        (site.tls or inventory.tls).acme for site in inventory.sites
    )


def _proof_chain(proof: Proof) -> JSONObject:
    # RFC 8737, 3: chosen by the protocol, which no browser asks for; nothing is said after
    # the handshake. A change of chains leaves the connections of all others alone.
    files = proof.files or CertificateFiles("", "")
    context: JSONObject = {
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
        "alpn_protocols": [_ACME_PROTOCOL],
        "tls_certificates": [
            {
                "certificate_chain": {"filename": files.chain},
                "private_key": {"filename": files.key},
            }
        ],
    }
    return {
        "name": f"proof {proof.domain}",
        "filter_chain_match": {
            "server_names": [proof.domain],
            "application_protocols": [_ACME_PROTOCOL],
        },
        "filters": [
            # It waits for the handshake, and has nothing to serve.
            _manager(
                {
                    "stat_prefix": "proof",
                    "codec_type": "HTTP1",
                    "route_config": {"name": "proof"},
                    "http_filters": [_router()],
                    "common_http_protocol_options": {"idle_timeout": "10s"},
                    "request_headers_timeout": "10s",
                }
            )
        ],
        "transport_socket": extension(
            "envoy.transport_sockets.tls",
            EXTENSIONS + "transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context=context,
        ),
        "transport_socket_connect_timeout": "10s",
    }


def http_listeners(inventory: Inventory, material: Material) -> list[JSONObject]:
    """Return one listener per http address."""
    manager = _connection_manager(
        inventory,
        material,
        "http",
        local_replies(
            (*PLAIN_PAGES, *COMMON_PAGES),
            inventory.operator.name,
            proofs=_proves(inventory, AcmeChallenge.HTTP_01),
        ),
    )
    manager["early_header_mutation_extensions"] = [_mutation([*_forgeable(None), _framing()])]
    manager["codec_type"] = "HTTP1"
    manager["http_protocol_options"] = {"accept_http_10": True}
    # Without content there is nothing to ask for too often.
    signed = any(is_plain(site) for site in inventory.sites)
    rates = rate_filters(inventory.limits, signs_in=False) if signed else []
    manager["http_filters"] = [*rates, _router()]
    return [
        _listener("http", address, [{"filters": [_manager(manager)]}], inventory, [])
        for address in inventory.listen.http
    ]


def _listener(
    kind: str,
    address: Address,
    chains: Sequence[JSON],
    inventory: Inventory,
    inspectors: Sequence[JSON],
) -> JSONObject:
    filters = list(inspectors)
    own = list(chains)
    if inventory.listen.trusted_proxies:
        # The client's address is believed only from these networks: a connection from
        # anywhere else finds no filter chain, whatever it says of itself, and a connection
        # without the PROXY header is closed.
        filters.insert(
            0,
            extension(
                "envoy.filters.listener.proxy_protocol",
                EXTENSIONS + "filters.listener.proxy_protocol.v3.ProxyProtocol",
            ),
        )
        ranges: list[JSON] = [_range(network) for network in inventory.listen.trusted_proxies]
        own = [_from(chain, ranges) for chain in own if isinstance(chain, dict)]
    listener: JSONObject = {
        "name": f"{kind} {address.host} {address.port}",
        "address": socket_address(address.host, address.port),
        "per_connection_buffer_limit_bytes": BUFFER_BYTES,
        "socket_options": [
            {"level": level, "name": option, "int_value": value}
            for level, option, value in _KEEP_ALIVE
        ],
        "listener_filters_timeout": "10s",
        "filter_chains": own,
    }
    if filters:
        listener["listener_filters"] = filters
    return listener


def _from(chain: JSONObject, ranges: list[JSON]) -> JSONObject:
    match = chain.get("filter_chain_match")
    return {
        **chain,
        "filter_chain_match": {
            **(match if isinstance(match, dict) else {}),
            "direct_source_prefix_ranges": ranges,
        },
    }


def _range(network: str) -> JSONObject:
    parsed = ipaddress.ip_network(network, strict=False)
    return {"address_prefix": str(parsed.network_address), "prefix_len": parsed.prefixlen}


def _https_chain(
    inventory: Inventory, site: Site, material: Material, match: JSONObject
) -> JSONObject:
    own = SIGN_IN_PAGES if signs_in(site) else ()
    manager = _connection_manager(
        inventory,
        material,
        https_name(site),
        local_replies(
            (*LOCKED_PAGES, *own, *COMMON_PAGES),
            inventory.operator.name,
            signs_in=signs_in(site),
            keys=is_plain(site),
        ),
        site,
    )
    manager["http_protocol_options"] = {
        "accept_http_10": True,
        "default_host_for_http_10": site.name,
        "enable_trailers": True,
    }
    filters = _filters(site, material)
    rates = rate_filters(inventory.limits, signs_in=signs_in(site))
    # What follows an upgrade is no body, and may go on for days.
    manager["upgrade_configs"] = [{"upgrade_type": "websocket", "filters": [*rates, *filters]}]
    manager["http_filters"] = [*rates, body_filter(inventory.limits), *filters]
    chain: JSONObject = {
        "name": site.name,
        "filters": [*facts_of_connection(site, material), _manager(manager)],
        "transport_socket": server_tls(site, material),
        "transport_socket_connect_timeout": "10s",
    }
    if match:
        chain["filter_chain_match"] = match
    return chain


def _filters(site: Site, material: Material) -> list[JSON]:
    # But for the first and the last two, all are off unless a route turns them on.
    sign_in = material.sign_in if signs_in(site) else None
    return [
        *field_filters(),
        {**extension(LUA_FILTER, EXTENSIONS + "filters.http.lua.v3.Lua"), "disabled": True},
        *(before_lock(site, sign_in) if sign_in is not None else []),
        *([clients_filter()] if asks_for_key(site) else []),
        {**extension(RBAC_FILTER, EXTENSIONS + "filters.http.rbac.v3.RBAC"), "disabled": True},
        *(after_lock(site) if sign_in is not None else []),
        cookie_filter(site.cookies, own=sign_in is not None),
        _router(),
    ]


def _router() -> JSONObject:
    return extension(
        "envoy.filters.http.router",
        EXTENSIONS + "filters.http.router.v3.Router",
        suppress_envoy_headers=True,
        dynamic_stats=False,
    )


def _manager(fields: JSONObject) -> JSONObject:
    return extension(
        "envoy.filters.network.http_connection_manager",
        EXTENSIONS + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        **fields,
    )


def rds_file(name: str) -> str:
    """Return the file that holds the route configuration called *name*."""
    return f"rds-{name.replace(' ', '-')}.json"


def _forgeable(site: Site | None) -> list[JSON]:
    takes = site is not None and any(route.method_override for route in site.routes)
    regex = FORGEABLE if takes else f"{FORGEABLE}|{OVERRIDES}"
    return [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": regex}}}}]


def _framing() -> JSONObject:
    # Envoy takes Transfer-Encoding away before routes can ask for it.
    return {"append": header(FRAMING_HEADER, "%REQ(TRANSFER-ENCODING)%")}


def _mutation(mutations: list[JSON]) -> JSONObject:
    return extension(
        "forgeable",
        EXTENSIONS + "http.early_header_mutation.header_mutation.v3.HeaderMutation",
        mutations=mutations,
    )


def _connection_manager(
    inventory: Inventory,
    material: Material,
    name: str,
    replies: JSONObject,
    site: Site | None = None,
) -> JSONObject:
    seconds = inventory.limits.request_seconds
    # It costs a timer per request, so it is there only where somebody asks for it (ADR 24).
    whole: JSONObject = {"request_timeout": f"{seconds}s"} if seconds else {}
    return {
        **whole,
        "stat_prefix": name.partition(" ")[0],
        "rds": {
            "route_config_name": name,
            "config_source": subscription(material.folder, rds_file(name)),
        },
        # X-Forwarded-For is written by the routes: Envoy would write its own address for
        # clients on loopback. The client's has been dropped above, so nothing is inferred
        # from it, and the locks know the address from the connection alone.
        "use_remote_address": False,
        "skip_xff_append": True,
        "early_header_mutation_extensions": [_mutation(_forgeable(site))],
        # Paths are judged, not mended: the site gets what the client sent.
        "normalize_path": False,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
        "generate_request_id": False,
        "server_header_transformation": "PASS_THROUGH",
        "proxy_100_continue": True,
        "max_request_headers_kb": MAX_HEADER_KIB,
        "request_headers_timeout": "15s",
        # A stream may be silent for as long as both sides are alive (TCP keep-alive tells):
        # a bound that downloads, event streams and WebSockets could live with would stop no
        # attacker, and its timer costs 3 % of a request (ADR 3).
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": {
            "headers_with_underscores_action": "DROP_HEADER",
            "idle_timeout": "75s",
            "max_headers_count": MAX_HEADERS,
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 1024 * 1024,
            "initial_connection_window_size": 4 * 1024 * 1024,
        },
        "local_reply_config": replies,
        "access_log": [access_log(material, site)],
    }

"""
Whether the site behind the gateway can be had beside it. Looks from this host.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.wire import UnreachableError, Wire
from sealgate.audit.listening import (
    is_beside_loopback,
    parse_ipv4_addresses,
    parse_ipv6_addresses,
    parse_listeners,
)
from sealgate.audit.model import Limits, Target, bracketed
from sealgate.audit.sightings import seen, unseen
from sealgate.policy.observation import Fact, Observation, Vantage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import Upstream
    from sealgate.policy.observation import FactValue, Sighting

_PROC = Path("/proc/net")


def own_addresses() -> tuple[str, ...]:
    """
    Return the addresses of this host that others may reach it at, loopback left out.
    """
    found = (
        *parse_ipv4_addresses(_proc("fib_trie")),
        *parse_ipv6_addresses(_proc("if_inet6")),
    )
    return tuple(str(address) for address in found if is_beside_loopback(address))


def probe_upstream(
    asset: str, upstream: Upstream, now: float, limits: Limits, addresses: Sequence[str] | None
) -> list[Sighting]:
    """
    Observe whether *upstream* answers beside the gateway, and how it is reached.

    *addresses* are the host's own that count as public; ``None`` means that they are
    found out. *now* is in seconds since the epoch.
    """
    return [
        *_exposed(asset, upstream, limits, addresses),
        *_protected(asset, upstream, now, limits),
    ]


def _exposed(
    asset: str, upstream: Upstream, limits: Limits, addresses: Sequence[str] | None
) -> list[Sighting]:
    def answer(*found: str) -> list[Sighting]:
        values: dict[Fact, FactValue] = {Fact.UPSTREAM_EXPOSED: found}
        return seen(asset, values, "this host's sockets and addresses", Vantage.HOST)

    def gap(reason: str) -> list[Sighting]:
        return unseen(asset, (Fact.UPSTREAM_EXPOSED,), reason, Vantage.HOST)

    if upstream.scheme == "unix":
        return answer()
    where = f"{bracketed(upstream.host)}:{upstream.port}"
    own = addresses if addresses is not None else own_addresses()
    homes = _resolved(upstream.host)
    if not homes:
        return gap(f"the name of {where} cannot be resolved here")
    if not any(ipaddress.ip_address(home).is_loopback or home in own for home in homes):
        public = [home for home in homes if ipaddress.ip_address(home).is_global]
        if not public:
            return gap(f"{where} is on another host, whose other addresses are not seen from here")
        own = public
    elif not any(_answers(home, upstream.port, limits) for home in homes):
        return gap(f"nothing answers on {where}, so it cannot be told where else it would")
    found = [a for a in own if _answers(a, upstream.port, limits)]
    found += [
        str(listener.address)
        for table in ("tcp", "tcp6")
        for listener in parse_listeners(_proc(table))
        # Bound to an address that is not among those asked, a firewall's guest perhaps.
        if listener.port == upstream.port
        and addresses is None
        and is_beside_loopback(listener.address)
        and (not listener.address.is_unspecified or not own)
    ]
    return answer(*(f"{bracketed(a)}:{upstream.port}" for a in dict.fromkeys(found)))


def _protected(asset: str, upstream: Upstream, now: float, limits: Limits) -> list[Sighting]:
    facts = (Fact.UPSTREAM_PROTECTED,)
    homes = _resolved(upstream.host) if upstream.scheme != "unix" else ()
    near = upstream.scheme == "unix" or (
        bool(homes) and all(ipaddress.ip_address(home).is_loopback for home in homes)
    )
    if near or upstream.scheme == "http":
        values: dict[Fact, FactValue] = {Fact.UPSTREAM_PROTECTED: near}
        return seen(asset, values, "the configuration", Vantage.HOST)
    target = Target(asset, upstream.host, upstream.host, upstream.port)
    trust = Trust((upstream.ca,) if upstream.ca else ())
    looks = {look.fact: look for look in probe_certificate(target, trust, now, limits)}
    wanted = (Fact.CERTIFICATE_CHAIN_VALID, Fact.CERTIFICATE_NAME_MATCHES)
    verdicts = [look.value for f in wanted if isinstance(look := looks[f], Observation)]
    begins, ends = (looks[f] for f in (Fact.CERTIFICATE_NOT_BEFORE, Fact.CERTIFICATE_NOT_AFTER))
    if (
        len(verdicts) < len(wanted)
        or not isinstance(begins, Observation)
        or not isinstance(ends, Observation)
    ):
        reason = f"the certificate of {target.where} could not be looked at"
        return unseen(asset, facts, reason, Vantage.HOST)
    in_date = float(str(begins.value)) <= now <= float(str(ends.value))
    values = {Fact.UPSTREAM_PROTECTED: all(verdicts) and in_date}
    return seen(asset, values, f"TLS handshake with {target.where}", Vantage.HOST)


def _answers(address: str, port: int, limits: Limits) -> bool:
    try:
        with Wire.connect(address, port, limits):
            return True
    except UnreachableError:
        return False


def _resolved(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found))


def _proc(name: str) -> str:
    try:
        return (_PROC / name).read_text("ascii", "replace")
    except OSError:
        return ""

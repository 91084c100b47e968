"""Whether the site behind the gateway can be had beside it. Looks from this host."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.audit.adapters.certificate import (
    Trust,
    certificates_of,
    is_in_date,
    probe_certificate,
)
from sealgate.audit.adapters.wire import NoListenerError, UnreachableError, Wire
from sealgate.audit.listening import (
    Listener,
    is_beside_loopback,
    parse_ipv4_addresses,
    parse_ipv6_addresses,
    parse_listeners,
)
from sealgate.audit.model import Limits, Target, bracketed
from sealgate.audit.sightings import seen, unseen
from sealgate.policy.finding import listed
from sealgate.policy.observation import Fact, Vantage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import Upstream
    from sealgate.policy.observation import FactValue, Sighting

_PROC = Path("/proc/net")
_OF_IPV6 = {"tcp6", "if_inet6"}


def own_addresses() -> tuple[str, ...] | None:
    """
    Return the addresses of this host that others may reach it at, loopback left out.

    ``None``: the kernel does not tell.
    """
    ipv4, ipv6 = _proc("fib_trie"), _proc("if_inet6")
    if ipv4 is None or ipv6 is None:
        return None
    found = (*parse_ipv4_addresses(ipv4), *parse_ipv6_addresses(ipv6))
    return tuple(str(address) for address in found if is_beside_loopback(address))


def listeners() -> tuple[Listener, ...] | None:
    """
    Return what listens on this host, in the network namespace that we are in.

    ``None``: the kernel does not tell.
    """
    tables = [_proc("tcp"), _proc("tcp6")]
    if None in tables:
        return None
    return tuple(one for table in tables for one in parse_listeners(table or ""))


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
    try:
        found = _doors(upstream, limits, addresses)
    except _UnseenError as error:
        return unseen(asset, (Fact.UPSTREAM_EXPOSED,), str(error), Vantage.HOST)
    values: dict[Fact, FactValue] = {Fact.UPSTREAM_EXPOSED: found}
    return seen(asset, values, "this host's sockets and addresses", Vantage.HOST)


class _UnseenError(Exception):
    """It cannot be told where *upstream* answers; the message is the reason."""


def _doors(upstream: Upstream, limits: Limits, addresses: Sequence[str] | None) -> tuple[str, ...]:
    """
    Return where *upstream* answers beside the gateway.

    Raises:
        _UnseenError: that cannot be told.
    """
    if upstream.scheme == "unix":
        return ()
    where, port = f"{bracketed(upstream.host)}:{upstream.port}", upstream.port
    own = addresses if addresses is not None else own_addresses()
    if own is None:
        raise _UnseenError("the addresses of this host cannot be read from /proc/net")
    homes = _resolved(upstream.host)
    if not homes:
        raise _UnseenError(f"the name of {where} cannot be resolved here")
    if not any(ipaddress.ip_address(home).is_loopback or home in own for home in homes):
        public = [home for home in homes if ipaddress.ip_address(home).is_global]
        if not public:
            raise _UnseenError(
                f"{where} is on another host, whose other addresses are not seen from here"
            )
        found, silent = _asked(public, port, limits)
        return _told(found, silent, port)
    if not any(_answers(home, port, limits) for home in homes):
        raise _UnseenError(f"nothing answers on {where}, so it cannot be told where else it would")
    table = listeners()
    if table is None:
        raise _UnseenError("what listens on this host cannot be read from /proc/net")
    found, silent = _asked(own, port, limits)
    found += [
        str(listener.address)
        for listener in table
        # Bound to an address that is not among those asked, a firewall's guest perhaps.
        if listener.port == port
        and addresses is None
        and is_beside_loopback(listener.address)
        and (not listener.address.is_unspecified or not own)
    ]
    if any(_takes(home, port, table) for home in homes):
        # The site is one of those in the table, so what is not there is not the site. Then a
        # firewall that drops whatever comes, ours too, hides nobody.
        silent = [address for address in silent if _takes(address, port, table)]
    return _told(found, silent, port)


def _asked(addresses: Sequence[str], port: int, limits: Limits) -> tuple[list[str], list[str]]:
    """Return which of *addresses* answer on *port*, and which neither answer nor refuse."""
    answers = {address: _answers(address, port, limits) for address in addresses}
    return (
        [address for address, answered in answers.items() if answered],
        [address for address, answered in answers.items() if answered is None],
    )


def _told(found: Sequence[str], silent: Sequence[str], port: int) -> tuple[str, ...]:
    if found or not silent:
        return tuple(f"{bracketed(address)}:{port}" for address in dict.fromkeys(found))
    raise _UnseenError(
        f"{listed(f'{bracketed(address)}:{port}' for address in silent)} neither answered nor "
        "refused, so who is let through there is not seen from here"
    )


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
    shown = certificates_of(probe_certificate(target, trust, now, limits))
    if not shown:
        reason = f"the certificate of {target.where} could not be looked at"
        return unseen(asset, facts, reason, Vantage.HOST)
    wanted = (Fact.CERTIFICATE_CHAIN_VALID, Fact.CERTIFICATE_NAME_MATCHES)
    # Of several that it may show, each has to do.
    holds = all(is_in_date(one, now) and all(one.get(f) for f in wanted) for one in shown)
    values = {Fact.UPSTREAM_PROTECTED: holds}
    return seen(asset, values, f"TLS handshake with {target.where}", Vantage.HOST)


def _answers(address: str, port: int, limits: Limits) -> bool | None:
    """
    Return whether somebody takes connections there; ``None`` when that was not told.

    Silence may be a firewall that lets others through, or a site that is busy.
    """
    try:
        with Wire.connect(address, port, limits):
            return True
    except NoListenerError:
        return False
    except UnreachableError:
        return None


def _takes(address: str, port: int, table: Sequence[Listener]) -> bool:
    """Return whether by *table* something on this host would take a connection there."""
    asked = ipaddress.ip_address(address)
    return any(
        one.port == port and (one.address == asked or one.address.is_unspecified) for one in table
    )


def _resolved(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found))


def _proc(name: str) -> str | None:
    try:
        return (_PROC / name).read_text("ascii", "replace")
    except FileNotFoundError:
        # Without IPv6 there are no tables of it; the others are always there.
        return "" if name in _OF_IPV6 else None
    except OSError:
        return None

"""
Reads what the Linux kernel tells of listening sockets and of this host's addresses.

The text comes from ``/proc/net``; reading the files is the adapter's work.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LISTEN = "0A"  # TCP_LISTEN in include/net/tcp_states.h


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening TCP socket. An unspecified address means every address of the host."""

    address: Address
    port: int


def parse_listeners(table: str) -> tuple[Listener, ...]:
    """
    Return the listening sockets in *table*, the text of ``/proc/net/tcp`` or ``tcp6``.

    Lines that are none of theirs are skipped.
    """
    found = []
    for line in table.splitlines():
        parts = line.split()
        if len(parts) > 3 and parts[3] == _LISTEN:  # noqa: PLR2004  # sl, local, remote, state
            host, _, port = parts[1].partition(":")
            if re.fullmatch("[0-9A-Fa-f]{8}|[0-9A-Fa-f]{32}", host) and port:
                found.append(Listener(_kernel_address(host), int(port, 16)))
    return tuple(found)


def _kernel_address(text: str) -> Address:
    # Each 32-bit word is printed as a number in the host's byte order.
    words = [int(text[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def parse_ipv4_addresses(trie: str) -> tuple[Address, ...]:
    """Return the host's own IPv4 addresses from the text of ``/proc/net/fib_trie``."""
    found: dict[Address, None] = {}
    last = ""
    for line in trie.splitlines():
        if match := re.search(r"\|-- (\S+)", line):
            last = match.group(1)
        elif "/32 host LOCAL" in line and last:
            found[ipaddress.ip_address(last)] = None
    return tuple(found)


def parse_ipv6_addresses(table: str) -> tuple[Address, ...]:
    """
    Return the host's own IPv6 addresses from the text of ``/proc/net/if_inet6``.

    Link-local ones are left out: they need an interface to be asked.
    """
    found = []
    for line in table.splitlines():
        text = line.split(maxsplit=1)[0] if line.strip() else ""
        if re.fullmatch("[0-9a-fA-F]{32}", text):
            address = ipaddress.ip_address(bytes.fromhex(text))
            if not address.is_link_local:
                found.append(address)
    return tuple(found)


def is_beside_loopback(address: Address) -> bool:
    """Return whether others than this host can ask *address*."""
    return not address.is_loopback

"""
Whether the names in a certificate cover a domain, as RFC 9525 has clients judge it.

Whoever serves a certificate and whoever audits one ask here. The subject's common name
is never looked at (RFC 9525, 2).
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Address = str | ipaddress.IPv4Address | ipaddress.IPv6Address


def covered(domain: str, dns_names: Iterable[str], addresses: Iterable[Address]) -> bool:
    """
    Return whether *domain* is among the presented *dns_names* or *addresses*.

    An address matches an address only, never a DNS name (RFC 9525, 6.2). Names are
    compared in their ASCII form.
    """
    try:
        wanted = ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return any(name_matches(domain, presented) for presented in dns_names)
    return any(wanted == ipaddress.ip_address(presented) for presented in addresses)


def name_matches(domain: str, presented: str) -> bool:
    """
    Return whether the DNS name *presented* in a certificate stands for *domain*.

    RFC 9525, 6.3: a wildcard is the whole left-most label, stands for exactly one label,
    and is not read anywhere else. A wildcard right below the root ("*" or "*.example")
    is refused here, since clients refuse it.
    """
    domain, presented = _bare(domain), _bare(presented)
    if domain == presented:
        return bool(domain)
    first, _, rest = presented.partition(".")
    _, _, parent = domain.partition(".")
    return first == "*" and "." in rest and "*" not in rest and rest == parent


def _bare(name: str) -> str:
    return name.lower().removesuffix(".")

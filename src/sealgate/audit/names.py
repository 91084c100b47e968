"""
Whether a certificate is made out to a name (RFC 9525). No I/O.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def name_matches(
    server_name: str, dns_names: Iterable[str], addresses: Iterable[Address] = ()
) -> bool:
    """
    Return whether *server_name* is among the names that the certificate carries.

    An IP address only matches an IP address (RFC 9525, 6.4); the subject's common name
    is never looked at (RFC 9525, 2). Internationalised names must come as A-labels.
    """
    try:
        wanted = ipaddress.ip_address(server_name)
    except ValueError:
        return any(_matches(server_name.lower().rstrip("."), name.lower()) for name in dns_names)
    return any(wanted == address for address in addresses)


def _matches(wanted: str, pattern: str) -> bool:
    if not pattern.startswith("*."):
        return bool(wanted) and wanted == pattern.rstrip(".")
    # RFC 9525, 6.3: a wildcard is the whole left-most label and stands for exactly one.
    label, _, parent = wanted.partition(".")
    return bool(label) and "." in parent and parent == pattern[2:].rstrip(".")

"""IP addresses: syntax, and that they may be a person's. Version numbers are not."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from sealgate.detect.anchor import CONFIRMED, LIKELY, POSSIBLE, Anchor, Found, kinds
from sealgate.detect.catalogue import Kind

_OCTET = rb"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rb"\.".join([_OCTET] * 4) + rb"(?![0-9A-Za-z]|\.[0-9])")
_LEFT = re.compile(rb"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}\Z")
_NOBODY = frozenset({0, 127})  # RFC 1122, 3.2.1.3: this host, loopback
_MULTICAST = 224  # RFC 5771, 3
_PRIVATE = re.compile(rb"10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.")  # RFC 1918, 3
_VERSION_BEFORE = re.compile(
    rb"(?:[A-Za-z]/|\b[vV]|[vV]er(?:sion)?[ :=.\"']{0,4}|release[ :]{0,2})\Z", re.IGNORECASE
)
_NETWORK_AFTER = re.compile(rb"/(?:[12]?[0-9]|3[01])(?![0-9])")


def ipv4(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm four octets; the anchor ends on the first digit of the last one."""
    left = _LEFT.search(text, max(low, end - 13), end - 1)
    found = _IPV4.match(text, left.start(), high) if left is not None else None
    if left is None or found is None:
        return None
    start = left.start()
    first, second, _, last = map(int, found.groups())
    if first in _NOBODY or first >= _MULTICAST or (last == 0 and second == 0):
        return None
    if _NETWORK_AFTER.match(text, found.end(), high):
        return None
    if _VERSION_BEFORE.search(text, max(low, start - 12), start):
        return None
    if max(first, second, last) < 10:  # noqa: PLR2004 - 1.2.3.4 is as often a section
        return start, found.end(), Kind.IP_ADDRESS, POSSIBLE
    confidence = LIKELY if _PRIVATE.match(text, start) else CONFIRMED
    return start, found.end(), Kind.IP_ADDRESS, confidence


_IPV6_REVERSED = re.compile(rb"[0-9A-Fa-f:]{1,39}")
_IPV6 = re.compile(rb"[0-9A-Fa-f:]{1,39}(?:\.[0-9]{1,3}){0,3}")
_FEWEST_GROUPS = 3


def ipv6(text: bytes, end: int, low: int, high: int) -> Found | None:  # noqa: PLR0911 - one line per reason
    """Confirm hexadecimal groups (RFC 4291, 2.2); no clock times, no MAC addresses, no scopes."""
    backwards = _IPV6_REVERSED.match(text[low:end][::-1])
    if backwards is None:
        return None
    start = end - backwards.end()
    forward = _IPV6.match(text, start, high)
    if forward is None:
        return None
    stop = forward.end()
    if text[stop - 1 : stop] == b":" and text[stop - 2 : stop] != b"::":
        stop -= 1
    if (start > low and text[start - 1 : start].isalnum()) or text[stop : stop + 1].isalnum():
        return None
    value = text[start:stop].decode("ascii", "replace")
    if sum(1 for g in value.split(":") if g) < _FEWEST_GROUPS or not any(
        c.isdigit() for c in value
    ):
        return None
    try:
        address = IPv6Address(value)
    except AddressValueError:
        return None
    if address.is_loopback or address.is_multicast or address.is_unspecified:
        return None
    return start, stop, Kind.IP_ADDRESS, CONFIRMED


ANCHORS = (
    Anchor(
        "ipv4",
        "[0-9]\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]",
        kinds(Kind.IP_ADDRESS),
        ipv4,
        before=32,
        after=24,
    ),
    Anchor(
        "ipv6",
        ":[0-9a-f]{3,4}:[0-9a-f:]|[^0-9a-z:][0-9a-f]{1,4}::[0-9a-f]|:[0-9a-f]{1,4}::",
        kinds(Kind.IP_ADDRESS),
        ipv6,
        before=48,
        after=48,
        caseless=True,
    ),
)

"""
IP addresses: syntax, and that they may be a person's. Version numbers are not.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

from sealgate.detect.anchor import CONFIRMED, LIKELY, POSSIBLE, Anchor, Found, kinds
from sealgate.detect.model import Kind

_OCTET = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rb"(?<![0-9A-Za-z.])" + rb"\.".join([_OCTET] * 4) + rb"(?![0-9A-Za-z]|\.[0-9])")
_VERSION_BEFORE = re.compile(
    rb"(?:[A-Za-z]/|\b[vV]|[vV]er(?:sion)?[ :=.\"']{0,4}|release[ :]{0,2})\Z", re.IGNORECASE
)
_NETWORK_AFTER = re.compile(rb"/(?:[12]?[0-9]|3[01])(?![0-9])")


def ipv4(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm four octets; the anchor ends on the first digit of the last one.
    """
    for start in range(max(low, end - 13), end - 6):
        found = _IPV4.match(text, start, high)
        if found is None or found.end() < end:
            continue
        first, second, _, last = (int(o) for o in found.group().split(b"."))
        if first in {0, 127} or first >= 224:  # noqa: PLR2004 - RFC 1122, 3.2.1.3; RFC 5771
            return None
        if (last == 0 and second == 0) or _NETWORK_AFTER.match(text, found.end(), high):
            return None
        if _VERSION_BEFORE.search(text, max(low, start - 12), start):
            return None
        private = (
            first == 10 or (first, second) == (192, 168) or (first == 172 and 16 <= second < 32)
        )
        confidence = LIKELY if private else CONFIRMED
        if max(first, second, last) < 10:  # noqa: PLR2004 - 1.2.3.4 is as often a section
            confidence = POSSIBLE
        return start, found.end(), Kind.IP_ADDRESS, confidence
    return None


_IPV6_REVERSED = re.compile(rb"[0-9A-Fa-f:]{1,39}")
_IPV6 = re.compile(rb"[0-9A-Fa-f:]{1,39}(?:\.[0-9]{1,3}){0,3}")
_FEWEST_GROUPS = 3


def ipv6(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm hexadecimal groups (RFC 4291, 2.2); no clock times, no MAC addresses, no scopes.
    """
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
        "[0-9a-f]:[0-9a-f]{1,4}:[0-9a-f]{0,4}:|[0-9a-f]{2}::[0-9a-f]",
        kinds(Kind.IP_ADDRESS),
        ipv6,
        before=48,
        after=48,
        caseless=True,
    ),
)

"""
Which header fields pass where answers are signed for everybody who asks in clear.

A request gets to the site without anything that tells who asks: neither cookies nor
credentials, for whoever sees them could use them, and nobody is signed in below TLS. An
answer sets no cookies and asks for no password. Names here are in lower case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.signing.model import Fields

# Who brings one of these is refused, so that nobody gets used to it.
CREDENTIALS = frozenset({"authorization", "proxy-authorization"})
# Everything else that a client sends stays behind.
_ASKED = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "cache-control",
        "host",
        "if-modified-since",
        "if-none-match",
        "pragma",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-proto",
    }
)
_KEPT_BACK = frozenset(
    {
        # RFC 9110, 7.6.1: for one connection only, or told anew.
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # Nobody is known here, and nobody is asked who they are.
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        # RFC 6797, 7.2: it has no place on an answer in clear.
        "strict-transport-security",
        # Whole answers only.
        "accept-ranges",
        # Ours stand for these.
        "content-digest",
        "signature",
        "signature-input",
    }
)
# RFC 9421, 2.1 and 2.5: what can stand in a signature base.
_SIGNABLE = re.compile(r"[\t -~]*")


def asked_fields(fields: Iterable[tuple[str, str]]) -> Fields:
    """Return those of a request's *fields* that go on to the site."""
    return tuple((name.lower(), value) for name, value in fields if name.lower() in _ASKED)


def answered_fields(fields: Iterable[tuple[str, str]]) -> Fields:
    """
    Return those of an answer's *fields* that are sent, one line for each name.

    A proxy may join lines of one name, with or without a space, so they are joined here
    (RFC 9110, 5.3). What could not be covered by a signature is left out.
    """
    found: dict[str, str] = {}
    for name, value in fields:
        known = name.lower()
        if known in _KEPT_BACK or not _SIGNABLE.fullmatch(value):
            continue
        found[known] = f"{found[known]}, {value}" if known in found else value
    return tuple(found.items())

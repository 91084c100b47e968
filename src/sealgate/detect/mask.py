"""
What may be shown of a value: its kind, its length class, and of a card the last four.

PCI DSS 4.0.1, 3.4.1 allows the first six and last four digits of a card; the last
four are enough to tell two cards apart. Of everything else nothing is shown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from sealgate.detect.catalogue import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.detect.model import Match

_LENGTH_CLASSES = (8, 16, 32, 64)
_DIGITS = re.compile(rb"[0-9]")
_LONG_NUMBER = re.compile(rb"(?<![0-9])[0-9](?:[ .-]?[0-9]){8,}(?![0-9])")
_DATE = re.compile(rb"(?:19|20)[0-9]{2}[-.]?(?:0[1-9]|1[0-2])[-.]?(?:0[1-9]|[12][0-9]|3[01])")
_SHORTEST_CARD = 13


def length_class(length: int) -> str:
    """Return the class of a *length* in bytes, such as ``8-15``: never the length itself."""
    low = 1
    for bound in _LENGTH_CLASSES:
        if length < bound:
            return f"{low}-{bound - 1}"
        low = bound
    return f"{low}+"


def mask_value(kind: Kind, value: bytes) -> str:
    """
    Return the masked form of *value*: a function of kind and length class only.

    Cards of at least 13 digits also show their last four.
    """
    if kind is Kind.PAYMENT_CARD:
        digits = _DIGITS.findall(value)
        if len(digits) >= _SHORTEST_CARD:
            return f"[{kind.value} ends {b''.join(digits[-4:]).decode('ascii')}]"
    return _masked(kind, len(value))


@lru_cache(maxsize=8192)
def _masked(kind: Kind, length: int) -> str:
    return f"[{kind.value} {length_class(length)}]"


class Scanning(Protocol):
    """Finds what looks like a value: a :class:`sealgate.detect.scanner.Scanner`."""

    def scan(self, data: bytes) -> Iterable[Match]:
        """Yield what is found, in order."""


def mask_text(text: str, scanner: Scanning) -> str:
    """
    Return *text*, a place such as a file name, header, key or URL, without any value in it.

    A place is not data: what looks like a value is masked at every confidence, and so
    is a number of nine or more digits that does not start like a date. Names of
    people in file names have no shape and stay.
    """
    data = text.encode("utf-8", "surrogateescape")
    parts: list[str] = []
    at = 0
    for match in scanner.scan(data):
        parts.append(_mask_numbers(data[at : match.start]))
        parts.append(f"[{match.kind.value}]")
        at = match.end
    parts.append(_mask_numbers(data[at:]))
    return "".join(parts)


def _mask_numbers(data: bytes) -> str:
    masked = _LONG_NUMBER.sub(
        lambda m: m.group() if _DATE.match(m.group()) else b"[number]",
        data,
    )
    return masked.decode("utf-8", "surrogateescape")

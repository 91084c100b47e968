"""Values made unreadable in place: as many bytes as before, and the text around still parses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# What a syntax could need stays: spaces, line ends, and what quotes, tags and escapes are
# made of. Everything else of a value goes, to its last character.
_KEPT = b" \t\r\n\"'<>&\\-"
_STARS = bytes(b if b in _KEPT else 0x2A for b in range(256))
# Before a number that stands bare, as in JSON, where a star would be a syntax error. No card
# begins with 9 and no number of only nines passes a checksum that is confirmed here.
_BEFORE_NUMBER = b":,[=("
_FARTHEST = 8


def masked(text: bytes, start: int, stop: int) -> bytes:
    """Return what stands for ``text[start:stop]``; it has the same length."""
    value = text[start:stop]
    if value.isdigit():
        before = text[max(0, start - _FARTHEST) : start].rstrip(b" \t\r\n")
        if before[-1:] and before[-1] in _BEFORE_NUMBER:
            return b"9" * len(value)
    return starred(value)


def starred(value: bytes) -> bytes:
    """Return *value* with stars for all that no syntax could need."""
    return value.translate(_STARS)


def covered(data: bytes, start: int, masks: Iterable[tuple[int, bytes]]) -> bytes:
    """Return *data*, which begins at *start*, under *masks*: each with the place where it begins."""
    changed = bytearray(data)
    stop = start + len(data)
    for at, mask in masks:
        low, high = max(at, start), min(at + len(mask), stop)
        if low < high:
            changed[low - start : high - start] = mask[low - at : high - at]
    return bytes(changed)

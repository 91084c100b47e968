r"""
Values that are written with character references or escapes, so that no search sees them.

``&#52;111 1111`` begins a card number for whoever opens the page (XML 1.0, 4.1; HTML, 13.5), and
``"\u0034111 1111"`` for whoever reads the JSON (RFC 8259, 7). Lines with such a sign are looked at
once more as they read, and what shows only then is told. A sign that stands for something no value
is written with (``&amp;``, ``&uuml;``, ``\u0022``) is no reason to look.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from heapq import merge
from html.entities import html5
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from sealgate.detect.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealgate.detect.catalogue import Kind
    from sealgate.detect.scanner import Scanner

# What is looked at on both sides of a sign, within its line; values are shorter.
NEAR_BYTES = 512
# A line that is longer is looked at in parts.
LONGEST_LINE = 1 << 18
# No window ends in the middle of another's number.
_BETWEEN = b"\n\n"
_SPACE_NAMES = ("nbsp", "ensp", "emsp", "emsp13", "emsp14", "numsp", "puncsp", "thinsp", "hairsp")
_SIGN_NAMES = ("commat", "period", "hyphen", "dash", "ndash", "lowbar", "plus", "colon", "equals")
# Not the quotes of markup, which are everywhere, nor spaces of a layout.
_REFERENCE = re.compile(
    (
        r"&(?:#(?!(?:3[489]|6[02]|[xX](?:2[267]|3[cCeE]));)[xX]?[0-9a-fA-F]"
        rf"|(?:{'|'.join(_SIGN_NAMES)}|sol);|(?:{'|'.join(_SPACE_NAMES)}|Tab);(?=[0-9]|&#))"
    ).encode()
)
# ASCII but for what JSON must escape, spaces and dashes.
_ESCAPE = re.compile(rb"\\u(?:00[2-7a]|20[01])[0-9a-fA-F]")
_SIGN = re.compile(
    rb"&(?:#(?:[xX]([0-9a-fA-F]{1,64})|([0-9]{1,64}));?|([A-Za-z][A-Za-z0-9]{1,31};))"
    rb"|\\u([0-9a-fA-F]{4})"
)
# What values are written with; they are parted by spaces between digits alone.
_TELLING = re.compile(r"[0-9A-Za-z@.+_:=/-]")
_SPACES = re.compile(r"[\t\n\r \u00a0\u2000-\u200a]")
_DASHES = re.compile(r"[\u2010-\u2013]")
_LARGEST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


class Hidden(NamedTuple):
    """So many values of one *kind* that show only in how the line at *start* reads."""

    start: int
    kind: Kind
    confidence: Confidence
    times: int


class Read(NamedTuple):
    """What was *hidden*, and how many candidates were over the scanner's budget."""

    hidden: list[Hidden]
    unconfirmed: int


_NOTHING = Read([], 0)


def look_behind(scanner: Scanner, text: bytes) -> Read:
    """Return what *scanner* finds in the lines of *text* only where their signs are read."""
    windows = list(_windows(text)) if _may_hide(text) else []
    if not windows:
        return _NOTHING
    plain = [text[start:end] for start, end in windows]
    after, unconfirmed = _scanned(scanner, [read_signs(window) for window in plain])
    before, _ = _scanned(scanner, [plain[number] for number in after])
    found = []
    for place, (number, kinds) in enumerate(after.items()):
        shown = before.get(place, {})
        for kind, sure in kinds.items():
            if (times := len(sure) - len(shown.get(kind, ()))) > 0:
                found.append(Hidden(windows[number][0], kind, max(sure), times))
    return Read(found, unconfirmed)


def read_signs(text: bytes) -> bytes:
    """Return *text* as it reads, in UTF-8; no sign makes a new line of it."""
    return _SIGN.sub(lambda sign: _written(sign).encode() or sign[0], text)


class EscapeScan:
    """
    The same for text that comes in pieces; lines are put together again.

    Of a line beyond ``LONGEST_LINE`` the parts are looked at: a value at the border of two may
    be counted twice. *unconfirmed* counts the candidates over the budget so far.
    """

    __slots__ = ("_at", "_held", "_scanner", "unconfirmed")

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._held = b""  # the end of what came: its line may go on
        self._at = 0  # where that begins
        self.unconfirmed = 0

    def feed(self, data: bytes) -> list[Hidden]:
        """Take *data* and return what is certain by now."""
        if len(data) > NEAR_BYTES and not (_is_open(data) or _is_open(self._held)):
            keep = max(data.rfind(b"\n") + 1, len(data) - NEAR_BYTES)
            self._at += len(self._held) + keep
            self._held = data[keep:]
            return []
        text = self._held + data
        end = text.rfind(b"\n") + 1
        keep = end
        if not end and len(text) > LONGEST_LINE:
            end, keep = len(text), len(text) - NEAR_BYTES
        found = self._look(text[:end])
        self._at += keep
        self._held = text[keep:]
        return found

    def close(self) -> list[Hidden]:
        """Return what was in the last line."""
        found = self._look(self._held)
        self._held = b""
        return found

    def _look(self, text: bytes) -> list[Hidden]:
        read = look_behind(self._scanner, text)
        self.unconfirmed += read.unconfirmed
        return [one._replace(start=one.start + self._at) for one in read.hidden]


def _is_open(text: bytes) -> bool:
    return b"&" in text or b"\\" in text


def _may_hide(text: bytes) -> bool:
    # Whether one of two bytes is there is told at the speed of memory.
    return (b"&" in text and _REFERENCE.search(text) is not None) or (
        b"\\" in text and _ESCAPE.search(text) is not None
    )


def _windows(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield what lies near to the signs in *text*, from where to where; none overlaps another."""
    start = end = -1
    places = merge(
        (found.start() for found in _REFERENCE.finditer(text)),
        (found.start() for found in _ESCAPE.finditer(text)),
    )
    for place in places:
        sign = _SIGN.match(text, place)
        if sign is None or not _tells(text, sign):
            continue
        near = max(0, place - NEAR_BYTES)
        low = max(near, text.rfind(b"\n", near, place) + 1)
        line = text.find(b"\n", sign.end(), sign.end() + NEAR_BYTES)
        high = line if line >= 0 else min(len(text), sign.end() + NEAR_BYTES)
        if low > end:
            if end >= 0:
                yield start, end
            start = low
        end = high
    if end >= 0:
        yield start, end


def _tells(text: bytes, sign: re.Match[bytes]) -> bool:
    read = _written(sign)
    if read != " ":
        return _TELLING.match(read) is not None
    before, after = text[sign.start() - 1 : sign.start()], text[sign.end() : sign.end() + 1]
    return (before.isdigit() or before == b";") and (after.isdigit() or after in {b"&", b"\\"})


def _written(sign: re.Match[bytes]) -> str:
    """Return the character that *sign* stands for, "" for one that stays as it is."""
    in_hex, number, name, escape = sign.groups()
    if name is not None:
        read = html5.get(name.decode(), "")
    else:
        code = int(number) if number is not None else int(in_hex or escape, 16)
        read = chr(code) if code <= _LARGEST and code not in _SURROGATES else ""
    if _SPACES.fullmatch(read):
        return " "
    if _DASHES.fullmatch(read):
        return "-"
    return read if read.isprintable() else ""


def _scanned(
    scanner: Scanner, windows: Sequence[bytes]
) -> tuple[dict[int, dict[Kind, list[Confidence]]], int]:
    """Return by window and kind how sure each value in *windows* is; scanned in one piece."""
    examined = scanner.examine(_BETWEEN.join(windows))
    starts = [0, *accumulate(len(window) + len(_BETWEEN) for window in windows)]
    found: dict[int, dict[Kind, list[Confidence]]] = {}
    for match in examined.matches:
        number = bisect_right(starts, match.start) - 1
        found.setdefault(number, {}).setdefault(match.kind, []).append(match.confidence)
    return found, examined.unconfirmed

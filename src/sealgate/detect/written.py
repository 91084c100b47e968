r"""
How text reads: the spaces, dashes, digits and unseen signs of Unicode, and escapes of URLs and JSON.

The tables are whole by their general category (Unicode 17.0; UAX 44, 5.7.1), so that no space of one
script is read and another's is not. Nothing here knows what a value is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def _codes(ranges: str) -> tuple[int, ...]:
    found: list[int] = []
    for one in ranges.split():
        first, _, last = one.partition("-")
        found += range(int(first, 16), int(last or first, 16) + 1)
    return tuple(found)


# Zs, Zl and Zp beyond ASCII, and the next line of EBCDIC (U+0085).
SPACES = _codes("0085 00A0 1680 2000-200A 2028-2029 202F 205F 3000")
# Pd beyond ASCII, and what is taken for a dash: minus signs, a bullet, a modifier, a swung dash.
DASHES = _codes(
    "02D7 058A 05BE 1400 1806 2010-2015 2043 2052 2053 207B 208B 2212 2796 2E17 2E1A 2E3A-2E3B 2E40 2E5D"
    " 301C 3030 30A0 FE31-FE32 FE58 FE63 FF0D 10D6E 10EAD"
)
# Cf, and what has no ink though its category is another: joiners, selectors, fillers.
UNSEEN = _codes(
    "00AD 034F 0600-0605 061C 06DD 070F 0890-0891 08E2 115F-1160 17B4-17B5 180B-180F 200B-200F 202A-202E"
    " 2060-2064 2065 2066-206F 3164 FE00-FE0F FEFF FFA0 FFF9-FFFB 110BD 110CD 13430-1343F 1BCA0-1BCA3"
    " 1D173-1D17A E0001 E0020-E007F E0100-E01EF"
)
# Nd beyond ASCII: the zero of each ten.
ZEROS = _codes(
    "0660 06F0 07C0 0966 09E6 0A66 0AE6 0B66 0BE6 0C66 0CE6 0D66 0DE6 0E50 0ED0 0F20 1040 1090 17E0 1810 1946"
    " 19D0 1A80 1A90 1B50 1BB0 1C40 1C50 A620 A8D0 A900 A9D0 A9F0 AA50 ABF0 FF10 104A0 10D30 10D40 11066 110F0"
    " 11136 111D0 112F0 11450 114D0 11650 116C0 116D0 116DA 11730 118E0 11950 11BF0 11C50 11D50 11DA0 11DE0"
    " 11F50 16A60 16AC0 16B50 1CCF0 1D7CE 1D7D8 1D7E2 1D7EC 1D7F6 1E140 1E2F0 1E4F0 1E5F1 1E950 1FBF0"
)
DIGITS = tuple(zero + n for zero in ZEROS for n in range(10))


def utf8_pattern(codes: Iterable[int]) -> str:
    r"""
    Return an expression for one character of *codes* in UTF-8, as text with ``\x`` escapes.

    It is of fixed alternatives, each of another first bytes, and no longer than four bytes.
    """
    ends: dict[bytes, list[int]] = {}
    for code in sorted(codes):
        written = chr(code).encode()
        ends.setdefault(written[:-1], []).append(written[-1])
    return "|".join(_escaped(first) + _class(last) for first, last in ends.items())


def _escaped(written: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in written)


def _class(last: list[int]) -> str:
    parts = []
    start = before = last[0]
    for byte in (*last[1:], -1):
        if byte != before + 1:
            parts.append(
                f"\\x{start:02x}" if start == before else f"\\x{start:02x}-\\x{before:02x}"
            )
            start = byte
        before = byte
    return f"[{''.join(parts)}]"


# A space, a dash or what is not seen, in UTF-8; and those of one byte in Latin-1 and Windows-1252.
ODD = f"(?:{utf8_pattern((*SPACES, *DASHES, *UNSEEN))})"
ODD_BYTE = "[\\x85\\x96\\x97\\xa0\\xad]"
# What is no part of a number and parts none: a letter of any script.
LETTER = b"\x1e"
SAYS: dict[int, bytes] = {
    **dict.fromkeys(SPACES, b" "),
    **dict.fromkeys(DASHES, b"-"),
    **dict.fromkeys(UNSEEN, b""),
    **{code: b"%d" % (place % 10) for place, code in enumerate(DIGITS)},
}
_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf][\x80-\xbf][\x80-\xbf]|[\x80-\xff]"
)
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|\\x([0-9A-Fa-f]{2})|\\u([0-9A-Fa-f]{4})|\\([nrtbfv])")
_CONTROLS = {b"n": b"\n", b"r": b"\n"}

Read = tuple[bytes, list[int]]
"""
Text as it reads, and for each byte of it and its end the place in the text as it came.
"""


def readings(text: bytes) -> Iterator[Read]:
    """Yield *text* as it reads: with its escapes read twice, once, and not at all."""
    levels: list[Read] = [(text, list(range(len(text) + 1)))]
    if b"%" in text or b"\\" in text:
        for _ in range(2):
            levels.append(_onto(unescaped(levels[-1][0]), levels[-1]))
    for read in reversed(levels):
        yield _onto(as_read(read[0]), read)


def _onto(read: Read, before: Read) -> Read:
    return read[0], [before[1][place] for place in read[1]]


def as_read(text: bytes) -> Read:
    """
    Return *text* in ASCII: digits of any script as digits, spaces as space, dashes as dash.

    What is not seen is left out. Other signs are spaces, and so is a byte that is no UTF-8, since
    Latin-1 and its kin have their spaces and dashes there. Letters are :data:`LETTER`.
    """
    return _replaced(_CHARACTER, text, lambda found: _says(found[0]))


def unescaped(text: bytes) -> Read:
    r"""Return *text* with ``%20``, ``\u0020``, ``\x20`` and ``\n`` read, once."""
    return _replaced(_ESCAPE, text, _unescaped)


def _replaced(
    pattern: re.Pattern[bytes], text: bytes, says: Callable[[re.Match[bytes]], bytes]
) -> Read:
    read = bytearray()
    places: list[int] = []
    at = 0
    for found in pattern.finditer(text):
        start = found.start()
        new = says(found)
        read += text[at:start] + new
        places += [*range(at, start), *[start] * len(new)]
        at = found.end()
    read += text[at:]
    places += range(at, len(text) + 1)
    return bytes(read), places


def _unescaped(found: re.Match[bytes]) -> bytes:
    byte, other, code, control = found.groups()
    if control is not None:
        return _CONTROLS.get(control, b"\t")
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "replace")
    return bytes((int(byte or other, 16),))


@lru_cache(maxsize=4096)
def _says(character: bytes) -> bytes:
    try:
        sign = character.decode()
    except UnicodeDecodeError:
        return b" "
    says = SAYS.get(ord(sign))
    if says is not None:
        return says
    return LETTER if sign.isalpha() else b" "

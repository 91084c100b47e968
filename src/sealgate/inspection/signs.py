r"""
Character references and escapes that matter: how they look, what they say, what hides them.

A *sign* is a reference of HTML (HTML, 13.5), an escape of JSON or JavaScript (RFC 8259, 7;
ECMA-262, 12.9.4), one in the other (``\u0026nbsp;``), or a space or dash of UTF-8. One counts
when it can stand in a value, or when a value may begin behind it. Those that text is full of
(``&amp;``, ``\u00fc``, ``\"``) do not, so that most bodies have none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from html import unescape
from typing import TYPE_CHECKING, Any, cast

import hyperscan

from sealgate.detect.written import DASHES, SAYS, SPACES, UNSEEN, utf8_pattern
from sealgate.inspection.masking import starred
from sealgate.inspection.model import BodyRefusal, BodyRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable


def _in_utf8(codes: tuple[int, ...]) -> bytes:
    return f"(?:{utf8_pattern(codes)})".encode("ascii")


def _written_as(numbers: Iterable[str]) -> bytes:
    """Return an expression for one of *numbers*, in either case: those that differ in the last digit are one."""
    ends: dict[str, str] = {}
    for number in numbers:
        ends[number[:-1]] = ends.get(number[:-1], "") + number[-1]
    ways = []
    for first, last in ends.items():
        digits = "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in first)
        ways.append(f"{digits}[{''.join(sorted({*last, *last.upper()}))}]")
    return f"(?:{'|'.join(ways)})".encode("ascii")


_PLANE = 0x10000
# More digits than this nobody writes; browsers take any number of zeros.
_MOST_DIGITS = 32
_TOO_MANY = rb"#[xX]?[0-9a-fA-F]{33}"
# The signs, each with what has to follow it. Spaces and dashes are all over prose: they are of
# interest where the next part of a value may follow, or of what is said before one.
_NEXT = (
    rb"(?:[0-9]|&#|&(?:shy|zw|Zero|NoBr|[lr]rm)|(?:&[A-Za-z]{3,16};){1,2}(?:[0-9]|&#|\\)|\\{1,4}(?:u(?:00[23aA]|20|[fF]{2}|\{)|x[23aA])|\xc2[\xa0\xad]|\xe1(?:\x9a\x80|\xa0\x8e)|\xe2[\x80\x81]|\xe3\x80\x80|\xef(?:\xbb\xbf|\xbc|\xb9[\x98\xa3]|\xb8[\x80-\x8f])"
    rb"|[A-Z]{4}|(?i:n[uro]|mc?g|ug|acc|cod|id|is|was|rec|val|ver|pol|card))"
)
# What is not seen may come in any number between two digits.
_UNSEEN_NEXT = rb"(?:[&\\\xc2\xe2]|[ -][0-9&\\]|" + _NEXT[3:]
_DECIMAL_CHARACTER = rb"#0{0,30}(?:3[35-7]|4[0-9]|5[0-9]|6[13-9]|[7-9][0-9]|1[01][0-9]|12[0-6]|6529[6-9]|653[0-7][0-9])"
_HEX_CHARACTER = rb"#[xX]0{0,30}(?:2[13457-9a-fA-F]|3[0-9abdfABDF]|[4-7][0-9a-fA-F]|[fF]{2}(?:1[0-9]|[2-5][0-9a-fA-F]))"
# Spaces of a layout, and dashes of Windows-1252, which browsers read numbers of (HTML, 13.2.5.80).
_PARTING = (*(0x09, 0x0A, 0x0D, 0x20, 0x96, 0x97), *SPACES, *DASHES)
_UNSEEN = tuple(code for code in UNSEEN if code < _PLANE)
_DECIMAL_SPACE = rb"#0{0,30}" + _written_as(map(str, _PARTING))
_HEX_SPACE = rb"#[xX]0{0,30}" + _written_as(f"{code:x}" for code in _PARTING)
_DECIMAL_UNSEEN = rb"#0{0,30}" + _written_as(map(str, _UNSEEN))
_HEX_UNSEEN = rb"#[xX]0{0,30}" + _written_as(f"{code:x}" for code in _UNSEEN)
_NAMED_CHARACTER = rb"(?:commat|period|hyphen|dash|lowbar|UnderBar|plus|colon|equals|sol|dollar|comma|num|percnt|ast|midast|lcub|lbrace|rcub|rbrace);"
_NAMED_SPACE = (
    rb"(?:nbsp;?|(?:NonBreakingSpace|ensp|emsp|emsp13|emsp14|numsp|puncsp|thinsp|ThinSpace|hairsp|VeryThinSpace"
    rb"|MediumSpace|Tab|NewLine|ndash|mdash|horbar|minus);)"
)
_MARKUP_NAME = rb"(?:amp|quot|[lg]t)"
_REFERENCES = (
    (_TOO_MANY, rb""),
    (_DECIMAL_CHARACTER + rb";", rb""),
    (_DECIMAL_CHARACTER, rb"[^0-9]"),
    (_HEX_CHARACTER + rb";", rb""),
    (_HEX_CHARACTER, rb"[^0-9a-fA-F]"),
    (_DECIMAL_SPACE + rb";", _NEXT),
    (_HEX_SPACE + rb";", _NEXT),
    (_DECIMAL_UNSEEN + rb";", _UNSEEN_NEXT),
    (_HEX_UNSEEN + rb";", _UNSEEN_NEXT),
    # A digit would go on with the number.
    (rb"(?:%b|%b|%b|%b)" % (_DECIMAL_SPACE, _HEX_SPACE, _DECIMAL_UNSEEN, _HEX_UNSEEN), rb"[&\\]"),
    (rb"(?:shy;?|(?:ZeroWidthSpace|NoBreak|zwj|zwnj|lrm|rlm);)", _UNSEEN_NEXT),
    (_NAMED_CHARACTER, rb""),
    (_NAMED_SPACE, _NEXT),
    (_MARKUP_NAME, rb"[0-9]{4}"),
)
# How values begin that are found only behind something that is no letter or digit, and what
# such a beginning may be hidden in. After "\n" in a text of JSON, the "n" is such a letter.
_VALUE = (
    rb"(?:[2-68][0-9]{3}|[A-Za-z]{2}[0-9]{2}|[0-9]{8}|&#|\\{1,4}(?:u00[3-7]|x[3-7])"
    rb"|(?:A[KSBC][IC]A|gh[pousr]_|gith|gl[a-z]{1,2}[a-z_-]|xox[a-z]|xapp|hook|[sr]k_[lt]|whse|AIza|GOCS|ya29|sk-|SG\."
    rb"|npm_|pypi|do[oprt]_|shp[a-z]|sq0|hf_|dapi|hv[sbr]\.|key-|SK[0-9a-f]|EAAC|lin_|sntr|dckr|Acco|[Aa]uth)"
    rb"|(?i:pan|cc|aba|blz|bsb|csc|cvn|mrn|nhc|nass|cipa|dx|poli|memb))"
)
_ESCAPES = (
    (
        rb"u00(?:2[013-589a-fA-F]|3[0-9abdABDfF]|[46][0-9a-fA-F]|5[0-9abdefABDEF]|7[0-9a-eA-E])",
        rb"",
    ),
    (rb"u[fF]{2}(?:1[0-9]|[2-5][0-9a-fA-F])", rb""),
    (rb"x(?:2[013-589a-fA-F]|3[0-9abdABDfF]|[46][0-9a-fA-F]|5[0-9abdefABDEF]|7[0-9a-eA-E])", rb""),
    (rb"u\{[0-9a-fA-F]{1,33}\}?", rb""),
    (rb"u" + _written_as(f"{code:04x}" for code in _UNSEEN), _UNSEEN_NEXT),
    (
        rb"u" + _written_as(f"{code:04x}" for code in (*SPACES, *DASHES) if code < _PLANE),
        _NEXT,
    ),
    (rb"x[aA]0", _NEXT),
    (rb"x[aA][dD]", _UNSEEN_NEXT),
    (rb"[nrtbfv]", _VALUE),
    (rb"u(?:00[0-9abAB]|20[0-9a-fA-F]|30[0-2]|[fF]{2}[0-2])[0-9a-fA-F]", _VALUE),
    (rb"x[0-9abAB][0-9a-fA-F]", _VALUE),
)
# By their first bytes: spaces and dashes, what is not seen, and the digits of East Asian text.
_IN_UTF8 = (
    (_in_utf8((*SPACES, *DASHES)), _NEXT),
    (_in_utf8(UNSEEN), _UNSEEN_NEXT),
    (rb"\xef\xbc[\x90-\x99]", rb""),
)


def _joined(signs: tuple[tuple[bytes, bytes], ...]) -> bytes:
    return rb"|".join(sign + rb"(?=%b)" % after if after else sign for sign, after in signs)


# Numbers and names apart, and first what most are: so the others cost less.
_REFERENCE = (
    rb"(?:(?=#)(?:"
    + _joined(tuple(one for one in _REFERENCES if b"#" in one[0]))
    + rb")|(?!#|amp;|quot;|[lg]t;|copy;|[aouAOU]uml;)(?:"
    + _joined(tuple(one for one in _REFERENCES if b"#" not in one[0]))
    + rb"))"
)
# By their first bytes, which are looked for at the speed of memory. Backslashes, for a text of
# JSON in a text of JSON doubles them. No sign has another's first byte in it.
_KINDS = tuple(
    re.compile(kind)
    for kind in (
        rb"&" + _REFERENCE,
        rb"\\\\{0,3}(?:u0026" + _REFERENCE + rb"|" + _joined(_ESCAPES) + rb")",
        *(_joined((sign,)) for sign in _IN_UTF8),
    )
)
_SIGNS = re.compile(rb"(" + rb"|".join(kind.pattern for kind in _KINDS) + rb")")
_DENSE = 32  # bytes for each that a sign may begin with


@cache
def sign_finder() -> hyperscan.Database:
    """
    Return what tells where the first sign ends, with what has to follow it. For one thread.

    It takes some tenths of a second to build, once in a process.
    """
    signs = [
        *(rb"&" + sign + after for sign, after in _REFERENCES),
        *(rb"\\u0026" + sign + after for sign, after in _REFERENCES),
        *(rb"\\" + sign + after for sign, after in _ESCAPES),
        *(sign + after for sign, after in _IN_UTF8),
    ]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        # Of too many zeros it is told at once, so they need not be counted.
        expressions=[sign.replace(rb"0{0,30}", rb"0*") for sign in signs],
        ids=list(range(len(signs))),
        elements=len(signs),
        flags=[hyperscan.HS_FLAG_DOTALL | hyperscan.HS_FLAG_SINGLEMATCH] * len(signs),
    )
    return database


def _take_first(_sign: int, _start: int, end: int, _flags: int, ends: Any) -> bool:
    # By name: see sealgate.inspection.detector. Matches come in the order of their ends.
    ends.append(end)
    return True


LONGEST = 96
"""No sign is longer, with what has to follow it."""

_OPEN = re.compile(rb"[&\\\xc2-\xf4][0-9A-Za-z#;{}&\\_.\x80-\xf4-]{0,%d} ?\Z" % LONGEST)
_MOST_BACKSLASHES = 4
_AMPERSAND, _BACKSLASH = b"&\\"
_ESCAPED_MARK = b"u0026"
_CONTROLS = {b"n": b"\n", b"r": b"\n"}
_LINE_ENDS = "\n\r\x0b\x0c\x85\u2028\u2029"
_LARGEST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)
_STAR_DECIMAL, _STAR_HEX = b"42", b"2a"


def parted(text: bytes) -> list[bytes]:
    """Return the parts of *text*: every other one is a sign, and there may be nothing between two."""
    if (text.count(b"&") + text.count(b"\\")) * _DENSE > len(text):
        return _SIGNS.split(text)
    kinds = _KINDS[:2] if text.isascii() else _KINDS
    parts: list[bytes] = []
    at = 0
    for start, end in sorted(sign.span() for kind in kinds for sign in kind.finditer(text)):
        parts += (text[at:start], text[start:end])
        at = end
    parts.append(text[at:])
    return parts


def first_sign(text: bytes, start: int = 0) -> int:
    """
    Return a place before the first sign from *start* of *text* on; -1 if there is none.

    It is at most ``LONGEST`` bytes before. No sign is found at the end of *text* that only its
    end would end: what follows is to be with it.
    """
    if not may_have_sign(text, start):
        return -1
    # It takes any buffer; its stubs do not say so.
    rest = cast("bytes", memoryview(text)[start:]) if start else text
    ends: list[int] = []
    try:
        sign_finder().scan(rest, match_event_handler=_take_first, context=ends)
    except hyperscan.ScanTerminated:
        return max(start, start + ends[0] - LONGEST)
    return -1


def has_sign(text: bytes, start: int) -> bool:
    """Return whether there is a sign from *start* of *text* on, which ends there."""
    if not may_have_sign(text, start):
        return False
    tail = text[max(start, len(text) - LONGEST) :]
    return first_sign(text, start) >= 0 or first_sign(tail + b"\n") >= 0


def may_have_sign(text: bytes, start: int = 0) -> bool:
    """Return whether a byte is there from *start* of *text* on that a sign begins with."""
    # Each at the speed of memory.
    return text.find(b"&", start) >= 0 or text.find(b"\\", start) >= 0 or not text.isascii()


def begins_open(text: bytes) -> int:
    """Return where the end of *text* begins that may go on to be a sign; its length if none does."""
    size = len(text)
    low = max(0, size - LONGEST)
    tail = text[low:]
    if b"&" not in tail and b"\\" not in tail and tail.isascii():
        return size
    found = _OPEN.search(tail)
    if found is None:
        return size
    at = low + found.start()
    least = max(0, at - _MOST_BACKSLASHES + 1)
    while at > least and text[at] == _BACKSLASH == text[at - 1]:
        at -= 1
    return at


@lru_cache(maxsize=4096)
def read_sign(sign: bytes) -> bytes:
    """
    Return what *sign* says, in UTF-8: a space for any, a dash for any, nothing for what is not seen.

    Raises:
        BodyRefusedError: it is a number that is too long.
    """
    if sign[0] == _AMPERSAND:
        return _of_reference(sign)
    if sign[0] != _BACKSLASH:
        return _plain(sign.decode())
    escape = sign.lstrip(b"\\")
    if escape.startswith(_ESCAPED_MARK) and len(escape) > len(_ESCAPED_MARK):
        return _of_reference(b"&" + escape[len(_ESCAPED_MARK) :])
    if len(escape) == 1:
        return _CONTROLS.get(escape, b"\t")
    return _plain(_character(int(_bounded(escape[1:].strip(b"{}")), 16)))


def masked_sign(sign: bytes) -> bytes:
    """Return a sign for a star that is as long as *sign*; that itself, where no value is in it."""
    says = read_sign(sign)
    if starred(says) == says:
        return sign
    if sign[0] == _AMPERSAND:
        return b"&" + _star_reference(sign[1:])
    if sign[0] != _BACKSLASH:
        return b"*" * len(sign)
    escape = sign.lstrip(b"\\")
    slashes = sign[: len(sign) - len(escape)]
    if escape.startswith(_ESCAPED_MARK) and len(escape) > len(_ESCAPED_MARK):
        return slashes + _ESCAPED_MARK + _star_reference(escape[len(_ESCAPED_MARK) :])
    digits = escape[1:].strip(b"{}")
    return slashes + escape.replace(digits, _STAR_HEX.rjust(len(digits), b"0"))


def _of_reference(sign: bytes) -> bytes:
    _bounded(sign.strip(b"&#xX;"))
    text = sign.decode()
    says = unescape(text)
    return sign if says == text else _plain(says)


def _star_reference(rest: bytes) -> bytes:
    """Return what stands for *rest*, behind the ampersand, when that says a star."""
    end = b";" if rest.endswith(b";") else b""
    body = rest.removesuffix(b";")
    if body[:2].lower() == b"#x":
        return body[:2] + _STAR_HEX.rjust(len(body) - 2, b"0") + end
    return b"#" + _STAR_DECIMAL.rjust(len(body) - 1, b"0") + end


def _bounded(digits: bytes) -> bytes:
    if len(digits) > _MOST_DIGITS:
        raise BodyRefusedError(
            BodyRefusal.UNREADABLE, "a character reference in the body is too long"
        )
    return digits


def _character(code: int) -> str:
    return chr(code) if code <= _LARGEST and code not in _SURROGATES else "\ufffd"


def _plain(text: str) -> bytes:
    return "".join(map(_folded, text)).encode()


def _folded(character: str) -> str:
    if character in _LINE_ENDS:
        return "\n"
    said = SAYS.get(ord(character))
    if said is not None:
        return said.decode("ascii")
    if character.isspace():
        return " "
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() else character

"""
E-mail addresses and phone numbers.

Phone candidates are confirmed against the numbering plans of ITU-T E.164 (the
``phonenumbers`` tables); its own text matcher is never used: it is two hundred times
slower than the anchors.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from sealgate.detect.anchor import (
    CONFIRMED,
    EDGE,
    LIKELY,
    POSSIBLE,
    Anchor,
    Found,
    kinds,
)
from sealgate.detect.catalogue import Kind

if TYPE_CHECKING:
    from sealgate.detect.model import Confidence

# RFC 5321, 4.1.2: a dot-string, and bytes above ASCII as RFC 6531 allows. Read backwards.
_LOCAL_REVERSED = re.compile(rb"[A-Za-z0-9!#$&*+/=?^_`{|}~.'\x80-\xff-]{1,64}")
_DOMAIN = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z][A-Za-z0-9-]{1,23}"
)
# Endings of file names: they follow an address in names of exports, and "icon@2x.png".
FILE_ENDINGS = frozenset(
    b"bak bz2 css csv db doc docx gif gz htm html jpeg jpg js json jsonl log md mbox pdf png php "
    b"py rar rb sql svg tar tgz tmp toml ts tsv txt vcf webp xls xlsx xml yaml yml zip".split()
)  # fmt: skip
_URL_SIGNS = (b"=", b"/", b"?", b"&")
_LOCAL_EDGES = b"!#$&*+/=?^`{|}~.'-"


def email(text: bytes, end: int, low: int, high: int) -> Found | None:  # noqa: PLR0911 - one line per reason
    """Confirm an address around an at sign (or ``%40``): the anchor ends after one more byte."""
    at = end - 2
    local_end = at
    if text[at : at + 1] != b"@":  # %40, as in a URL
        local_end = at - 2
    backwards = _LOCAL_REVERSED.match(text[low:local_end][::-1])
    domain = _DOMAIN.match(text, at + 1, high)
    if backwards is None or domain is None:
        return None
    stop = domain.end()
    host = domain.group()
    while host[host.rfind(b".") + 1 :].lower() in FILE_ENDINGS:
        cut = host.rfind(b".")
        if cut < 0:
            return None
        stop -= len(host) - cut
        host = host[:cut]
    last = host[host.rfind(b".") + 1 :]
    if len(last) == len(host) or not (last.isalpha() or last.startswith(b"xn--")):
        return None  # a domain has two labels, and the last one is no number
    local = backwards.group()[::-1].lstrip(_LOCAL_EDGES)
    # A URL's query or path may run into it: user=anna%40…, /anna@…
    cut = max(map(local.rfind, _URL_SIGNS))
    if cut >= 0:
        local = local[cut + 1 :]
    start = local_end - len(local)
    if not local or local.endswith(b"."):
        return None
    if text[start - 1 : start] == b":" and b"://" in text[max(low, start - 64) : start]:
        return None  # user:password@host, which is read by the settings' detectors
    if local == b"git" and text[stop : stop + 1] in {b":", b"/"}:
        return None
    return start, stop, Kind.EMAIL, CONFIRMED


_PHONE = re.compile(rb"\+?[0-9( ][0-9 ()./\xc2\xa0-]{5,30}")
_PHONE_SIGNS = b" ()./-+\xc2\xa0"
_WIDE_GAP = re.compile(rb"[ ()./-]{4}|  |[(][^)]*[(]|\xc2(?!\xa0)")
_EXTENSION = re.compile(rb" ?(?:x|ext\.?|Durchwahl|extension) ?[0-9]{1,5}(?![0-9])")
_NOT_DIGIT = re.compile(rb"[^0-9]")
_DATE_LIKE = re.compile(
    rb"(?:19|20)[0-9]{2}[-./](?:0?[1-9]|1[0-2])[-./][0-3]?[0-9]|[0-3]?[0-9][-./][01]?[0-9][-./](?:19|20)[0-9]{2}"
)
_SHORTEST, _LONGEST = 7, 15  # ITU-T E.164, 6.2: at most 15 digits


def _number(text: bytes, start: int, high: int) -> tuple[int, bytes] | None:
    """Return the end and the digits of the number at *start*, with an extension or none."""
    found = _PHONE.match(text, start, high)
    if found is None:
        return None
    value = found.group()
    gap = _WIDE_GAP.search(value)
    if gap is not None:
        value = value[: gap.start()]
    value = value.rstrip(_PHONE_SIGNS)
    digits = value.translate(None, _PHONE_SIGNS)
    while len(digits) > _LONGEST:  # another number follows: cut at the last gap
        cut = max(value.rfind(b" "), value.rfind(b"/"))
        if cut <= 0:
            return None
        value = value[:cut].rstrip(_PHONE_SIGNS)
        digits = value.translate(None, _PHONE_SIGNS)
    if len(digits) < _SHORTEST or len(set(digits)) < 3:  # noqa: PLR2004 - 000-0000 is a filler
        return None
    end = start + len(value)
    if text[end : end + 1].isalnum() and text[end : end + 1] not in b"xX":
        return None
    extension = _EXTENSION.match(text, end, high)
    return (extension.end() if extension else end), digits


@cache
def number_plan(code: int) -> tuple[re.Pattern[bytes], frozenset[int]] | None:
    """Return the pattern and the possible lengths of numbers under country *code*."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata  # noqa: PLC0415 - its tables take 30 ms; most texts never need them

    regions = COUNTRY_CODE_TO_REGION_CODE.get(code)
    if regions is None:
        return None
    if regions[0] == "001":  # not a country: freephone and satellite numbers
        data = PhoneMetadata.metadata_for_nongeo_region(code)
    else:
        data = PhoneMetadata.metadata_for_region(regions[0])
    general = data.general_desc if data is not None else None
    if general is None or general.national_number_pattern is None:
        return None
    return re.compile(general.national_number_pattern.encode("ascii")), frozenset(
        general.possible_length
    )


def _judge_international(digits: bytes) -> Confidence | None:
    for width in (1, 2, 3):  # ITU-T E.164, 6.2.1: country codes are prefix-free
        plan = number_plan(int(digits[:width]))
        if plan is not None:
            national = digits[width:]
            if plan[0].fullmatch(national):
                return CONFIRMED
            return POSSIBLE if len(national) in plan[1] else None
    return None


def international(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm ``+`` and a country code; the anchor ends on the first digit."""
    start = text.rfind(b"+", low, end)
    if text[end - 2 : end - 1] == b"(" and text[start + 1 : end - 1] != b"(":
        return None
    number = _number(text, start, high)
    if number is None:
        return None
    stop, digits = number
    digits = digits.replace(b"(0)", b"")
    confidence = _judge_international(digits)
    if confidence is None and b"(0)" in text[start:stop]:
        confidence = _judge_international(
            _NOT_DIGIT.sub(b"", text[start:stop].replace(b"(0)", b""))
        )
    if confidence is None:
        return None
    return start, stop, Kind.PHONE, confidence


_FRACTION = re.compile(rb"[0-9][.,]\Z")


def international_zeros(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm ``00`` and a country code, only where the numbering plan knows it."""
    start = text.rfind(b"00", low, end - 1)
    if _FRACTION.match(text[max(low, start - 2) : start]):
        return None
    number = _number(text, start, high)
    if number is None or _judge_international(number[1][2:]) is not CONFIRMED:
        return None
    return start, number[0], Kind.PHONE, LIKELY


_NANP = re.compile(
    rb"(?:\+?1[ .-]?)?(?:\([2-9][0-8][0-9]\) ?|[2-9][0-8][0-9][-. /]{1,2})[2-9][0-9]{2}[-. ][0-9]{4}(?![0-9]|[-.][0-9])"
)


def north_american(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm area code, exchange and line of the North American plan (NANP)."""
    for start in range(max(low, end - 18), end - 11):
        found = _NANP.match(text, start, high)
        if found is not None:
            if start > low and text[start - 1 : start].isalnum():
                continue
            if _FRACTION.match(text[max(low, start - 2) : start]):
                return None
            area = found.group().lstrip(b"+1 .-(")[:3]
            if area[1:] == b"11":
                return None
            extension = _EXTENSION.match(text, found.end(), high)
            return start, (extension or found).end(), Kind.PHONE, LIKELY
    return None


_NATIONAL = re.compile(
    rb"(?:0[1-9](?:[ .][0-9]{2}){4}|\(?0[1-9][0-9]{1,4}\)?[ /-]{1,3}[0-9]{3,4}[ -]?[0-9]{2,5}(?:-[0-9]{1,4})?)(?![0-9]|[-.][0-9])"
)


def national(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a number with trunk zero in groups, as written in Europe; shape only."""
    zero = text.rfind(b"0", low, end - 1)
    while zero >= low and end - zero < 20:  # noqa: PLR2004 - the anchor's width
        start = zero - 1 if text[zero - 1 : zero] == b"(" and zero > low else zero
        found = _NATIONAL.match(text, start, high)
        if found is not None and not (start > low and text[start - 1 : start] in b"0123456789.-/:"):
            digits = _NOT_DIGIT.sub(b"", found.group())
            if 9 <= len(digits) <= 12 and not _DATE_LIKE.match(found.group()):  # noqa: PLR2004 - trunk zero, area, line
                return start, found.end(), Kind.PHONE, POSSIBLE
        zero = text.rfind(b"0", low, zero)
    return None


def after_word(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a number after a phone word; the anchor ends on its second digit."""
    start = end - 2
    while start > low and text[start - 1 : start] in {b"+", b"("}:
        start -= 1
    if _DATE_LIKE.match(text, start, high):
        return None
    number = _number(text, start, high)
    if number is None:
        return None
    stop, digits = number
    if text[start:stop].count(b".") == 3 and len(digits) <= 12:  # noqa: PLR2004 - four octets
        return None
    return start, stop, Kind.PHONE, LIKELY


_WORDS = (
    "(?:phone|tel|telefon|telefono|tel\xc3\xa9fono|telefone|telefoon|t\xc3\xa9l\xc3\xa9phone|mobile?|"
    "mobiel|handy|cell|cellulare|celular|m\xc3\xb3vil|movil|portable|fax|whatsapp|tfno|telf|rufnummer|call(?: me)?(?: at)?)"
)

ANCHORS = (
    Anchor(
        "email",
        "[A-Za-z0-9_.+-](?:@|%40)[A-Za-z0-9]",
        kinds(Kind.EMAIL),
        email,
    ),
    Anchor(
        "phone-international",
        f"{EDGE}\\+\\(?[1-9]",
        kinds(Kind.PHONE),
        international,
        before=8,
        after=48,
    ),
    Anchor(
        "phone-zeros",
        f"{EDGE}00[1-9][0-9]",
        kinds(Kind.PHONE),
        international_zeros,
        before=8,
        after=48,
    ),
    Anchor(
        "phone-north-american",
        "[2-9][0-9]{2}[-. )/][ ]?[2-9][0-9]{2}[-. ][0-9]{4}",
        kinds(Kind.PHONE),
        north_american,
        before=24,
        after=24,
    ),
    Anchor(
        "phone-national",
        f"{EDGE}0[1-9][0-9]{{0,4}}\\)?[ /-]{{1,3}}[0-9]{{3}}",
        kinds(Kind.PHONE),
        national,
        before=24,
        after=40,
    ),
    Anchor(
        "phone-by-two",
        f"{EDGE}0[1-9][ .][0-9]{{2}}[ .][0-9]{{2}}[ .][0-9]{{2}}",
        kinds(Kind.PHONE),
        national,
        before=24,
        after=40,
    ),
    Anchor(
        "phone-word",
        f"{_WORDS}[a-z_.\"']{{0,10}}[^0-9A-Za-z]{{1,8}}(?:(?:number|nr|no|is|at|n\xc2\xb0)[^0-9A-Za-z\\n]{{1,4}})?[0-9]{{2}}",
        kinds(Kind.PHONE),
        after_word,
        before=32,
        after=48,
        caseless=True,
    ),
)

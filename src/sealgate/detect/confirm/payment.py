"""Verification codes of cards, IBANs, bank accounts and BICs."""

from __future__ import annotations

import re
from bisect import bisect_left

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, Anchor, Found, kinds
from sealgate.detect.catalogue import Kind
from sealgate.detect.checksums import IBAN_LENGTHS, aba, iban
from sealgate.detect.confirm import card
from sealgate.detect.written import ODD, ODD_BYTE, readings

_NOT_DIGIT = re.compile(rb"[^0-9]")

_IBAN_START = re.compile(rb"[A-Za-z]{2}[0-9]{2}[ +-]?[0-9A-Za-z]{4}[ +-]?[0-9A-Za-z]{4}")
_GROUPED_START = re.compile(rb"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ +-]?[0-9A-Za-z])")
_ACCOUNT_SIGNS = (b" ", b"-", b"+")
_WIDEST = 44  # the longest IBAN in groups of four, with a letter to spare


def account(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm an IBAN by its country's length and mod 97, whatever text runs on behind it.

    A BIC may be glued to it.
    """
    del low
    for start in range(end - 12, end - 15, -1):
        if start >= 0 and _IBAN_START.fullmatch(text, start, end):
            stop = _account_from(text, start, high)
            return None if stop is None else (start, stop, Kind.IBAN, CONFIRMED)
    return None


def account_behind(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an IBAN that is glued to its BIC before it; the anchor ends on the twentieth character."""
    first = end - 20
    for start in (first + 8, first + 11):
        if first >= low and is_bic(text[first:start]):
            stop = _account_from(text, start, high)
            if stop is not None:
                return start, stop, Kind.IBAN, CONFIRMED
    return None


def account_written(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an IBAN by how the text around *end* reads: its groups may be parted by any sign."""
    base = max(low - 1, 0)
    for read, places in readings(text[base:high]):
        first, last = bisect_left(places, low - base), len(read)
        reached = bisect_left(places, end - base)
        for group in _GROUPED_START.finditer(read, max(first, reached - _WIDEST), reached):
            start = group.start()
            stop = _account_from(read, start, last)
            if stop is not None and stop >= reached:
                return base + places[start], base + places[stop], Kind.IBAN, CONFIRMED
    return None


def _account_from(text: bytes, start: int, high: int) -> int | None:
    """Return where the IBAN ends that begins at *start*, if there is one."""
    length = IBAN_LENGTHS.get(text[start : start + 2].decode("latin-1").upper())
    if length is None:
        return None
    stop, taken = start, 0
    if start + length <= high and text[start : start + length].isalnum():  # mostly: compact
        stop, taken = start + length, length
    while stop < high and taken < length:
        char = text[stop : stop + 1]
        if char.isalnum():
            taken += 1
        elif char not in _ACCOUNT_SIGNS or not text[stop + 1 : stop + 2].isalnum():
            return None
        stop += 1
    if taken < length or (text[stop : stop + 1].isalnum() and not _bic_at(text, stop, high)):
        return None
    compact = text[start:stop].translate(None, b" -+").upper()
    return stop if iban(compact) else None


def _bic_at(text: bytes, start: int, high: int) -> bool:
    for width in (8, 11):
        stop = start + width
        if stop <= high and not text[stop : stop + 1].isalnum() and is_bic(text[start:stop]):
            return True
    return False


def verification(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm three or four digits right after a verification word; the anchor ends on three."""
    del low
    stop = end
    if text[stop : stop + 1].isdigit():
        stop += 1
    after = text[stop : stop + 1]
    if (
        stop > high
        or after.isalnum()
        or (after in {b".", b"-", b"/"} and text[stop + 1 : stop + 2].isdigit())
    ):
        return None
    return end - 3, stop, Kind.CARD_VERIFICATION, LIKELY


_ACCOUNT = re.compile(rb"[0-9](?:[ -]?[0-9]){4,16}(?![0-9A-Za-z]|[.,:/-][0-9])")
_MASKED = re.compile(rb"[*xX#]{3}")


def bank(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm an account, sort or routing number after a bank word."""
    start = end - 1
    found = _ACCOUNT.match(text, start, high)
    while start > low and end - start < 6 and text[start - 1 : start].isalpha():  # noqa: PLR2004 - a bank's letters
        start -= 1
    if found is None or _MASKED.search(text, max(low, start - 8), start):
        return None
    digits = _NOT_DIGIT.sub(b"", found.group())
    word = text[low:start].lower()
    if b"routing" in word[-40:] or b"aba" in word[-24:]:
        if len(digits) != 9 or not aba(digits):  # noqa: PLR2004 - ABA numbers have nine digits
            return None
        return start, found.end(), Kind.BANK_ACCOUNT, CONFIRMED
    return start, found.end(), Kind.BANK_ACCOUNT, LIKELY


_BIC = re.compile(rb"[A-Z]{4}([A-Z]{2})[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])")
_WITHOUT_IBANS = frozenset(["US", "CA", "AU", "JP", "CN", "IN", "SG", "HK", "NZ", "ZA", "KR", "MX"])


def is_bic(code: bytes) -> bool:
    """Return whether *code* has the structure of ISO 9362, in either case, and a country that is known."""
    found = _BIC.fullmatch(code.upper())
    return found is not None and _is_country(found[1])


def _is_country(code: bytes) -> bool:
    country = code.decode("ascii")
    return country in IBAN_LENGTHS or country in _WITHOUT_IBANS


def bic(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm ISO 9362 structure with a country that has IBANs or a common one."""
    del low
    start = end - 6
    found = _BIC.match(text, start, high)
    if found is None or not _is_country(found[1]):
        return None
    return start, found.end(), Kind.BIC, CONFIRMED


ANCHORS = (
    *card.ANCHORS,
    Anchor(
        "iban",
        f"{EDGE}[A-Z]{{2}}[0-9]{{2}}[ +-]?[0-9A-Z]{{4}}[ +-]?[0-9A-Z]{{4}}",
        kinds(Kind.IBAN),
        account,
        before=32,
        after=64,
        caseless=True,
    ),
    Anchor(
        "iban-behind",
        f"{EDGE}[A-Z]{{6}}[0-9A-Z]{{14}}",
        kinds(Kind.IBAN),
        account_behind,
        before=32,
        after=64,
    ),
    Anchor(
        "iban-named",
        "IBAN[A-Z]{2}[0-9]{2}[0-9A-Z]{8}",
        kinds(Kind.IBAN),
        account,
        before=32,
        after=64,
    ),
    Anchor(
        "iban-url",
        "%(?:25)?(?:20|2[dD])[0-9A-Z]{4}%(?:25)?(?:20|2[dD])[0-9A-Z]{4}|%[2-7][0-9A-Fa-f][A-Z]{2}[0-9]{2}[0-9A-Z]{8}",
        kinds(Kind.IBAN),
        account_written,
        before=48,
        after=160,
    ),
    Anchor(
        "iban-odd-signs",
        f"{ODD}[0-9A-Z]{{4}}(?:{ODD}|[ -])[0-9A-Z]{{4}}",
        kinds(Kind.IBAN),
        account_written,
        before=48,
        after=96,
        apart=True,
    ),
    Anchor(
        "iban-odd-bytes",
        f"{ODD_BYTE}[0-9A-Z]{{4}}{ODD_BYTE}[0-9A-Z]{{4}}",
        kinds(Kind.IBAN),
        account_written,
        before=48,
        after=96,
        apart=True,
    ),
    Anchor(
        "card-verification",
        "(?:cvv2?|cvc2?|[^a-z]csc|[^a-z]cvn|card verification(?: (?:code|value|number))?|security code|kartenpr(?:\xc3\xbc|ue)fnummer|pr(?:\xc3\xbc|ue)fziffer|cryptogramme|c\xc3\xb3digo de seguridad|codice di sicurezza)"
        "[a-z_]{0,6}[^0-9A-Za-z\\n]{1,5}(?:(?:is|code|no|nr|number)[^0-9A-Za-z\\n]{1,4})?[0-9]{3}",
        kinds(Kind.CARD_VERIFICATION),
        verification,
        before=8,
        after=8,
        caseless=True,
    ),
    Anchor(
        "bank-account",
        "(?:(?:bank|giro|account|acct?|konto|cuenta|compte|conto corrente|rekening|conta)[ _.-]{0,2}(?:account|number|num|no|nr|nummer|n\xc2\xb0|#)|routing(?: (?:number|no))?|[^a-z]aba(?: (?:number|no|routing))?|sort[ _-]?code|bankleitzahl|[^a-z]blz|[^a-z]bsb)"
        "[a-z]{0,6}[^0-9A-Za-z\\n]{1,5}(?:(?:is|number|no|nr)[^0-9A-Za-z\\n]{1,4})?(?:[A-Z]{2,5})?[0-9]",
        kinds(Kind.BANK_ACCOUNT),
        bank,
        before=64,
        after=32,
        caseless=True,
    ),
    Anchor(
        "bic",
        "[^0-9A-Za-z](?:BIC|bic|Bic|SWIFT|swift|Swift)[A-Za-z/_ -]{0,10}[^0-9A-Za-z\\n]{1,5}[A-Z]{6}",
        kinds(Kind.BIC),
        bic,
        before=32,
        after=16,
    ),
)

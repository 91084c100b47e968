"""
Verification codes of cards, IBANs, bank accounts and BICs.
"""

from __future__ import annotations

import re

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, Anchor, Found, kinds
from sealgate.detect.checksums import IBAN_LENGTHS, aba, iban
from sealgate.detect.confirm import card
from sealgate.detect.model import Kind

_NOT_DIGIT = re.compile(rb"[^0-9]")

_IBAN_START = re.compile(rb"[A-Za-z]{2}[0-9]{2}[ -]?[0-9A-Za-z]{4}[ -]?[0-9A-Za-z]{4}")


def account(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm an IBAN by its country's length and mod 97, whatever text runs on behind it.
    """
    del low
    start = next(
        (
            s
            for s in range(end - 12, end - 15, -1)
            if s >= 0 and _IBAN_START.fullmatch(text, s, end)
        ),
        end,
    )
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
        elif char not in {b" ", b"-"} or not text[stop + 1 : stop + 2].isalnum():
            return None
        stop += 1
    if taken < length or text[stop : stop + 1].isalnum():
        return None
    compact = text[start:stop].replace(b" ", b"").replace(b"-", b"").upper()
    if not iban(compact):
        return None
    return start, stop, Kind.IBAN, CONFIRMED


def verification(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm three or four digits right after a verification word; the anchor ends on three.
    """
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
    """
    Confirm an account, sort or routing number after a bank word.
    """
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


def bic(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm ISO 9362 structure with a country that has IBANs or a common one.
    """
    del low
    start = end - 6
    found = _BIC.match(text, start, high)
    if found is None:
        return None
    country = found[1].decode("ascii")
    if country not in IBAN_LENGTHS and country not in {
        "US",
        "CA",
        "AU",
        "JP",
        "CN",
        "IN",
        "SG",
        "HK",
        "NZ",
        "ZA",
        "KR",
        "MX",
    }:
        return None
    return start, found.end(), Kind.BIC, CONFIRMED


ANCHORS = (
    *card.ANCHORS,
    Anchor(
        "iban",
        f"{EDGE}[A-Z]{{2}}[0-9]{{2}}[ -]?[0-9A-Z]{{4}}[ -]?[0-9A-Z]{{4}}",
        kinds(Kind.IBAN),
        account,
        before=32,
        after=64,
        caseless=True,
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

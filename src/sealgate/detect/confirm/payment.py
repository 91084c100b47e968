"""
Cards, their verification codes, IBANs, bank accounts and BICs.
"""

from __future__ import annotations

import re

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, POSSIBLE, Anchor, Found, kinds
from sealgate.detect.checksums import IBAN_LENGTHS, aba, iban, luhn
from sealgate.detect.model import Kind

# ISO/IEC 7812-1 issuer identification numbers of the schemes that are in use.
_ISSUERS = (
    (re.compile(rb"4"), (13, 16, 18, 19)),
    (re.compile(rb"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"), (16,)),
    (re.compile(rb"3[47]"), (15,)),
    (re.compile(rb"1800|2131"), (15,)),
    (re.compile(rb"3(?:0[0-5]|[689])"), (14, 16)),
    (re.compile(rb"35(?:2[89]|[3-8])"), (16,)),
    (re.compile(rb"6011|64[4-9]|65"), (16, 19)),
    (re.compile(rb"62|81"), (16, 17, 18, 19)),
    (re.compile(rb"5[06789]|6"), (12, 13, 14, 15, 16, 17, 18, 19)),
)
_CARD = re.compile(rb"[0-9](?:[ -]?[0-9]){11,18}(?![0-9A-Za-z]|[ -]?[0-9]{4}|\.[0-9])")
_CARD_START = re.compile(rb"[0-9](?:[ -]?[0-9]){12}")
_SEPARATORS = b" -"
_GROUP = 4
# Over text in lower case, and each alternative begins with its letter: ten times faster than
# a search that ignores case, and this is asked for each number that passes.
_CARD_WORD = re.compile(
    rb"card|karte|tarjeta|carte|carta|cart\xc3\xa3o|visa|master|amex|american express|p(?<!\wp)an\b|credit|kredit|debit|maestro|diners|discover|jcb"
)
_NOT_DIGIT = re.compile(rb"[^0-9]")
_CONTEXT = 48
_SHORTEST_ALONE = 14  # old 12 and 13 digit cards are read only after a card word


def known_issuer(digits: bytes) -> bool:
    """
    Return whether *digits* start in an issuer's range and have a length it uses.
    """
    return any(prefix.match(digits) and len(digits) in lengths for prefix, lengths in _ISSUERS)


def _follows_group(text: bytes, start: int, low: int) -> bool:
    group = start - 1 - _GROUP
    return group >= low and text[start - 1] in _SEPARATORS and text[group : start - 1].isdigit()


def _repeats_one(digits: bytes) -> bool:
    # One digit repeated is a filler.
    return digits.count(digits[:1]) == len(digits)


def _is_named(text: bytes, start: int, low: int) -> bool:
    first = max(low, start - _CONTEXT)
    # With the byte before: a word may begin at the first one.
    near = text[max(first - 1, 0) : start].lower()
    return _CARD_WORD.search(near, min(first, 1)) is not None


def card(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm issuer, length and Luhn; without Luhn only after a card word.
    """
    found = None
    for start in range(end - 13, max(low, end - 17) - 1, -1):
        if _CARD_START.fullmatch(text, start, end) and not text[start - 1 : start].isalnum():
            found = _CARD.match(text, start, high)
            break
    if found is None or _follows_group(text, start, low):
        return None
    digits = found.group().translate(None, _SEPARATORS)
    if len(digits) < _SHORTEST_ALONE or _repeats_one(digits) or not known_issuer(digits):
        return None
    if text[start - 2 : start - 1].isdigit() and text[start - 1 : start] in {b".", b","}:
        return None  # the fraction of a number
    named = _is_named(text, start, low)
    if luhn(digits):
        grouped = len(found.group()) != len(digits)
        if named or grouped:
            confidence = CONFIRMED
        else:  # one in ten numbers passes Luhn, and few cards have another length
            confidence = LIKELY if len(digits) in {15, 16} else POSSIBLE
        return start, found.end(), Kind.PAYMENT_CARD, confidence
    if named:  # test numbers may fail Luhn
        return start, found.end(), Kind.PAYMENT_CARD, POSSIBLE
    return None


def card_after_word(text: bytes, end: int, low: int, high: int) -> Found | None:
    """
    Confirm a card right after its word: any issuer and length; test numbers may fail Luhn.
    """
    del low
    start = end - 4
    found = _CARD.match(text, start, high)
    if found is None:
        return None
    digits = found.group().translate(None, _SEPARATORS)
    if not known_issuer(digits) or _repeats_one(digits):
        return None
    return start, found.end(), Kind.PAYMENT_CARD, CONFIRMED if luhn(digits) else POSSIBLE


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
    # Two anchors, not one with an alternative: that is four times faster to scan for.
    # Without separators the first one sees those by six as well.
    Anchor(
        "card",
        f"{EDGE}[2-68][0-9]{{3}}[ -]?[0-9]{{4}}[ -]?[0-9]{{4}}[ -]?[0-9]",
        kinds(Kind.PAYMENT_CARD),
        card,
        before=80,
        after=24,
    ),
    Anchor(
        "card-by-six",
        "[^0-9A-Za-z]3[0-9]{3}[ -][0-9]{6}[ -][0-9]{3}",
        kinds(Kind.PAYMENT_CARD),
        card,
        before=80,
        after=24,
    ),
    Anchor(
        "card-word",
        "(?:card|karte|kartennummer|tarjeta|carte|cart\xc3\xa3o|[^a-z]cc|[^a-z]pan)[a-z]{0,8}[\"']?[^0-9A-Za-z\\n]{1,4}(?:(?:number|num|nr|no|n\xc2\xb0|is|ist|es|:)[^0-9A-Za-z\\n]{1,4}){0,2}[0-9]{4}",
        kinds(Kind.PAYMENT_CARD),
        card_after_word,
        before=8,
        after=32,
        caseless=True,
    ),
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

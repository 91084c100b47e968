"""
National identification numbers and dates of birth.

Numbers of 8 to 11 digits match everything, so checksum *and* a word are asked for.
Alone stand only formats that nothing else has. Checksums are python-stdnum's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module

from sealgate.detect.anchor import (
    CONFIRMED,
    EDGE,
    LIKELY,
    POSSIBLE,
    Anchor,
    Confirm,
    Found,
    kinds,
)
from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence

# A word, and the numbers it can announce (modules of python-stdnum, Luhn and mod checks inside).
# A short word is written ``\\bword\\b``: it needs an edge on both sides.
_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("\\bssn\\b|social security|\\bitin\\b|taxpayer id", ("us.ssn", "us.itin")),
    ("tax id|\\btin\\b|\\bein\\b|employer identification", ("us.ein", "us.itin", "us.ssn", "de.idnr")),
    ("social insurance|\\bsin\\b", ("ca.sin",)),
    ("national insurance|\\bnino\\b|\\bni number|\\bni no\\b", ()),
    ("\\bnhs\\b", ("gb.nhs",)),
    ("\\butr\\b", ("gb.utr",)),
    ("steuer-?id|identifikationsnummer|\\bidnr\\b|steuer-?nummer|steuer-?nr", ("de.idnr", "de.stnr", "at.tin")),
    ("sozialversicherung|\\bsvnr\\b|versicherungsnummer|rentenversicherung", ("at.vnr", "ch.ssn")),
    ("\\bahv\\b|\\bavs\\b", ("ch.ssn",)),
    ("\\bbsn\\b|burgerservice|sofinummer", ("nl.bsn",)),
    ("\\bdni\\b|\\bnif\\b|\\bnie\\b|documento", ("es.dni", "es.nie", "es.nif", "pt.nif")),
    ("codice fiscale|\\bcf\\b", ("it.codicefiscale",)),
    ("\\bnir\\b|s\xc3\xa9curit\xc3\xa9 sociale|\\binsee\\b|\\bnss\\b|seguridad social", ("fr.nir",)),
    ("num\xc3\xa9ro fiscal|registre national", ("fr.nif", "be.nn")),
    ("\\bpesel\\b", ("pl.pesel",)),
    ("personnummer|person-?nr|\\bpnr\\b|f\xc3\xb8dselsnummer|fodselsnummer", ("se.personnummer", "no.fodselsnummer")),
    ("\\bcpr\\b", ("dk.cpr",)),
    ("\\bhetu\\b|henkil\xc3\xb6tunnus", ("fi.hetu",)),
    ("rijksregister|\\bnrn\\b|\\bniss\\b", ("be.nn",)),
    ("contribuinte", ("pt.nif",)),
    ("cart\xc3\xa3o de cidad\xc3\xa3o", ("pt.cc",)),
    ("\\bcpf\\b", ("br.cpf",)),
    ("\\bcurp\\b", ("mx.curp",)),
    ("\\brfc\\b", ("mx.rfc",)),
    ("\\brut\\b", ("cl.rut",)),
    ("\\bcuit\\b|\\bcuil\\b", ("ar.cuit",)),
    ("aadhaa?r|\\buidai?\\b", ("in_.aadhaar",)),
    ("\\bpan\\b", ("in_.pan",)),
    ("\\btfn\\b|tax file", ("au.tfn",)),
    ("\\bppsn?\\b", ("ie.pps",)),
    ("\\bcnp\\b", ("ro.cnp",)),
    ("\\begn\\b", ("bg.egn",)),
    ("\\boib\\b", ("hr.oib",)),
    ("rodn\xc3\xa9 \xc4\x8d", ("cz.rc",)),
    ("\\bamka\\b", ("gr.amka",)),
    ("kimlik", ("tr.tckimlik",)),
    ("isikukood", ("ee.ik",)),
    ("national id|\\bid card|\\bid number|identity card|identity number|ausweisnummer|c\xc3\xa9dula|voter id", ()),
)  # fmt: skip
_TOKEN = re.compile(rb"(?<![0-9A-Za-z.,])[0-9A-Z](?:[ ./-]?[0-9A-Za-z]){6,20}(?![0-9A-Za-z])")
_HAS_DIGITS = re.compile(rb"[0-9](?:[^0-9\n]*[0-9]){4}")
_YEARS = re.compile(rb"(?:19|20)[0-9]{2}[ ./-]{1,3}(?:19|20)[0-9]{2}")


@cache
def _checker(module: str) -> Callable[[str], bool]:
    return import_module(f"stdnum.{module}").is_valid  # type: ignore[no-any-return] # untyped library


def valid_anywhere(module: str, value: str) -> bool:
    """Return whether python-stdnum's *module* accepts *value*; its own faults count as no."""
    try:
        return _checker(module)(value)
    except (ValueError, IndexError, KeyError, TypeError):
        return False


def _tokens(text: bytes, at: int, high: int) -> list[tuple[int, int, str]]:
    found = []
    for match in _TOKEN.finditer(text, at, high):
        start, end = match.span()
        # Words run into a number ("12345678Z and"): offer each cut at a blank, longest first.
        while end > start:
            value = text[start:end]
            if (
                _HAS_DIGITS.search(value)
                and not _YEARS.fullmatch(value)
                and not DATE.fullmatch(value)
            ):
                found.append((start, end, value.decode("latin-1")))
            cut = value.rfind(b" ")
            if cut <= 0:
                break
            end = start + cut
    return found


def _after_word(modules: tuple[str, ...]) -> Confirm:
    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """Confirm a number after its word: the checksum of one of the issuers the word names."""
        del low
        at = end - 1 if not text[end - 1 : end].isalnum() else end
        if _HAS_DIGITS.search(text, at, high) is None:
            return None
        for start, stop, value in _tokens(text, at, high):
            for module in modules:
                if valid_anywhere(module, value):
                    return start, stop, Kind.NATIONAL_ID, CONFIRMED
        return _unchecked(text, at, high, alone="us.ssn" in modules)

    return confirm


_NUMBER_SIGN = re.compile(
    rb"(?P<sign>(?:[ ._-]{0,2}(?:card|number|num|no|nr|id|code|nummer|n\xc2\xb0|n\xc2\xba|identification|information))*"
    rb"[\"']?[ .]{0,2}(?:[:=#]|is |was )?[ \"'#]{0,3})(?=[A-Z0-9])",
    re.IGNORECASE,
)
_SAYS_NUMBER = re.compile(rb"[:=#'\"]|num|no|nr|nummer|is|was|n\xc2", re.IGNORECASE)
_DOCUMENT = re.compile(rb"[A-Z]{0,8}[ -]?[0-9](?:[ .-]?[0-9A-Z]){4,16}(?![0-9A-Za-z])")


def _unchecked(text: bytes, at: int, high: int, *, alone: bool) -> Found | None:
    """
    Find a number without its checksum right behind its word: as people misspell them.

    Unless *alone*, something must say that a number follows ("no", a colon).
    """
    sign = _NUMBER_SIGN.match(text, at, high)
    if sign is None or not (alone or _SAYS_NUMBER.search(sign["sign"])):
        return None
    found = _DOCUMENT.match(text, sign.end(), high)
    if found is None or not _HAS_DIGITS.search(found.group()) or DATE.match(found.group()):
        return None
    return found.start(), found.end(), Kind.NATIONAL_ID, POSSIBLE


_PAPER = re.compile(
    rb"[^0-9A-Za-z\n]{1,4}(?:(?:number|num|no|nr|nummer|is|was|id|de|n\xc2\xb0|n\xc2\xba|card)[^0-9A-Za-z\n]{1,4}){0,3}((?=[A-Z0-9-]{0,12}[0-9]{4})[A-Z0-9][A-Z0-9-]{5,14})(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_DATE = re.compile(rb"[0-9]{2,4}-[0-9]{2}-[0-9]{2,4}\Z")


def paper(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a passport, licence or identity-card number after its word, by shape."""
    del low
    found = _PAPER.match(text, end, high)
    if found is None or _DATE.match(found[1]):
        return None
    return found.start(1), found.end(1), Kind.NATIONAL_ID, LIKELY


def _formatted(
    pattern: str, module: str, confidence: Confidence, width: int
) -> Callable[[bytes, int, int, int], Found | None]:
    whole = re.compile(pattern.encode("latin-1") + rb"(?![0-9A-Za-z]|-[0-9])")

    def confirm(text: bytes, end: int, low: int, high: int) -> Found | None:
        """Confirm a format that stands alone, by its issuer's checksum."""
        for start in range(max(low, end - width), end):
            found = whole.match(text, start, high)
            if found is None or found.end() < end:
                continue
            if start > 0 and (
                text[start - 1 : start].isalnum()
                or (
                    text[start - 1 : start] in {b"-", b"."}
                    and text[start - 2 : start - 1].isdigit()
                )
            ):
                continue
            if not module or valid_anywhere(module, found.group().decode("latin-1")):
                return start, found.end(), Kind.NATIONAL_ID, confidence
        return None

    return confirm


# Its anchor is the last half of the number, so no edge stands before it.
_ENDS_ONLY = "se-personnummer"

# Formats that nothing else has: pattern, its narrow anchor, the checker.
_ALONE: tuple[tuple[str, str, str, str, Confidence, int], ...] = (
    ("us-ssn", "[0-9]{3}-[0-9]{2}-[0-9]{4}", "[0-9]{3}-[0-9]{2}-[0-9]{4}", "us.ssn", LIKELY, 12),
    ("it-codice-fiscale", "[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]", "[A-Z]{6}[0-9]{2}[A-T][0-9]{2}[A-Z][0-9]{3}[A-Z]", "it.codicefiscale", CONFIRMED, 17),
    ("ch-ahv", "756\\.[0-9]{4}\\.[0-9]{4}\\.[0-9]{2}", "756\\.[0-9]{4}\\.[0-9]{4}\\.[0-9]{2}", "ch.ssn", CONFIRMED, 17),
    ("br-cpf", "[0-9]{3}\\.[0-9]{3}\\.[0-9]{3}-[0-9]{2}", "[0-9]{3}\\.[0-9]{3}\\.[0-9]{3}-[0-9]{2}", "br.cpf", CONFIRMED, 15),
    ("be-nn", "[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}-[0-9]{3}\\.[0-9]{2}", "[0-9]{2}\\.[0-9]{2}\\.[0-9]{2}-[0-9]{3}\\.[0-9]{2}", "be.nn", CONFIRMED, 16),
    ("fr-nir", "[12] [0-9]{2} [0-9]{2} [0-9]{2} [0-9]{3} [0-9]{3} [0-9]{2}", "[12] [0-9]{2} [0-9]{2} [0-9]{2} [0-9]{3} [0-9]{3} [0-9]{2}", "fr.nir", CONFIRMED, 22),
    ("se-personnummer", "(?:19|20)?[0-9]{6}[-+][0-9]{4}", "[01][0-9][0-3][0-9][-+][0-9]{4}", "se.personnummer", LIKELY, 14),
    ("fi-hetu", "[0-3][0-9][01][0-9]{3}[-A][0-9]{3}[0-9A-Y]", "[0-3][0-9][01][0-9]{3}[-A][0-9]{3}[0-9A-Y]", "fi.hetu", LIKELY, 12),
    ("mx-curp", "[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", "[A-Z]{4}[0-9]{6}[HM][A-Z]{5}[0-9A-Z][0-9]", "mx.curp", CONFIRMED, 19),
    ("gb-nino", "(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", "[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", "", LIKELY, 14),
    ("es-dni", "[0-9]{8}-?[A-HJ-NP-TV-Z]", "[0-9]{8}-?[A-HJ-NP-TV-Z]", "es.dni", LIKELY, 11),
    ("es-nie", "[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]", "[XYZ]-?[0-9]{7}-?[A-HJ-NP-TV-Z]", "es.nie", LIKELY, 12),
)  # fmt: skip

_MONTHS = rb"(?:jan|feb|m[a\xc3]|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz]|ene|abr|ago|dic|fev|avr|ao\xc3|gen|mag|giu|lug|set|ott|mei|mrt)[a-z\xc3\xa4\xa9\xbb.]{0,7}"
DATE = re.compile(
    rb"(?:(?:18|19|20)[0-9]{2}[-./](?:0?[1-9]|1[0-2])[-./](?:0?[1-9]|[12][0-9]|3[01])"
    rb"|(?:0?[1-9]|[12][0-9]|3[01])[-./ ](?:0?[1-9]|[12][0-9]|3[01])[-./ ](?:(?:18|19|20)[0-9]{2}|[0-9]{2})"
    rb"|(?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th|\.|\xc2\xba)?(?: de| of)?[ -]" + _MONTHS + rb"(?: de|,)?[ -](?:18|19|20)[0-9]{2}"
    rb"|" + _MONTHS + rb" (?:0?[1-9]|[12][0-9]|3[01])(?:st|nd|rd|th)?,? (?:18|19|20)[0-9]{2})(?![0-9A-Za-z])",
    re.IGNORECASE,
)  # fmt: skip


def birth_date(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a date within a few words after a birth word."""
    del low
    found = DATE.search(text, end, high)
    if found is None or text[found.start() - 1 : found.start()].isdigit():
        return None
    between = text[end : found.start()]
    if b"\n" in between.strip() or between.count(b" ") > 7:  # noqa: PLR2004 - a clause, not a sentence
        return None
    return found.start(), found.end(), Kind.BIRTH_DATE, LIKELY


def _word_pattern(words: str) -> str:
    """Return the anchor of one row of words; short ones need an edge on both sides."""
    return "|".join(
        w.replace("\\b", EDGE, 1).replace("\\b", "[^0-9A-Za-z]") for w in words.split("|")
    )


ANCHORS = (
    *(
        Anchor(
            f"national-id-{number}",
            _word_pattern(words),
            kinds(Kind.NATIONAL_ID),
            _after_word(modules),
            before=8,
            after=72,
            caseless=True,
        )
        for number, (words, modules) in enumerate(_WORDS)
    ),
    Anchor(
        "identity-paper",
        "(?:passport|reisepass|pasaporte|passeport|passaporto|paspoort|passaporte|personalausweis|driv(?:er|er's|ers|er\xe2\x80\x99s|ing) ?licen[cs]e|dl number|f\xc3\xbchrerschein|permis de conduire|license number|green card)",
        kinds(Kind.NATIONAL_ID),
        paper,
        before=40,
        after=56,
        caseless=True,
    ),
    *(
        Anchor(
            name,
            anchor if confidence is CONFIRMED or name == _ENDS_ONLY else EDGE + anchor,
            kinds(Kind.NATIONAL_ID),
            _formatted(pattern, module, confidence, width),
            before=32,
            after=16,
        )
        for name, pattern, anchor, module, confidence, width in _ALONE
    ),
    Anchor(
        "birth-word",
        "birth|[^a-z]born|[^a-z]d\\.?o\\.?b|geboren|[^a-z]geb\\.|geburtsdatum|geburtstag|nacimiento|nacid[oa]|naissance|n\xc3\xa9e? le|nascita|[^a-z]nat[oa] il|geboortedatum|nascimento|nascid[oa]",
        kinds(Kind.BIRTH_DATE),
        birth_date,
        before=32,
        after=72,
        caseless=True,
    ),
)

# Every checker of python-stdnum that a table above names.
ANCHOR_MODULES = frozenset(m for _, modules in _WORDS for m in modules) | {
    row[3] for row in _ALONE if row[3]
}

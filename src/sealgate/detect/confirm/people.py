"""
People's names and street addresses in running text, where a word announces them.

Names without such a word need a language model; columns are read by
``sealgate.detect.columns``, which does better with less.
"""

from __future__ import annotations

import re

from sealgate.detect.anchor import EDGE, LIKELY, Anchor, Found, kinds
from sealgate.detect.catalogue import Kind

_UPPER = rb"(?:[A-Z]|\xc3[\x80-\x9e])"
_WORD = _UPPER + rb"(?:[a-z\x80-\xff'\xe2-]|[A-Z](?=[a-z])){1,24}"
_PARTICLE = rb"(?:de la|de los|del|de|van der|van den|van|von der|von|der|di|da|dos|do|el|al|bin|ibn|la|le|zu|ten|ter)"
NAME = re.compile(
    _UPPER + rb"(?:\.|[a-z\x80-\xff'-]{1,24}(?:[A-Z][a-z]{1,20})?)(?:[ \xa0](?:" + _PARTICLE + rb"[ ])?" + _UPPER
    + rb"(?:\.|(?:'[A-Z])?[a-z\x80-\xff'-]{1,24}(?:[A-Z][a-z]{1,20})?)){0,3}"
)  # fmt: skip
_NO_NAME = re.compile(
    rb"(?:The|This|That|You|Your|We|Our|It|Please|Thank|No|Yes|None|Null|True|False|Unknown|Required|Error|Street|Road|Dear|President|Chairman|Sir|Madam|All|Team|Customer|User|Name|Nombre|Fecha|Datos|Edad|Sexo|Remitido|Domicilio|Hospital|Servicio|Paciente|Mujer|Hombre|Var|Ni|Lactante|Dr|Dra|Doctor|Doctora|Prof)(?![a-z])"
)  # fmt: skip


def name(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm capitalised words right after a form of address or a label."""
    del low
    start = end - 1 if text[end - 2 : end - 1] != b"\xc3" else end - 2
    found = NAME.match(text, start, high)
    if found is None or _NO_NAME.match(found.group()):
        return None
    stop = found.end()
    if found.group()[-1:] in b".'-":
        stop -= 1
    if stop - start < 2:  # noqa: PLR2004 - a lone letter is no name
        return None
    return start, stop, Kind.PERSON_NAME, LIKELY


_US_STREET = re.compile(
    rb"(?<![0-9A-Za-z.,$#/:-])[0-9]{1,6}(?:[- ]?[A-Z](?![a-z]))?(?:-[0-9]{1,4})? (?:(?:[NSEW]|NE|NW|SE|SW|North|South|East|West)\.? )?"
    rb"(?:(?:[A-Z0-9\xc3][A-Za-z0-9\x80-\xff'.-]{0,24}) ){1,4}"
    rb"(?:Street|Str|St|Avenue|Ave|Av|Road|Rd|Drive|Dr|Lane|Ln|Boulevard|Blvd|Court|Ct|Circle|Cir|Place|Pl|Terrace|Ter|Way|Parkway|Pkwy|Highway|Hwy|Square|Sq|Crescent|Cres|Close|Trail|Loop|Walk|Row|Mews|Grove|Gardens|Hill|Broadway)(?![A-Za-z])\.?"
    rb"(?:,? (?:Apt|Apartment|Suite|Ste|Unit|Floor|Fl|Room|Rm|#)\.? ?[0-9A-Z]{1,5})?",
    re.IGNORECASE,
)  # fmt: skip


_NUMBER_NEAR = re.compile(rb"(?<![0-9A-Za-z])[0-9][^\n]{4,72}\Z")


def english_street(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a house number, one to four words, and the street word at the anchor."""
    number = _NUMBER_NEAR.search(text, low, end)
    if number is None:
        return None
    for found in _US_STREET.finditer(text, number.start(), high):
        if found.end() >= end - 1 > found.start():
            words = found.group().split()
            if not words[1][:1].isupper() and not words[1][:1].isdigit():
                return None
            return found.start(), found.end(), Kind.STREET_ADDRESS, LIKELY
        if found.start() > end:
            break
    return None


_HOUSE = rb"[0-9]{1,5}(?: ?[a-zA-Z](?![A-Za-z0-9]))?(?:[-/][0-9]{1,4})?"
_GERMANIC = re.compile(
    rb"(?<![0-9A-Za-z\x80-\xff])(?:" + _UPPER + rb"[A-Za-z\x80-\xff.]{0,30}+[ ]){0,3}(?:" + _UPPER + rb"[A-Za-z\x80-\xff-]{0,40})?"
    rb"(?:[Ss]tra(?:\xc3\x9f|\xdf|ss)e|[Ss]tr\.|[Ww]eg|[Pp]latz|[Aa]llee|[Gg]asse|[Uu]fer|[Dd]amm|[Rr]ing|straat|laan|plein|gracht|kade|singel|gade|vej|gatan|gata|v\xc3\xa4gen|veien|katu|tie) ?"
    + _HOUSE + rb"(?![0-9A-Za-z])"
)  # fmt: skip


_NAME_FIRST = re.compile(_UPPER)
_STREET_REVERSED = re.compile(rb"(?:[A-Za-z\x80-\xff -]|\.(?! ?[a-z0-9]))+")


def germanic_street(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a street in German, Dutch or Nordic order: name, then number."""
    backwards = _STREET_REVERSED.match(text[low : end - 1][::-1])
    if backwards is None:
        return None
    for found in _GERMANIC.finditer(text, end - 1 - backwards.end(), high):
        if found.start() < end <= found.end() + 1:
            if not _NAME_FIRST.match(found.group()):
                return None
            return found.start(), found.end(), Kind.STREET_ADDRESS, LIKELY
    return None


_ROMANCE = re.compile(
    rb"(?:[dl]')?[A-Za-z0-9\xc3][A-Za-z0-9\x80-\xff.'-]{0,30}(?:[ ][A-Za-z\x80-\xff][A-Za-z\x80-\xff.'-]{0,30}){0,4}"
    rb"(?:,? ?(?:n\xc2\xb0|n\xc2\xba|N|#)?[ .]{0,2}[0-9]{1,5}(?![0-9])(?:(?: ?[A-Z]|[a-z])(?![A-Za-z]))?|,? s/n)"
    rb"(?:[, -]{1,2}[0-9]{1,3}(?![0-9]) ?(?:\xc2\xba|\xc2\xaa|[A-Z])?(?: ?[A-Z](?![A-Za-z]))?)?"
)  # fmt: skip
_NUMBER_FIRST = re.compile(rb"(?<![0-9A-Za-z])[0-9]{1,5}(?: ?(?:bis|ter))?,? \Z")


_ROMANCE_WORDS = (
    "calle|c/|cl\\.|avda\\.?|avenida|av\\.|plaza|paseo|pza\\.?|pso\\.?|carrera|camino|carretera|ctra\\.?|ronda|traves\xc3\xada"
    "|rue|avenue|boulevard|place|chemin|all\xc3\xa9e|quai|impasse|route|via|viale|piazza|corso|vicolo|rua|travessa|pra\xc3\xa7a|largo|estrada"
)
_ROMANCE_WORD = re.compile(
    f"(?<![0-9A-Za-z])(?:{_ROMANCE_WORDS})[ ,/]".encode("latin-1"), re.IGNORECASE
)


# Streets that are numbered instead of named, as in Colombia: "Carrera 4 No. 9-02".
_NUMBERED = re.compile(rb"c|a|diagonal|transversal", re.IGNORECASE)


def romance_street(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a street in Spanish, French, Italian or Portuguese: street word, name, number."""
    for word in _ROMANCE_WORD.finditer(text, low, end):
        start = word.start()
        before = _NUMBER_FIRST.search(text, max(low, start - 10), start)
        if word.group().endswith(b"//"):
            continue
        if text[word.end() : word.end() + 1].isdigit() and not _NUMBERED.match(word.group()):
            continue
        found = _ROMANCE.match(text, word.end(), high)
        if before is not None and found is None:
            found, start = _ROMANCE_NAME.match(text, word.end(), high), before.start()
        if found is not None and found.end() >= end - 1:
            return start, found.end(), Kind.STREET_ADDRESS, LIKELY
    return None


_ROMANCE_NAME = re.compile(
    rb"(?:(?:de la|de l'|de|du|des|d'|l'|la|le|les)[ ]?){0,2}"
    + _UPPER
    + rb"[A-Za-z\x80-\xff'-]{1,30}(?:[ -](?:(?:de|du|des|la|le)[ -])?"
    + _UPPER
    + rb"[A-Za-z\x80-\xff'-]{1,30}){0,3}"
)  # fmt: skip

# In lower case most of these are words of any text ("way", "close", "hill").
_STREET_WORDS = [
    "Street",
    "Str",
    "St",
    "Avenue",
    "Ave",
    "Road",
    "Rd",
    "Drive",
    "Dr",
    "Lane",
    "Ln",
    "Boulevard",
    "Blvd",
    "Court",
    "Ct",
    "Circle",
    "Cir",
    "Place",
    "Pl",
    "Terrace",
    "Ter",
    "Way",
    "Parkway",
    "Pkwy",
    "Highway",
    "Hwy",
    "Square",
    "Sq",
    "Crescent",
    "Cres",
    "Close",
    "Trail",
    "Loop",
    "Walk",
    "Row",
    "Mews",
    "Grove",
    "Gardens",
    "Hill",
    "Broadway",
]

_UP = "(?:[A-Z]|\xc3[\x80-\x9e])"

ANCHORS = (
    Anchor(
        "form-of-address",
        f"[^0-9A-Za-z.](?:Mrs?\\.?|Ms\\.?|Miss|Mx\\.?|Dr\\.?|Dra\\.?|Drs\\.?|Prof\\.?|Professor|Sir|Herrn?|Frau|Sra?\\.?|Srta\\.?|Don|Do\xc3\xb1a|D\xc2\xaa|Mme|Mlle|Monsieur|Madame|Sig\\.?|Signora?|Dhr\\.?|Mevr\\.?|Mevrouw|Meneer|Dott\\.?|Ing\\.) {_UP}",
        kinds(Kind.PERSON_NAME),
        name,
        before=24,
        after=112,
    ),
    Anchor(
        "name-label",
        "(?:(?:my name is|mein name ist|me llamo|mi nombre es|je m'appelle|mi chiamo|attn\\.?:?) |"
        "(?:sincerely|regards|cheers),? ?\\n?|"
        "(?:(?:first|last|full|given|family|sur|middle|customer|patient|contact|holder|display|user|employee"
        "|nach|vor|person|real)[ _-]?names?|apellidos?|nombre|cognome|pr\xc3\xa9nom|m\xc3\xa9dico|remitido por)"
        "[\"']?[:=,] {0,3}\\n?[\"']?)" + _UP,
        kinds(Kind.PERSON_NAME),
        name,
        before=24,
        after=112,
        caseless=True,
    ),
    Anchor(
        "street-english",
        " (?:"
        + "|".join(f"{w}|{w.upper()}" for w in _STREET_WORDS)
        + "|street|avenue|boulevard|blvd)"
        "[ ,.\\n\"';<)]",
        kinds(Kind.STREET_ADDRESS),
        english_street,
        before=80,
        after=32,
    ),
    Anchor(
        "street-germanic",
        "(?:tra(?:\xc3\x9f|\xdf|ss)e|tr\\.|weg|platz|allee|gasse|ufer|damm|ring|straat|laan|plein|gracht|kade|singel|gade|vej|gatan|gata|v\xc3\xa4gen|veien|katu|tie) ?[0-9]",
        kinds(Kind.STREET_ADDRESS),
        germanic_street,
        before=96,
        after=24,
    ),
    Anchor(
        "street-romance",
        f"{EDGE}(?i:{_ROMANCE_WORDS})[ ,/]{{1,2}}"
        "(?:(?:de|del|du|des|da|do|dos|la|le|les|los|las|della|dei|delle)[ ]){0,2}(?:[dl]')?(?:[A-Z0-9]|\xc3)",
        kinds(Kind.STREET_ADDRESS),
        romance_street,
        before=48,
        after=112,
    ),
    Anchor(
        "street-spanish",  # these words are no others', so small letters may follow
        f"{EDGE}(?i:calle|avenida|avda\\.?) [a-z]",
        kinds(Kind.STREET_ADDRESS),
        romance_street,
        before=48,
        after=112,
    ),
)

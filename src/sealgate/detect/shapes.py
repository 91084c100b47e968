"""
Whether one value of a column has the shape of a kind.

Each test answers for one value; how many of a sample must agree is decided in
``columns``. Tests are strict about form and know nothing of headers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from sealgate.detect.checksums import IBAN_LENGTHS, iban, luhn
from sealgate.detect.confirm.card import known_issuer
from sealgate.detect.confirm.identity import DATE
from sealgate.detect.confirm.medical import ICD10
from sealgate.detect.confirm.secrets import HASH_FORMATS
from sealgate.detect.given_names import GIVEN_NAMES

Shape = Callable[[str], bool]

_EMAIL = re.compile(
    r"(?:mailto:)?[^\s@<>,;:\"()]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}[.;,]?", re.ASCII
)
_IPV4 = re.compile(
    r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})"
)
_IPV6 = re.compile(r"(?=(?:[^:]*:){2})[0-9A-Fa-f:]{3,39}(?:\.[0-9.]{5,12})?")
_NOT_DIGIT = re.compile(r"[^0-9]")
_PHONE = re.compile(
    r"[+(]{0,2}[0-9][0-9 ()./\-\u2013]{5,22}[0-9](?: ?(?:x|ext\.?|#)? ?[0-9]{1,6})?", re.IGNORECASE
)
_NANP = re.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-.])[2-9][0-9]{2}[-. ][0-9]{4}(?: ?(?:x|ext\.?) ?[0-9]+)?",
    re.IGNORECASE,
)
_INTERNATIONAL = re.compile(r"\+[1-9][0-9 ()./-]{7,20}")
_SSN = re.compile(r"(?!000|666|9)[0-9]{3}-(?!00)[0-9]{2}-(?!0000)[0-9]{4}")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_HEX_DIGEST = re.compile(
    r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})"
)
_BASE64_DIGEST = re.compile(r"[A-Za-z0-9+/]{27}=|[A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{86}==")
_PEM = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,2}PRIVATE KEY")
_NUMBER = re.compile(r"[-+]?[$€£]? ?[0-9][0-9.,' ]*(?:[eE][-+]?[0-9]+)? ?(?:%|[$€£]|EUR|USD)?")
_GENDER = frozenset(
    ["m", "f", "w", "d", "x", "u", "male", "female", "man", "woman", "men", "women", "männlich", "weiblich", "divers", "mann", "frau", "herr", "masculino", "femenino", "hombre", "mujer", "varón", "homme", "femme", "masculin", "féminin", "h", "maschio", "femmina", "maschile", "femminile", "man", "vrouw", "masculin", "feminino", "masculino", "mr", "mrs", "ms", "neutered", "spayed", "other", "unknown", "nonbinary", "non-binary", "transgender", "none", "all", "both", "u/unknown", "m/male", "f/female", "indefinido", "otro", "hembra", "macho"]
)  # fmt: skip
_COORDINATE = re.compile(r"-?[0-9]{1,3}[.,][0-9]{2,}")
_COORDINATES = re.compile(
    r"(?:POINT ?)?\(?\s*-?[0-9]{1,3}\.[0-9]+[ ,;][\s,;]*-?[0-9]{1,3}\.[0-9]+\s*\)?", re.IGNORECASE
)
_STREET_WORD = re.compile(
    r"(?:\b(?:st|street|ave?|avenue|rd|road|dr|drive|ln|lane|blvd|boulevard|ct|court|cir|circle|pl|place|ter|terrace|way|pkwy|parkway"
    r"|hwy|highway|sq|square|loop|trail|trl|route|rt|rte|p\.? ?o\.? ?box|suite|ste|apt|unit|floor|fl|room|building|bldg|broadway"
    r"|calle|carrera|cra|cll|kr|cl|av|avda|avenida|diagonal|transversal|plaza|paseo|camino|carretera|barrio|vereda|km|rue|chemin|quai|place|allee|impasse"
    r"|via|viale|piazza|corso|vicolo|rua|travessa|praca|largo|estrada)\b|stra(?:ss|ß)e|str\.|weg\b|platz\b|gasse\b|straat\b|laan\b|plein\b|gracht\b)",
    re.IGNORECASE,
)  # fmt: skip
_HOUSE_FIRST = re.compile(r"\s*[0-9][0-9A-Za-z/-]*\s+\S*[A-Za-z]")
_HOUSE_LAST = re.compile(r"[^\W\d][\w .'-]*,*[ ,](?:n[ro.º°]*\s*)?[0-9]+ ?[a-zA-Z]?(?:\W.*)?")
_POSTAL = re.compile(
    r"[0-9]{5}(?:-?[0-9]{4})?|[0-9]{5}\.0|[0-9]{3,4}|[0-9]{6}|[0-9]{4} ?[A-Z]{2}|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z](?: ?[0-9][A-Z][0-9])?|[0-9]{2}-[0-9]{3}|[0-9]{3} [0-9]{2}|[0-9]{4}-[0-9]{3}|[0-9]{5}-[0-9]{3}|[A-Z]{1,2}-[0-9]{4,5}",
    re.IGNORECASE,
)  # fmt: skip
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
_ORGANISATION = re.compile(
    r"\b(?:llc|inc|corp|corporation|company|co|ltd|limited|gmbh|ag|kg|sarl|srl|spa|s\.?a\.?s?|b\.?v\.?|n\.?v\.?|lp|llp|plc|pc|pllc|dba"
    r"|school|college|university|hospital|clinic|center|centre|department|dept|office|bureau|agency|authority|commission|committee|council|board"
    r"|church|association|assoc|society|foundation|institute|bank|trust|fund|group|services?|systems?|solutions|partners|partnership|associates"
    r"|construction|properties|realty|restaurant|cafe|hotel|store|shop|market|farm|park|library|museum|theater|theatre|street|avenue|road|city of|town of|county|village|district"
    r"|division|unit|course|golf|township|city|elementary|club|team|lake|river|bridge|program|project|plan|report|total|unknown|other|none|various|all|north|south|east|west|the|and|of|for|de la salud|ese|hospital|centro|instituto|fundacion|corporacion|colegio|escuela|alcaldia|secretaria|ministerio|empresa|cooperativa|clinica|universidad)\b",
    re.IGNORECASE,
)  # fmt: skip
_NAME_TOKEN = re.compile(r"[^\W\d_](?:[^\W\d_]|['\u2019`-](?=[^\W\d_]))*\.?")
_SUFFIX = re.compile(
    r"(?:jr|sr|i{1,3}|iv|vi{0,3}|ix|x|1st|2nd|3rd|4th|md|phd|esq|dds|do|rn|cpa|pe)\.?",
    re.IGNORECASE,
)
_BOOLEAN = frozenset("true false yes no y n t f 0 1 ja nein si sí oui non on off x".split())  # noqa: SIM905 - a list of words
_MOST_NAME_TOKENS = 6


def digits_of(value: str) -> str:
    """Return only the ASCII digits of *value*."""
    return _NOT_DIGIT.sub("", value)


def email(value: str) -> bool:
    """Return whether *value* is one e-mail address."""
    return _EMAIL.fullmatch(value) is not None


def phone(value: str) -> bool:
    """Return whether *value* could be a phone number: 7 to 15 digits in a phone's dress."""
    return (
        _PHONE.fullmatch(value) is not None
        and 7 <= len(digits_of(value)) <= 20  # noqa: PLR2004 - E.164 and an extension
        and not DATE.fullmatch(value.encode())
        and "." not in value.removesuffix(".0")[-3:]
    )


def phone_alone(value: str) -> bool:
    """Return whether *value* is a phone number also without a header."""
    return _NANP.fullmatch(value) is not None or _INTERNATIONAL.fullmatch(value) is not None


def ip_address(value: str) -> bool:
    """Return whether *value* is an IPv4 or IPv6 address."""
    if _IPV4.fullmatch(value) is not None:
        return True
    # A clock time has the alphabet of an IPv6 address, but neither its groups nor its gap.
    return _IPV6.fullmatch(value) is not None and (value.count(":") == 7 or "::" in value)  # noqa: PLR2004 - eight groups


def iban_value(value: str) -> bool:
    """Return whether *value* is an IBAN, compact or grouped."""
    compact = value.replace(" ", "").replace("-", "").upper()
    return compact[:2] in IBAN_LENGTHS and compact.isascii() and iban(compact.encode("ascii"))


def bic_value(value: str) -> bool:
    """Return whether *value* has the structure of a BIC."""
    return _BIC.fullmatch(value.upper()) is not None


def card(value: str) -> bool:
    """Return whether *value* is a card number: issuer, length and Luhn."""
    digits = digits_of(value).encode("ascii")
    return (
        len(digits) + value.count(" ") + value.count("-") == len(value)
        and card_like(value)
        and luhn(digits)
    )


def card_like(value: str) -> bool:
    """Return whether *value* has a card's issuer range and length; test numbers may fail Luhn."""
    digits = digits_of(value).encode("ascii")
    return known_issuer(digits) and len(set(digits)) > 1


def password_hash(value: str) -> bool:
    """Return whether *value* is a stored-password format that says so itself."""
    return HASH_FORMATS.fullmatch(value.encode("utf-8", "replace")) is not None


def digest(value: str) -> bool:
    """Return whether *value* is a bare digest; only a password column makes it a password's."""
    return _HEX_DIGEST.fullmatch(value) is not None or _BASE64_DIGEST.fullmatch(value) is not None


def jwt(value: str) -> bool:
    """Return whether *value* looks like a compact JWT."""
    return _JWT.fullmatch(value) is not None


def private_key(value: str) -> bool:
    """Return whether *value* starts an armoured private key."""
    return _PEM.match(value) is not None


def ssn(value: str) -> bool:
    """Return whether *value* is a US social security number in its written form."""
    return _SSN.fullmatch(value) is not None


def date(value: str) -> bool:
    """Return whether *value* starts with a calendar date."""
    data = value.encode("utf-8", "replace")
    found = DATE.match(data)
    return (found is not None and len(data) - found.end() <= _TIME) or _COMPACT_DATE.fullmatch(
        value
    ) is not None


_COMPACT_DATE = re.compile(
    r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?:18|19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[T ].*"
)
_TIME = 20  # a time of day and its zone may follow
_OLDEST = 125  # in years
_YEAR = re.compile(r"(?:18|19|20)[0-9]{2}(?:\.0)?")


def year(value: str) -> bool:
    """Return whether *value* is a year since 1800."""
    return _YEAR.fullmatch(value) is not None


def age(value: str) -> bool:
    """Return whether *value* is a number of years that people reach."""
    return (
        number(value)
        and value.removesuffix(".0").isdigit()
        and int(value.removesuffix(".0")) < _OLDEST
    )


def number(value: str) -> bool:
    """Return whether *value* is a number, with a currency sign or not."""
    return _NUMBER.fullmatch(value) is not None


def verification_code(value: str) -> bool:
    """Return whether *value* is three or four digits."""
    return value.isdigit() and value.isascii() and len(value) in {3, 4}


def access_code(value: str) -> bool:
    """Return whether *value* is a short code with digits."""
    return 4 <= len(value) <= 12 and value.isalnum() and any(c.isdigit() for c in value)  # noqa: PLR2004 - codes are short


def token(value: str) -> bool:
    """Return whether *value* is long, without blanks, and mixed."""
    return (
        len(value) >= 16  # noqa: PLR2004 - shorter ones are names
        and not any(c.isspace() for c in value)
        and any(c.isdigit() for c in value)
        and len(set(value)) >= 8  # noqa: PLR2004 - a filler has fewer
        and not value.startswith(("http://", "https://"))
    )


def identifier(value: str) -> bool:
    """Return whether *value* is a number of an issuer: short, with at least five digits."""
    return len(digits_of(value)) >= 5 and len(value) <= 24 and "@" not in value  # noqa: PLR2004 - issuers' numbers


def gender(value: str) -> bool:
    """Return whether *value* is a word or letter for a gender."""
    return value.lower().strip(".") in _GENDER


def icd10(value: str) -> bool:
    """Return whether *value* is an ICD-10 code."""
    return ICD10.fullmatch(value.upper().encode("utf-8", "replace")) is not None


def text(value: str) -> bool:
    """Return whether *value* is made of words."""
    letters = sum(c.isalpha() for c in value)
    return letters >= 2 and letters * 2 >= len(value)  # noqa: PLR2004 - half of it


def word(value: str) -> bool:
    """Return whether *value* is one word as in a login: a letter first, no blanks."""
    return value[:1].isalpha() and not any(c.isspace() for c in value) and 2 <= len(value) <= 64  # noqa: PLR2004 - as shells have it


def place(value: str) -> bool:
    """Return whether *value* could name a city: words without digits."""
    return text(value) and not any(c.isdigit() for c in value) and len(value) <= 50  # noqa: PLR2004 - names of cities are shorter


def postal_code(value: str) -> bool:
    """Return whether *value* has a country's shape of postal codes."""
    return _POSTAL.fullmatch(value) is not None


def coordinate(value: str) -> bool:
    """Return whether *value* is a latitude, a longitude or a pair."""
    if _COORDINATES.fullmatch(value):
        return True
    return _COORDINATE.fullmatch(value) is not None and abs(float(value.replace(",", "."))) <= 180  # noqa: PLR2004 - degrees


def street(value: str) -> bool:
    """Return whether *value* could be an address line, given that the header says so."""
    if email(value) or value.startswith(("http", "www.")) or len(value) > 120 or coordinate(value):  # noqa: PLR2004 - longer is prose
        return False
    return any(c.isalpha() for c in value) or value.isdigit()


def street_alone(value: str) -> bool:
    """Return whether *value* is a street address also without a header."""
    if len(value) > 120 or number(value) or date(value):  # noqa: PLR2004 - longer is prose
        return False
    return _STREET_WORD.search(value) is not None and (
        _HOUSE_FIRST.match(value) is not None or _HOUSE_LAST.fullmatch(value) is not None
    )


def _tokens(value: str) -> list[str] | None:
    parts = value.replace(",", " ").split()
    if not 0 < len(parts) <= _MOST_NAME_TOKENS or not all(_NAME_TOKEN.fullmatch(p) for p in parts):
        return None
    return parts


def name_part(value: str) -> bool:
    """Return whether *value* could be a part of a name, given that the header says so."""
    return (
        (_tokens(value) is not None and not boolean(value))
        or _SUFFIX.fullmatch(value) is not None
        or (
            len(value) <= 2 and value[:1].isalpha()  # noqa: PLR2004 - an initial
        )
    )


def person(value: str) -> bool:
    """Return whether *value* could be a whole name: two to six words, none of a company's."""
    parts = _tokens(value)
    return parts is not None and len(parts) >= 2 and _ORGANISATION.search(value) is None  # noqa: PLR2004 - two words


def known_person(value: str) -> bool:
    """Return whether *value* could be a whole name and one of its words is a common given name."""
    return person(value) and has_given_name(value)


def has_given_name(value: str) -> bool:
    """Return whether one of the words of *value* is a common given name."""
    flat = unicodedata.normalize("NFKD", value.lower())
    flat = "".join(c for c in flat if not unicodedata.combining(c))
    return any(
        p.strip(".,") in GIVEN_NAMES for p in flat.replace(",", " ").replace("-", " ").split()
    )


def suffix(value: str) -> bool:
    """Return whether *value* is a suffix of names (Jr., III)."""
    return _SUFFIX.fullmatch(value) is not None


def boolean(value: str) -> bool:
    """Return whether *value* is one half of a yes or no."""
    return value.lower() in _BOOLEAN

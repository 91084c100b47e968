"""
The checksums that decide most: Luhn and ISO 7064 mod 97, over digits as bytes.

The rest is python-stdnum's work (see ``confirm.identity``); these two are asked for
every candidate and so are kept short.
"""

from __future__ import annotations

_DIGITS = b"0123456789"
_PLAIN = bytes.maketrans(_DIGITS, bytes(range(10)))
_DOUBLED = bytes.maketrans(_DIGITS, bytes(sum(divmod(2 * d, 10)) for d in range(10)))
_ZERO = ord("0")
_BASE36 = {c: str(n) for n, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}

# ISO 13616 registry: the length of an IBAN, by country.
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22,
    "BH": 22, "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24,
    "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27,
    "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20,
    "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24,
    "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25,
    "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
    "YE": 30,
}  # fmt: skip


def luhn(digits: bytes) -> bool:
    """Return whether ASCII *digits* pass the Luhn check (ISO/IEC 7812-1, Annex B)."""
    total = sum(digits[-1::-2].translate(_PLAIN)) + sum(digits[-2::-2].translate(_DOUBLED))
    return total % 10 == 0


def iban(compact: bytes) -> bool:
    """Return whether upper-case *compact* is an IBAN: country, its length, mod 97 = 1."""
    text = compact.decode("ascii", "replace")
    if IBAN_LENGTHS.get(text[:2]) != len(text) or not text[2:4].isdigit():
        return False
    try:
        return int("".join(map(_BASE36.__getitem__, text[4:] + text[:4]))) % 97 == 1
    except KeyError:
        return False


def aba(digits: bytes) -> bool:
    """Return whether nine ASCII *digits* are a US routing number (ABA, weights 3-7-1)."""
    values = [c - _ZERO for c in digits]
    weights = (3, 7, 1) * 3
    return any(values) and sum(v * w for v, w in zip(values, weights, strict=True)) % 10 == 0

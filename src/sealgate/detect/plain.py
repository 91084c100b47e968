"""
Cells in the plainest form of their kind, told without a search.

A column that was seen to hold one kind mostly holds it in one form: a bare address, a
compact IBAN. Each form here is narrower than what the scanner finds: a cell that has
it is one confirmed value from end to end, so nothing else in it could be preferred.
Any other cell is left to the scanner. ``tests/laws`` holds both to the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

from sealgate.detect.catalogue import Kind
from sealgate.detect.checksums import IBAN_LENGTHS, iban
from sealgate.detect.confirm.contact import FILE_ENDINGS, number_plan

Form = Callable[[Sequence[bytes]], list[bytes]]
"""
Takes cells without line feeds and returns those that do not have the form, in order.
"""

# Longer cells are left to the scanner; so no part of a plain one is over the limits of
# RFC 5321, 4.5.3.1 (64) and RFC 1035, 2.3.4 (63).
_LONGEST = 60


def _lines(form: str) -> re.Pattern[bytes]:
    # One match runs over any number of lines. Possessive groups have nothing in them that
    # could be taken back: that had a fault before Python 3.11.5.
    return re.compile(f"(?:(?=[^\\n]{{1,{_LONGEST}}}+\\n){form}\\n)*".encode())


_ENDINGS = b"|".join(sorted(FILE_ENDINGS)).decode()
_EMAIL = _lines(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*+(?<!\.)@(?:(?!-)[A-Za-z0-9-]++(?<!-)\.){1,7}+"
    rf"(?!(?:{_ENDINGS})\n)[a-z]{{2,13}}+"
)
# A public address with nothing about it that could be a version or a network.
_IPV4 = _lines(
    r"(?!(?:10|127|172|192|22[4-9]|2[3-9][0-9])\.)(?:2[0-4][0-9]|25[0-5]|1[0-9]{2}|[1-9][0-9])"
    r"(?:\.(?:2[0-4][0-9]|25[0-5]|1[0-9]{2}|[1-9]?[0-9])(?![0-9])){2}"
    r"\.(?:2[0-4][0-9]|25[0-5]|1[0-9]{2}|[1-9][0-9]?)"
)
_PHONE = _lines(r"\+[1-9][0-9]*+(?:[ -][0-9]++){0,6}+")
# Three digits of a number differ, and there are 7 to 15 (ITU-T E.164, 6.2).
_DIALLED = r"(?=[0-9]{7,15}\n)(?=([0-9])\1*+([0-9])(?:\1|\2)*+[0-9])"
_PHONE_SIGNS = b"+ -"
_COUNTRY_CODES = (1, 2, 3)  # digits of a country code, ITU-T E.164, 6.2.1


def _others(pattern: re.Pattern[bytes], cells: Sequence[bytes]) -> list[int]:
    """Return the places of the *cells* that are not matched by the lines of *pattern*."""
    text = b"\n".join(cells) + b"\n"
    others: list[int] = []
    at = line = 0
    while True:
        found = pattern.match(text, at)
        stop = found.end() if found is not None else at
        if stop == len(text):
            return others
        line += text.count(b"\n", at, stop)
        others.append(line)
        line += 1
        at = text.index(b"\n", stop) + 1


def email(cells: Sequence[bytes]) -> list[bytes]:
    """Return the *cells* that are no bare address."""
    return [cells[n] for n in _others(_EMAIL, cells)]


def ip_address(cells: Sequence[bytes]) -> list[bytes]:
    """Return the *cells* that are no public IPv4 address."""
    return [cells[n] for n in _others(_IPV4, cells)]


# Country, and what stands for it in the number that is divided (ISO 13616, Annex A).
_BY_COUNTRY = {
    country.encode(): (length, f"{ord(country[0]) - 55}{ord(country[1]) - 55}".encode())
    for country, length in IBAN_LENGTHS.items()
}


def account(cells: Sequence[bytes]) -> list[bytes]:
    """Return the *cells* that are no compact IBAN in upper case."""
    first = cells[0][:2]
    length, country = _BY_COUNTRY.get(first, (0, b""))
    if length and not _others(_digits_of(first.decode(), length), cells):
        # The usual case, a column of one country, without a call for each.
        return [cell for cell in cells if int(cell[4:] + country + cell[2:4]) % 97 != 1]
    return [cell for cell in cells if not _is_account(cell)]


@cache
def _digits_of(country: str, length: int) -> re.Pattern[bytes]:
    return re.compile(f"(?:{country}[0-9]{{{length - 2}}}+\\n)*".encode())


def _is_account(cell: bytes) -> bool:
    return (
        _BY_COUNTRY.get(cell[:2], (0, b""))[0] == len(cell)
        and cell.isalnum()
        and cell.isupper()
        and iban(cell)
    )


def phone(cells: Sequence[bytes]) -> list[bytes]:
    """
    Return the *cells* that are no number with country code, in groups or in one, as planned.

    The plan of the country that the first number has is asked; the others are left over.
    """
    others = _others(_PHONE, cells)
    if len(others) == len(cells):
        return list(cells)
    left = set(others)
    numbers = [cell for n, cell in enumerate(cells) if n not in left] if left else cells
    digits = b"\n".join(numbers).translate(None, _PHONE_SIGNS).split(b"\n")
    pattern = next(
        (p for w in _COUNTRY_CODES if (p := _national(int(digits[0][:w]))) is not None), None
    )
    if pattern is None:
        return list(cells)
    return [cells[n] for n in others] + [numbers[n] for n in _others(pattern, digits)]


@cache
def _national(code: int) -> re.Pattern[bytes] | None:
    plan = number_plan(code)
    if plan is None:
        return None
    return _lines(f"{_DIALLED}{code}(?:{plan[0].pattern.decode()})(?=\\n)")


FORMS: dict[Kind, Form] = {
    Kind.EMAIL: email,
    Kind.IBAN: account,
    Kind.IP_ADDRESS: ip_address,
    Kind.PHONE: phone,
}

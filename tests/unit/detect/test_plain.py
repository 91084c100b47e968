"""
Plain forms: what is counted by its form, and what is left to the scanner.

``tests/laws/test_table_laws.py`` holds every form to what the scanner finds.
"""

from __future__ import annotations

import pytest

from sealgate.detect.catalogue import Kind
from sealgate.detect.plain import FORMS

_PLAIN: list[tuple[Kind, bytes]] = [
    (Kind.EMAIL, b"greta.lindqvist7@mail3.example.com"),
    (Kind.EMAIL, b"G_K-1@a-b.example.museum"),
    (Kind.IBAN, b"DE89370400440532013000"),
    (Kind.IBAN, b"GB82WEST12345698765432"),
    (Kind.IP_ADDRESS, b"85.214.132.117"),
    (Kind.PHONE, b"+49 30 901820"),
    (Kind.PHONE, b"+4930901820"),
    (Kind.PHONE, b"+1 212-555-0123"),
]
_LEFT: list[tuple[Kind, bytes]] = [
    (Kind.EMAIL, b"export@2026.example.zip"),
    (Kind.EMAIL, b"greta@-example.com"),
    (Kind.EMAIL, b"greta.@example.com"),
    (Kind.EMAIL, b"Greta <greta@example.com>"),
    (Kind.EMAIL, b"a" * 65 + b"@example.com"),
    (Kind.IBAN, b"DE88370400440532013000"),
    (Kind.IBAN, b"DE89 3704 0044 0532 0130 00"),
    (Kind.IBAN, b"XX89370400440532013000"),
    (Kind.IBAN, b""),
    (Kind.IP_ADDRESS, b"192.168.3.4"),
    (Kind.IP_ADDRESS, b"127.0.0.1"),
    (Kind.IP_ADDRESS, b"85.214.132.0"),
    (Kind.IP_ADDRESS, b"85.214.132.1170"),
    (Kind.PHONE, b"+49 1"),
    (Kind.PHONE, b"+49  30 901820"),
    (Kind.PHONE, b"+999 30 901820"),
    (Kind.PHONE, b"030 901820"),
    (Kind.PHONE, b"+44 44444444"),
]


@pytest.mark.parametrize(("kind", "cell"), _PLAIN)
def test_plain_cells_are_told(kind: Kind, cell: bytes) -> None:
    """A bare value in its usual form is none of those that are left."""
    assert FORMS[kind]([cell] * 3) == []


@pytest.mark.parametrize(("kind", "cell"), _LEFT)
def test_any_other_cell_is_left(kind: Kind, cell: bytes) -> None:
    """Another spelling, a value with a fault or something around it is left to the scanner."""
    assert FORMS[kind]([cell]) == [cell]
    usual = next(c for k, c in _PLAIN if k is kind)
    assert FORMS[kind]([usual, cell, usual, cell]) == [cell, cell]


def test_numbers_of_another_country_are_left() -> None:
    """The plan of the first number's country is asked; all others are left, none is lost."""
    cells = [b"+49 30 901820", b"+44 20 79460958", b"none", b"+49 89 5432100"]
    assert sorted(FORMS[Kind.PHONE](cells)) == [b"+44 20 79460958", b"none"]

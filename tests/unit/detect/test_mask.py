"""What is shown of a value, and of a place that carries one."""

from __future__ import annotations

from functools import cache

import pytest

from sealgate.detect import Kind
from sealgate.detect.mask import length_class, mask_text, mask_value
from sealgate.detect.scanner import Scanner


@cache
def scanner() -> Scanner:
    """Return the one scanner of this module."""
    return Scanner()


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, "1-7"), (7, "1-7"), (8, "8-15"), (31, "16-31"), (63, "32-63"), (64, "64+")],
)
def test_length_class(length: int, expected: str) -> None:
    """Lengths are told in doubling classes."""
    assert length_class(length) == expected


def test_card_shows_last_four() -> None:
    """A card shows its last four digits, and no more."""
    assert mask_value(Kind.PAYMENT_CARD, b"4111 1111 1111 1234") == "[payment-card ends 1234]"


def test_short_card_shows_nothing() -> None:
    """Of twelve digits four would be a third: nothing is shown."""
    assert mask_value(Kind.PAYMENT_CARD, b"630427373398") == "[payment-card 8-15]"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("exports/anna@example.com.csv", "exports/[email].csv"),
        ("iban-DE89370400440532013000.txt", "iban-[iban].txt"),
        ("card_4111111111111111.json", "card_[payment-card].json"),
        ("https://x.example/?password=hunter2&a=1", "https://x.example/?password=[password]&a=1"),
        ("https://x.example/u/anna%40example.com/", "https://x.example/u/[email]/"),
        ("phone-015112345678.csv", "phone-[phone].csv"),
        ("customer 998877665544.csv", "customer [number].csv"),
        ("backup-20261124120000.sql", "backup-20261124120000.sql"),
        ("2026-11/report.csv", "2026-11/report.csv"),
        ("kunden/Müller & Söhne.ods", "kunden/Müller & Söhne.ods"),
    ],
)
def test_mask_text(place: str, expected: str) -> None:
    """Values in a place are masked, dates and words stay readable."""
    assert mask_text(place, scanner()) == expected


def test_mask_text_keeps_undecodable_names() -> None:
    """A file name that is no UTF-8 comes out as it came in."""
    name = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    assert mask_text(name, scanner()) == name

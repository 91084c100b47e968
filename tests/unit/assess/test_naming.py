from __future__ import annotations

from urllib.parse import quote

import pytest

from sealgate.assess.naming import is_known_name, show_column, show_place
from sealgate.detect.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Give one scanner for all."""
    return Scanner()


@pytest.mark.parametrize(
    "place", ["/srv/share/2026-03-31 press.pdf", "postgresql://db.example:5432/shop:customers"]
)
def test_a_place_without_values_is_shown_as_it_is(scanner: Scanner, place: str) -> None:
    """Dates, hosts and table names are no values."""
    assert show_place(place, scanner) == (place, False)


@pytest.mark.parametrize(
    "value",
    [
        "greta.lindqvist@example.org",
        "DE89370400440532013000",
        "4111111111111111",
        "+49 561 7012345",
    ],
)
def test_values_in_a_place_are_masked(scanner: Scanner, value: str) -> None:
    """Plain and percent-encoded, a value in a place is not shown, and the mask is told."""
    for place in (f"/srv/{value}.txt", f"/srv/{quote(value, safe='')}"):
        shown = show_place(place, scanner)
        assert value not in shown.text
        assert quote(value, safe="") not in shown.text
        assert shown.text.startswith("/srv/[")
        assert shown.masked


def test_control_characters_and_broken_names_are_escaped(scanner: Scanner) -> None:
    """A file name cannot steer a terminal, and bytes that are no text can be printed."""
    shown = show_place("/srv/a\x1b[2J\n\udcff", scanner)
    assert shown.text == "/srv/a\\x1b[2J\\n\\udcff"
    assert shown.masked


def test_a_long_place_is_cut(scanner: Scanner) -> None:
    """A place of any length is shown within bounds, and counts as masked."""
    shown = show_place("/" + "ab/" * 9999, scanner)
    assert len(shown.text) == 1025
    assert shown.masked


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "E-Mail",
        "customer.email",
        "First Name",
        "billing_address_2",
        "iban",
        "Kunde Vorname",
    ],
)
def test_names_of_columns_are_known(name: str) -> None:
    """A name made of words for columns is a name."""
    assert is_known_name(name)


@pytest.mark.parametrize(
    "name",
    ["Greta Lindqvist", "greta", "password hunter2", "greta.lindqvist email", "4111", "", "note"],
)
def test_other_headers_are_not_known(name: str) -> None:
    """A header with any other word in it may be data."""
    assert not is_known_name(name)


def test_a_column_is_shown_by_name_only_when_that_is_one(scanner: Scanner) -> None:
    """Names of a schema and of the vocabulary are shown without values, others by number."""
    assert show_column("contact_info", 3, scanner, known=True) == "contact_info"
    assert show_column("a@example.org", 3, scanner, known=True) == "[email]"
    assert show_column("Greta Lindqvist", 3, scanner, known=False) == "column 3"

"""Cells of a column: counted alike, whether read one by one or by what they have in common."""

from __future__ import annotations

import pytest

from sealgate.detect.catalogue import Kind
from sealgate.detect.cells import BETWEEN_CELLS, CellScan, Memory
from sealgate.detect.model import Confidence
from sealgate.detect.scanner import Scanner


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    """Give one scanner for all."""
    return Scanner()


def test_a_column_of_one_form_is_counted_by_it(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a column has shown its form, only cells without it reach the scanner."""
    scan = CellScan(scanner, Memory())
    scan.feed([f"greta{n}@example.org" for n in range(300)])
    scanned: list[bytes] = []
    examine = scanner.examine

    def noted(data: bytes) -> object:
        scanned.append(data)
        return examine(data)

    monkeypatch.setattr(scanner, "examine", noted)
    scan.feed([f"greta{n}@example.org" for n in range(300)] + ["call +49 30 901820"])
    assert scanned == [b"call +49 30 901820"]
    assert scan.counts.count == {Kind.EMAIL: 600, Kind.PHONE: 1}
    assert scan.counts.confidence[Kind.EMAIL] is Confidence.CONFIRMED


def test_equal_cells_are_scanned_once(scanner: Scanner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that comes again is counted again, without being scanned again."""
    memory = Memory(10)
    scan = CellScan(scanner, memory)
    streets = ["Lange Straße 12", "Kurze Straße 3", "unknown"]
    scan.feed(streets * 100)
    scan.feed(streets * 100)
    assert memory.left == 10 - len(streets)
    monkeypatch.setattr(scanner, "examine", None)
    scan.feed(streets * 100)
    assert scan.counts.count == {Kind.STREET_ADDRESS: 600}


def test_a_column_that_does_not_repeat_gives_its_memory_back(scanner: Scanner) -> None:
    """After some batches without a value that comes again, nothing more is remembered."""
    memory = Memory(5000)
    scan = CellScan(scanner, memory)
    for batch in range(20):
        scan.feed([f"Lange Straße {batch * 300 + n}" for n in range(300)])
    assert memory.left == 5000
    assert scan.counts.count == {Kind.STREET_ADDRESS: 6000}


def test_small_batches_show_a_form_together(
    scanner: Scanner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a wide table few rows make a batch; what they show adds up."""
    scan = CellScan(scanner, Memory())
    for batch in range(10):
        scan.feed([f"greta{batch}{n}@example.org" for n in range(30)])
    monkeypatch.setattr(scanner, "examine", None)
    scan.feed([f"greta{n}@example.org" for n in range(30)])
    assert scan.counts.count == {Kind.EMAIL: 330}


def test_another_form_later_on_is_seen(scanner: Scanner) -> None:
    """A column that changes what it holds is counted right from there on."""
    scan = CellScan(scanner, Memory())
    for _ in range(3):
        scan.feed([f"greta{n}@example.org" for n in range(300)])
    for _ in range(3):
        scan.feed(["DE89370400440532013000", "4111 1111 1111 1111"] * 150)
    assert scan.counts.count == {Kind.EMAIL: 900, Kind.IBAN: 450, Kind.PAYMENT_CARD: 450}


@pytest.mark.parametrize(
    "cells",
    [
        ["a@example.org", b"b@example.org"],
        [b"a@example.org", "b@example.org"],
        ["a@example.org\n\nb@example.org"],
    ],
)
def test_text_and_bytes_may_be_mixed(scanner: Scanner, cells: list[str | bytes]) -> None:
    """SQLite may have both in one column, and a cell may have blank lines in it."""
    scan = CellScan(scanner, Memory())
    size = sum(len(c) for c in cells)
    for _ in range(3):
        assert scan.feed(cells * 150) == size * 150
    assert scan.counts.count == {Kind.EMAIL: 900}


def test_candidates_over_the_budget_are_told() -> None:
    """What was not confirmed is counted as such, and not remembered as empty."""
    scan = CellScan(Scanner(budget=10), Memory())
    scan.feed(["Lange Straße 12", "Kurze Straße 3"] * 150)
    assert scan.counts.unconfirmed
    before = scan.counts.count[Kind.STREET_ADDRESS]
    scan.feed([f"Lange Straße {n}" for n in range(300)])
    assert scan.counts.count[Kind.STREET_ADDRESS] > before


def test_cells_are_kept_apart() -> None:
    """Two ends of line stand between cells: a blank line, which no value has in it."""
    assert BETWEEN_CELLS == b"\n\n"

"""The engine: anchors, budgets, kinds, and how long hostile text may take."""

from __future__ import annotations

import random
import re._parser as pattern_parser  # type: ignore[import-not-found] # the only way to ask for a pattern's width
import time
import tracemalloc
from functools import cache

import pytest

from sealgate.detect import Confidence, Kind
from sealgate.detect.anchor import LONGEST_ANCHOR
from sealgate.detect.confirm import ANCHORS
from sealgate.detect.confirm.identity import ANCHOR_MODULES, valid_anywhere
from sealgate.detect.scanner import Scanner


@cache
def scanner() -> Scanner:
    """Return the one scanner of this module."""
    return Scanner()


@pytest.mark.parametrize("anchor", ANCHORS, ids=lambda a: a.name)
def test_anchor_is_short(anchor: object) -> None:
    """No anchor is wider than the overlap of two blocks, or cutting would lose matches."""
    width = pattern_parser.parse(anchor.pattern.encode("latin-1")).getwidth()  # type: ignore[attr-defined] # an Anchor
    assert 0 < width[0] <= width[1] <= LONGEST_ANCHOR


def test_anchor_numbers_fit() -> None:
    """The number of an anchor fits the bits it is packed into."""
    assert len(ANCHORS) <= 256


@pytest.mark.parametrize("module", sorted(ANCHOR_MODULES))
def test_national_number_modules_exist(module: str) -> None:
    """Each checker that a table names is there and says no to nonsense."""
    assert valid_anywhere(module, "x") is False


def test_only_asked_kinds_are_found() -> None:
    """A scanner for cards does not tell of addresses."""
    text = b"anna@example.com paid with 4111 1111 1111 1111, cvv: 123"
    assert [m.kind for m in Scanner({Kind.PAYMENT_CARD}).scan(text)] == [Kind.PAYMENT_CARD]


def test_a_scanner_for_nothing_finds_nothing() -> None:
    """Kinds that only columns show leave a scanner without anchors, which is no fault."""
    assert Scanner({Kind.GENDER}).scan(b"anna@example.com") == []


def test_latin_1_is_read() -> None:
    """Text in Latin-1 is read like UTF-8."""
    found = scanner().scan("wohnt Lange Straße 12 in Köln, anna@example.com".encode("latin-1"))
    assert [m.kind for m in found] == [Kind.STREET_ADDRESS, Kind.EMAIL]


def test_the_surer_of_two_that_overlap_is_kept() -> None:
    """A card in a password setting is a card: its checksum is worth more than the key."""
    found = scanner().scan(b"pin: 4111 1111 1111 1111")
    assert [(m.kind, m.confidence) for m in found] == [(Kind.PAYMENT_CARD, Confidence.CONFIRMED)]


def test_the_budget_is_told() -> None:
    """Candidates over the budget are counted, and the next window has its own budget."""
    line = b"a@b.example\n"
    data = line * 10 + b"x" * (1 << 20) + line * 10
    examined = Scanner({Kind.EMAIL}, budget=4).examine(data)
    assert (len(examined.matches), examined.unconfirmed) == (8, 12)


def test_a_long_line_needs_little_memory() -> None:
    """A line of 48 MiB without an end is scanned with a few MiB."""
    chunk = b"lorem ipsum 0123 " * 8192
    stream = scanner().stream()
    stream.feed(chunk)
    tracemalloc.start()
    for _ in range(48 * (1 << 20) // len(chunk)):
        stream.feed(chunk)
    stream.close()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


_HOSTILE = [
    b"A ", b"a", b"0", b"-", b". ", b"@", b"password=", b"'", b"Calle ", b"de ", b"12 ", b"Street ",
    b"+4", b"\xc3\x9f", b"weg 1", b"-----BEGIN PRIVATE KEY-----", b"eyJhbGci", b".", b"1 ", b"Mr. A",
    b"://a:b@", b"key: ", b"\n", b"SSN ", b"$2b$10$", b"diagnosis", b"born ", b"::", b"2.2.2.2",
]  # fmt: skip


def test_hostile_text_takes_bounded_time() -> None:
    """Text made of anchors alone is read at least at 100 KB/s: no confirm step explodes."""
    rng = random.Random(7)  # noqa: S311 - made-up values
    for _ in range(150):
        parts = rng.sample(_HOSTILE, rng.randint(1, 4))
        data = b"".join(rng.choice(parts) for _ in range(400))
        # The best of three: a machine that is busy with others counts against nobody.
        assert min(_seconds_to_scan(data) for _ in range(3)) < 0.05 + len(data) / 100_000, parts


def _seconds_to_scan(data: bytes) -> float:
    began = time.thread_time()
    scanner().scan(data)
    return time.thread_time() - began

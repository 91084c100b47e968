"""The tables of spaces, dashes and digits are whole, and text reads as it is shown."""

import re
import unicodedata

import pytest

from sealgate.detect.written import (
    DASHES,
    DIGITS,
    SPACES,
    UNSEEN,
    ZEROS,
    as_read,
    unescaped,
    utf8_pattern,
)


@pytest.mark.parametrize(
    ("categories", "table"),
    [({"Zs", "Zl", "Zp"}, SPACES), ({"Pd"}, DASHES), ({"Cf"}, UNSEEN), ({"Nd"}, DIGITS)],
)
def test_a_table_holds_the_whole_of_its_category(
    categories: set[str], table: tuple[int, ...]
) -> None:
    """Every character that this Python's Unicode has in the category is there, but for ASCII."""
    of_unicode = {
        code for code in range(0x80, 0x110000) if unicodedata.category(chr(code)) in categories
    }
    assert of_unicode <= set(table)


def test_a_zero_is_one() -> None:
    """Each ten of digits begins with its zero; newer ones than this Python knows are left out."""
    for zero in ZEROS:
        values = [unicodedata.decimal(chr(zero + n), None) for n in range(10)]
        assert values in (list(range(10)), [None] * 10)


@pytest.mark.parametrize("table", [SPACES, DASHES, UNSEEN, DIGITS])
def test_a_pattern_matches_its_characters_alone(table: tuple[int, ...]) -> None:
    """In UTF-8, and nothing else of the plane."""
    pattern = re.compile(utf8_pattern(table).encode())
    matched = {
        code
        for code in (*range(0x80, 0xD800), *range(0xE000, 0x20000), *range(0xE0000, 0xE0200))
        if pattern.fullmatch(chr(code).encode())
    }
    assert matched == set(table)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("a\u00a04\u30001\u2011-", b"\x1e 4 1--"),
        ("\u0664\u0661\uff11\U0001d7d2", b"4114"),
        ("4\u200b1\u00ad\ufeff1", b"411"),
        ("\u00e94\u65e51\u00b71", b"\x1e4\x1e1 1"),
    ],
)
def test_text_reads_as_it_is_shown(text: str, reads: bytes) -> None:
    """Spaces, dashes and digits are those of ASCII; letters part nothing."""
    assert as_read(text.encode())[0].replace(b"a", b"\x1e") == reads


def test_bytes_of_latin_1_are_spaces() -> None:
    """What is no UTF-8 may be a space or dash of another set."""
    assert as_read(b"4111\xa01111\x961111")[0] == b"4111 1111 1111"


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        (b"a%20b%2D%zz%4", b"a b-%zz%4"),
        (rb"\u0034\x31\n\t\r1\q", b"41\n\t\n1\\q"),
        (rb"\ud800\u00e9", b"?" + "\u00e9".encode()),
        (b"%2520", b"%20"),
    ],
)
def test_escapes_are_read_once(text: bytes, reads: bytes) -> None:
    """Those of URLs (RFC 3986, 2.1) and JSON (RFC 8259, 7)."""
    assert unescaped(text)[0] == reads


def test_places_lead_back() -> None:
    """For each byte as it reads there is the place where it was written, and for the end its end."""
    text = "x\u00a0\u0664%20".encode()
    reads, places = as_read(text)
    assert (reads, places) == (b"x 4%20", [0, 1, 3, 5, 6, 7, 8])
    assert unescaped(text)[1] == [0, 1, 2, 3, 4, 5, 8]

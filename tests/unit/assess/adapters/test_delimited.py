from __future__ import annotations

import io

import pytest

from sealgate.assess.adapters.delimited import (
    MAX_LINE_CHARACTERS,
    delimited_contents,
    looks_delimited,
)
from sealgate.assess.adapters.opened import OpenableFile
from sealgate.assess.model import Columns, Content, Missed, Text


def read(data: bytes, name: str = "/a.csv") -> list[Content]:
    """Return the contents of a file with *data*."""
    return list(delimited_contents(OpenableFile(name, lambda: io.BytesIO(data))))


def table(data: bytes) -> dict[str, list[object]]:
    """Return the columns of *data*, over all batches."""
    found: dict[str, list[object]] = {}
    for content in read(data):
        assert isinstance(content, Columns)
        for name, cells in zip(content.names, content.cells, strict=True):
            found.setdefault(name, []).extend(cells)
    return found


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_dialects_are_recognised(delimiter: str, end: str) -> None:
    """Whatever separates fields and ends lines, the columns are the same."""
    lines = [delimiter.join(row) for row in (("id", "email"), ("1", "a@b.de"), ("2", "c@d.de"))]
    expected = {"id": ["1", "2"], "email": ["a@b.de", "c@d.de"]}
    assert table(end.join([*lines, ""]).encode()) == expected


def test_quoted_fields_hold_anything() -> None:
    """Delimiters, quotes and ends of line in quotes belong to the field (RFC 4180, 2.6)."""
    assert table(b'email,note\na@b.de,"one, ""two""\nthree"\n') == {
        "email": ["a@b.de"],
        "note": ['one, "two"\nthree'],
    }


def test_without_a_known_name_the_first_row_is_data() -> None:
    """Where no name is known the columns are numbered, and nothing is lost."""
    assert table(b"Greta Lindqvist,x\nJonas Keller,y\n") == {
        "column 1": ["Greta Lindqvist", "Jonas Keller"],
        "column 2": ["x", "y"],
    }


def test_names_that_come_twice_are_told_apart() -> None:
    """Two columns of one name are two columns, and one without a name has its number."""
    assert table(b"email,email,\na@b.de,c@d.de,3\n") == {
        "email": ["a@b.de"],
        "email 2": ["c@d.de"],
        "column 3": ["3"],
    }


def test_rows_of_unequal_length_lose_nothing() -> None:
    """A short row has no value in the last columns, a long one has columns of its own."""
    assert table(b"email,note\na@b.de\nc@d.de,x,y\n") == {
        "email": ["a@b.de", "c@d.de"],
        "note": [None, "x"],
        "column 3": [None, "y"],
    }


def test_many_rows_come_in_batches() -> None:
    """A batch is bounded, and all rows are there."""
    data = b"email,note\n" + b"a@b.de,x\n" * 100_000
    batches = read(data)
    assert len(batches) > 1
    assert sum(b.rows for b in batches if isinstance(b, Columns)) == 100_000


def test_a_header_alone_is_a_table_without_rows() -> None:
    """Its columns can be judged by their names."""
    assert read(b"email,phone\n") == [Columns(("email", "phone"), ((), ()), 0)]


@pytest.mark.parametrize(
    "broken", [b'"a" b,c\n', b'"never closed\n', b'x,"' + b"y" * 200_000 + b'"\n', b"x\ry,z\n"]
)
def test_what_is_broken_is_read_as_text_too(broken: bytes) -> None:
    """The rows before the break are kept, the break is told, and every byte is read."""
    data = b"email,note\na@b.de,x\n" + broken
    rows, missed, *text = read(data)
    assert isinstance(rows, Columns)
    assert rows.rows == 1
    assert isinstance(missed, Missed)
    assert missed.partly
    assert b"".join(t.data for t in text if isinstance(t, Text)) == data


def test_without_any_record_it_counts_as_unseen() -> None:
    """When the first record is broken nothing is known of the columns."""
    missed = read(b'"a"b\n')[0]
    assert isinstance(missed, Missed)
    assert not missed.partly


def test_an_endless_line_is_read_as_text() -> None:
    """A line over the limit is no record."""
    data = b"email,note\na@b.de,x\n" + b"y" * (MAX_LINE_CHARACTERS + 2)
    assert any(isinstance(c, Missed) for c in read(data))
    assert any(isinstance(c, Missed) for c in read(data + b"\nb@b.de,z\n"))


def test_a_guess_that_was_wrong_is_no_gap() -> None:
    """A file that only looked like a table is text, and nothing is told."""
    data = b'email,note\na@b.de,x\n"a" b,c\n'
    contents = read(data, "/a.txt")
    assert not any(isinstance(c, Missed) for c in contents)
    assert contents[-1] == Text(data)


def test_a_table_is_known_without_its_ending() -> None:
    """A known header over lines of as many fields is a table; prose with commas is not."""
    rows = "".join(f"{n};a{n}@b.de;x\n" for n in range(9))
    assert looks_delimited("id;email;note\n" + rows)
    assert not looks_delimited("walnut, linen, oak\n" * 9)
    assert not looks_delimited("id;email;note\n" + rows + "and so on\n" + rows)
    assert not looks_delimited("")

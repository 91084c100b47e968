"""
Blocks of delimited text that are split at once, and those that are not.

``tests/laws/test_table_laws.py`` holds the outcome to the csv module's.
"""

from __future__ import annotations

import pytest

from sealgate.assess.adapters import split
from sealgate.assess.adapters.split import Split, Table, split_block

_ROWS = Split((Table((["a", "b"], ["1", ""]), 2),), [])


@pytest.mark.parametrize(
    "block",
    [
        b"a,1\nb,\n",
        b"a,1\nb,",
        b"a,1\r\nb,\r\n",
        b"a,1\r\nb,\n",
        b"a,1\n\nb,\n\n",
        b'"a","1"\n"b",""\n',
        b'"a","1"\r\n"b",""\r\n',
    ],
)
def test_rows_of_one_width_are_columns(block: bytes) -> None:
    """Whatever the ends of lines, and with all fields in quotes or none."""
    assert split_block(block, ",", 2) == _ROWS


def test_plain_rows_never_reach_the_csv_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only lines with quotes, or with another number of fields, are read one by one."""
    read: list[str] = []

    by_csv = split._records

    def records(lines: list[str], delimiter: str) -> list[list[str]] | None:
        read.extend(lines)
        return by_csv(lines, delimiter)

    monkeypatch.setattr(split, "_records", records)
    block = b'a,1\n"b, c",2\nd,3\ne\nf,5,6\n'
    assert split_block(block, ",", 2) == Split(
        (Table((["a", "d"], ["1", "3"]), 2), Table((["b, c"], ["2"]), 1)),
        [["e"], ["f", "5", "6"]],
    )
    assert read == ['"b, c",2', "e", "f,5,6"]


@pytest.mark.parametrize(
    "block",
    [
        b'"a\nb",1\nc,2\n',
        b'"a" b,1\n',
        b'"a,1\n',
        b"a\rb,1\n",
        b"a,1\n" + b"x" * 200_000 + b",1\n",
        b'"a","1"\n"' + b"x" * 200_000 + b'","1"\n',
    ],
)
def test_what_spans_lines_or_is_broken_is_left(block: bytes) -> None:
    """Whoever reads line by line tells what is wrong, or joins the lines."""
    assert split_block(block, ",", 2) is None


def test_one_field_needs_no_splitting() -> None:
    """A column alone has no delimiter to tell a broken row by."""
    assert split_block(b"a\nb\n", ",", 1) is None

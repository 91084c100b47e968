from __future__ import annotations

import io
import json

import pytest

from sealgate.assess.adapters.json_cells import MAX_DEPTH
from sealgate.assess.adapters.json_stream import json_contents
from sealgate.assess.adapters.opened import OpenableFile
from sealgate.assess.model import Columns, Content, Missed, Text


def read(data: bytes, name: str = "/a.json") -> list[Content]:
    """Return the contents of a file with *data*."""
    return list(json_contents(OpenableFile(name, lambda: io.BytesIO(data))))


def table(data: bytes) -> dict[str, list[object]]:
    """Return the columns of *data*, over all batches."""
    found: dict[str, list[object]] = {}
    for content in read(data):
        assert isinstance(content, Columns)
        for name, cells in zip(content.names, content.cells, strict=True):
            found.setdefault(name, []).extend(cells)
    return found


def test_keys_are_columns() -> None:
    """Scalars stand under their key and the one above, in objects and arrays alike."""
    data = {"customers": [{"email": "a@b.de", "home": {"zip": 34117}}, {"email": None}]}
    assert table(json.dumps(data).encode()) == {
        "customers.email": ["a@b.de", None],
        "home.zip": ["34117"],
    }


@pytest.mark.parametrize("between", [b"\n", b"", b"\n\x1e"])
def test_many_texts_in_one_file(between: bytes) -> None:
    """JSON Lines, texts without anything between, and text sequences (RFC 7464)."""
    assert table(between.join([b'{"email": "a@b.de"}'] * 3)) == {"email": ["a@b.de"] * 3}


def test_escapes_are_resolved() -> None:
    r"""An address that is written ``a\u0040b.de`` is an address."""
    assert table(b'{"email": "a\\u0040b.de"}') == {"email": ["a@b.de"]}


def test_half_a_surrogate_pair_is_read() -> None:
    """A character that Unicode does not have stops nothing (RFC 8259, 8.2)."""
    (batch,) = read(b'{"email": "a@b.de", "note": "\\ud800"}')
    assert isinstance(batch, Columns)
    assert batch.names == ("email", "note")


def test_other_scalars() -> None:
    """Numbers and booleans are their text, a bare scalar has a column too."""
    assert table(b'[1, 2.50, 1e999, true, false, null, "x"]') == {
        "value": ["1", "2.50", "1e999", "true", "false", None, "x"]
    }


def test_keys_that_are_data_are_looked_at() -> None:
    """A key that is no name is a value of the column for keys, and names nothing."""
    assert table(b'{"a@b.de": {"age": 7}, "12345": {"age": 8}}') == {
        "keys": ["a@b.de", "12345"],
        "age": ["7", "8"],
    }


def test_more_names_than_are_kept_are_values() -> None:
    """With a new key for every value, later keys are looked at as data."""
    data = {f"Greta {chr(97 + n % 26)}{chr(97 + n // 26)}": n for n in range(600)}
    columns = table(json.dumps(data).encode())
    assert len(columns) < 300
    assert len(columns["keys"]) + len(columns) >= 600
    assert sum(len(cells) for name, cells in columns.items() if name != "keys") == 600


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"x}",
        b'"b": 1e}',
        b'"b": NaN}',
        b'"b": "\x01"}',
        b'"b": 1]',
        b'"b" 1}',
        b'"b": 1,}',
        b'"b": tru',
        b'"b": {"c": 1}} ,',
        b'"b": ' + b"[" * 2 * MAX_DEPTH,
    ],
)
def test_what_is_broken_is_read_as_text_too(tail: bytes) -> None:
    """The values before the break are kept, the break is told, and every byte is read."""
    data = b'{"email": "a@b.de", ' + tail
    rows, missed, *text = read(data)
    assert isinstance(rows, Columns)
    assert rows.cells[0] == ["a@b.de"]
    assert isinstance(missed, Missed)
    assert missed.partly
    assert b"".join(t.data for t in text if isinstance(t, Text)) == data


def test_without_any_value_it_counts_as_unseen() -> None:
    """When nothing could be parsed, nothing is known of its keys."""
    missed = read(b"{nothing")[0]
    assert isinstance(missed, Missed)
    assert not missed.partly


def test_a_guess_that_was_wrong_is_no_gap() -> None:
    """A log that only began like JSON is text, and nothing is told."""
    contents = read(b'{"email": "a@b.de"}\nand so on\n', "/a.log")
    assert not any(isinstance(c, Missed) for c in contents)


def test_a_long_document_comes_in_batches() -> None:
    """A batch is bounded, and all values are there."""
    contents = read(json.dumps([{"email": f"a{n}@b.de"} for n in range(100_000)]).encode())
    assert len(contents) > 1
    assert sum(len(c.cells[0]) for c in contents if isinstance(c, Columns)) == 100_000
    assert sum(c.rows for c in contents if isinstance(c, Columns)) == 100_000


def test_broken_encoding_is_told() -> None:
    """UTF-16 that ends in half a character is read, and told."""
    contents = read('{"email": "a@b.de"}'.encode("utf-16") + b"\x20")
    assert any(isinstance(c, Missed) for c in contents)

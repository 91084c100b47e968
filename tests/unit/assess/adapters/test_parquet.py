from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sealgate.assess.adapters.opened import OpenableFile, open_regular
from sealgate.assess.adapters.parquet import parquet_contents
from sealgate.assess.model import Columns, Content, Missed, Sampled

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path, sample: int | None = None) -> list[Content]:
    """Return the contents of the file at *path*."""
    return list(parquet_contents(OpenableFile(str(path), partial(open_regular, str(path))), sample))


def test_columns_of_any_type_are_read(tmp_path: Path) -> None:
    """Structures are taken apart, dictionaries resolved, everything else is its text."""
    rows: dict[str, Any] = {
        "email": pa.array(["a@b.de", None]).dictionary_encode(),
        "home": [{"zip": "34117", "lines": ["x", "y"]}, {"zip": None, "lines": []}],
        "tags": pa.array([[("k", "v")], []], pa.map_(pa.string(), pa.string())),
        "raw": [b"\xff", b""],
        "number": [1, 2],
    }
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table(rows), path)
    (batch,) = read(path)
    assert isinstance(batch, Columns)
    assert batch.from_schema
    assert batch.rows == 2
    assert dict(zip(batch.names, batch.cells, strict=True)) == {
        "email": ["a@b.de", None],
        "home.zip": ["34117", None],
        "home.lines": ["x", "y"],
        "tags.key": ["k"],
        "tags.value": ["v"],
        "raw": [b"\xff", b""],
        "number": ["1", "2"],
    }


def test_many_rows_come_in_batches(tmp_path: Path) -> None:
    """A batch is bounded, and all rows are there."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": list(range(20_000))}), path)
    batches = read(path)
    assert len(batches) > 1
    assert sum(b.rows for b in batches if isinstance(b, Columns)) == 20_000


@pytest.mark.parametrize("sample", [1, 5000, 20_000])
def test_a_sample_is_the_first_rows(tmp_path: Path, sample: int) -> None:
    """Only so many rows are read, and how many there are is told unless it is all."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": list(range(20_000))}), path)
    contents = read(path, sample)
    assert sum(b.rows for b in contents if isinstance(b, Columns)) == sample
    told = [c for c in contents if isinstance(c, Sampled)]
    assert told == ([Sampled(sample, 20_000)] if sample < 20_000 else [])


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    """Names of columns can be judged without values."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"email": pa.array([], pa.string())}), path)
    assert read(path) == [Columns(("email",), ((),), 0, from_schema=True)]


def test_what_is_damaged_is_told(tmp_path: Path) -> None:
    """A file that is none is a record, not an exception."""
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 a@example.org PAR1")
    (missed,) = read(path)
    assert isinstance(missed, Missed)
    assert not missed.partly
    assert "@" not in missed.reason


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the record tells what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (missed,) = read(tmp_path / "a.parquet")
    assert isinstance(missed, Missed)
    assert 'pip install "sealgate[parquet]"' in missed.reason

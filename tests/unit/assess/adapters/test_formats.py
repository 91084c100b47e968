from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters.formats import FORMATS, UNREADABLE, items_of_file
from sealgate.assess.model import Item, Missed, Unread
from sealgate.policy.assets import AssetKind

if TYPE_CHECKING:
    from pathlib import Path

ROWS = b"id;email;note\n" + b"1;a@b.de;x\n" * 9


def format_of(path: Path, data: bytes) -> str:
    """Return the format of a file at *path* with *data*, or why there is none."""
    path.write_bytes(data)
    (item,) = items_of_file(str(path), None)
    return item.format if isinstance(item, Item) else item.reason


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", b"walnut\n", "text"),
        ("a", b"", "text"),
        ("a.csv", b"", "text"),
        ("a.json", b" \n", "text"),
        ("a.csv", b"walnut\n", "delimited"),
        ("a.txt", ROWS, "delimited"),
        ("a.py", ROWS, "text"),
        ("a.json", b"walnut", "json"),
        ("a", b'{"a": 1}', "json"),
        ("a.log", b'\xef\xbb\xbf[{"a": 1}]', "json"),
        ("a.txt", b"{\n  1", "json"),
        ("a.txt", b"[section]\n", "text"),
        ("a.xml", b"<a/>", "text"),
        ("a.sql", b"CREATE TABLE t (a INTEGER);\n", "sql-dump"),
        ("a.txt", b"-- MySQL dump 10.13\n", "sql-dump"),
        ("a.csv", b"PAR1", "parquet"),
        ("a.gz", gzip.compress(b"walnut", mtime=0), "text.gz"),
        ("a.csv.gz", gzip.compress(b"walnut", mtime=0), "delimited.gz"),
        ("a.txt", gzip.compress(b'{"a": 1}', mtime=0), "json.gz"),
    ],
)
def test_content_comes_before_the_name(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    """A file is read as what it is; its ending only decides between kinds of text."""
    assert format_of(tmp_path / name, data) == expected


@pytest.mark.parametrize("row", UNREADABLE, ids=lambda row: row[1].hex())
def test_what_cannot_be_read_yet_says_so(tmp_path: Path, row: tuple[int, bytes, str]) -> None:
    """Each format that needs a later version is named."""
    offset, mark, name = row
    data = b"\x01" * offset + mark + b"\x00" * 300
    assert format_of(tmp_path / "a.txt", data) == f"{name}: needs a later version"


@pytest.mark.parametrize("inside", [b"SQLite format 3\x00", b"PAR1", gzip.compress(b"x", mtime=0)])
def test_what_needs_to_seek_is_not_read_out_of_gzip(tmp_path: Path, inside: bytes) -> None:
    """A database or archive inside gzip is told, not read as something else."""
    assert "inside gzip" in format_of(tmp_path / "a.gz", gzip.compress(inside + b"\x00" * 99))


def test_a_gzip_file_that_is_cut_tells(tmp_path: Path) -> None:
    """What was unpacked before the cut is read, and the cut is told."""
    data = gzip.compress(b"".join(b"walnut %d\n" % n for n in range(99_999)))
    (tmp_path / "a.gz").write_bytes(data[:-200])
    (item,) = items_of_file(str(tmp_path / "a.gz"), None)
    assert isinstance(item, Item)
    *text, missed = item.contents()
    assert text
    assert missed == Missed("it is damaged or cut off")


def test_a_file_that_is_gone_tells(tmp_path: Path) -> None:
    """A file that went away between the walk and the reading is a record."""
    (unread,) = items_of_file(str(tmp_path / "a"), None)
    assert isinstance(unread, Unread)
    assert unread.asset is AssetKind.FILE


def test_formats_have_names_of_their_own() -> None:
    """No two formats share a name."""
    names = [f.name for f in FORMATS]
    assert len(set(names)) == len(names)

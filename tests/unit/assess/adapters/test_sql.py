from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters.sql import database_at, sqlite_file
from sealgate.assess.model import Columns, Item, Missed, Sampled, Unread
from sealgate.errors import UsageError
from sealgate.policy.assets import AssetKind

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.assess.model import Content


def make(path: Path, *statements: str) -> str:
    """Make a SQLite file by *statements* and return its path."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return str(path)


def contents(path: str, sample: int | None = None) -> dict[str, list[Content]]:
    """Return the contents of each table."""
    return {
        item.name: list(item.contents())
        for item in sqlite_file(path, sample).items()
        if isinstance(item, Item)
    }


def test_every_table_is_an_item(tmp_path: Path) -> None:
    """Tables come in the order of their names, as parts of their database."""
    path = make(tmp_path / "x?#%.db", "CREATE TABLE b (x)", "CREATE TABLE 'a \"b\"' (y)")
    items = [i for i in sqlite_file(path, None).items() if isinstance(i, Item)]
    assert [(i.kind, i.place, i.parent) for i in items] == [
        (AssetKind.TABLE, f'{path}:a "b"', path),
        (AssetKind.TABLE, f"{path}:b", path),
    ]


def test_rows_are_read_in_batches(tmp_path: Path) -> None:
    """A batch is bounded, and all rows are there, with nothing for nothing."""
    path = make(
        tmp_path / "x",
        "CREATE TABLE t (a TEXT, b BLOB, c INTEGER)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)"
        " INSERT INTO t SELECT 'a' || i || '@b.de', x'ff', NULL FROM n",
    )
    batches = contents(path)["t"]
    assert len(batches) > 2
    first = batches[0]
    assert isinstance(first, Columns)
    assert first.names == ("a", "b", "c")
    assert first.from_schema
    assert [cells[0] for cells in first.cells] == [b"a1@b.de", b"\xff", None]
    assert sum(b.rows for b in batches if isinstance(b, Columns)) == 9000


def test_a_sample_is_told(tmp_path: Path) -> None:
    """Only so many rows are read, and how many there are is told unless it is all."""
    path = make(tmp_path / "x", "CREATE TABLE t (a)", "INSERT INTO t VALUES (1), (2), (3)")
    told, rows = contents(path, 2)["t"]
    assert told == Sampled(2, 3)
    assert isinstance(rows, Columns)
    assert rows.rows == 2
    assert len(contents(path, 3)["t"]) == 1


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    """Names of columns can be judged without values."""
    path = make(tmp_path / "x", "CREATE TABLE t (email)")
    assert contents(path)["t"] == [Columns(("email",), ((),), 0, from_schema=True)]


def test_a_database_without_tables_is_an_item(tmp_path: Path) -> None:
    """An empty database is looked at, not passed over."""
    path = make(tmp_path / "x", "CREATE TABLE t (a)", "DROP TABLE t")
    (item,) = sqlite_file(path, None).items()
    assert isinstance(item, Item)
    assert item.kind is AssetKind.DATABASE
    assert list(item.contents()) == []


def test_text_that_is_none_is_read(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 in a text column do not stop the reading."""
    path = make(
        tmp_path / "x", "CREATE TABLE t (a TEXT)", "INSERT INTO t VALUES (CAST(x'6140ff' AS TEXT))"
    )
    (rows,) = contents(path)["t"]
    assert isinstance(rows, Columns)
    assert rows.cells == ((b"a@\xff",),)


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    """A file that only begins like SQLite is a record, not an exception."""
    (tmp_path / "x").write_bytes(b"SQLite format 3\x00 a@example.org" + b"x" * 999)
    (unread,) = sqlite_file(str(tmp_path / "x"), None).items()
    assert isinstance(unread, Unread)
    assert unread.asset is AssetKind.DATABASE
    assert "@" not in unread.reason


def test_damage_inside_is_told(tmp_path: Path) -> None:
    """A table that breaks while it is read keeps what was read, and tells."""
    path = make(
        tmp_path / "x",
        "CREATE TABLE t (a TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
        " INSERT INTO t SELECT 'a' || i || '@b.de' FROM n",
    )
    data = bytearray((tmp_path / "x").read_bytes())
    data[-8192:] = b"\xff" * 8192
    (tmp_path / "x").write_bytes(data)
    *rows, missed = contents(path)["t"]
    assert rows
    assert isinstance(missed, Missed)
    assert not missed.partly


def test_a_url_of_a_file_is_the_file(tmp_path: Path) -> None:
    """A SQLite URL is read like the file, read-only."""
    path = make(tmp_path / "x", "CREATE TABLE t (a)")
    assert database_at(f"sqlite:///{path}", None).place == path


def test_users_and_passwords_are_no_part_of_a_place() -> None:
    """Of a URL only kind, host, port and name are kept."""
    url = "postgresql+psycopg://greta:geheim@db.example:5433/shop?options=geheim"
    assert database_at(url, None).place == "postgresql://db.example:5433/shop"


def test_a_password_that_is_not_quoted_is_not_taken_for_a_host() -> None:
    """What stands behind its first @ would be shown in every report."""
    with pytest.raises(UsageError) as caught:
        database_at("postgresql+psycopg://u:a@hunter2@db.example/shop", None)
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


def test_a_server_that_does_not_answer_is_told() -> None:
    """A database that cannot be reached is a record of what would be there."""
    source = database_at("postgresql+psycopg://greta:geheim@127.0.0.1:1/shop", None)
    (unread,) = source.items()
    assert isinstance(unread, Unread)
    assert unread.asset is AssetKind.DATABASE
    assert "geheim" not in unread.reason


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:////nowhere/x",
        "sqlite:///x?mode=ro",
        "://",
        "nonsense://h/d",
        "mysql://h/d",
    ],
)
def test_what_cannot_be_followed_is_an_error_of_usage(url: str) -> None:
    """No file, no URL and no driver are told with a hint."""
    with pytest.raises(UsageError) as caught:
        database_at(url, None)
    assert caught.value.hint

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from sealgate.assess.adapters.folder import Folder
from sealgate.assess.adapters.sources import SOURCES, source_of
from sealgate.assess.adapters.sql import DIALECTS, Database, Dialect
from sealgate.assess.model import Unread
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.assess.model import SourceKind


def test_a_path_is_a_folder_and_a_url_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths become absolute; what has a scheme is a database."""
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    source = source_of("a", shown="a")
    assert isinstance(source, Folder)
    assert source.path == str(tmp_path / "a")
    url = "postgresql+psycopg://127.0.0.1/shop"
    assert isinstance(source_of(url, shown=url, sample=3), Database)


def test_a_source_that_does_not_exist_is_told_as_it_is_shown(tmp_path: Path) -> None:
    """The message has the masked form of the path only."""
    with pytest.raises(UsageError, match='source "shown" does not exist') as caught:
        source_of(str(tmp_path / "nowhere"), shown="shown")
    assert "nowhere" not in caught.value.message


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.example)
def test_each_kind_is_chosen_and_opened(
    kind: SourceKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own example, which no kind before it claims; and it can be read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with closing(sqlite3.connect("shop.sqlite")) as made:
        made.execute("CREATE TABLE customer (name TEXT)")
    assert next(each for each in SOURCES if each.claims(kind.example)) is kind
    source = source_of(kind.example, shown="shown")
    assert type(source) is type(kind.open(kind.example, "shown", None))
    assert not [item for item in source.items() if isinstance(item, Unread)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_each_database_that_is_known_is_one_of_sqlalchemy(dialect: Dialect) -> None:
    """By the name that SQLAlchemy has for it; an extra that is named is there."""
    assert sa.make_url(f"{dialect.name}://host/name").get_backend_name() == dialect.name
    assert sa.dialects.registry.load(dialect.name)

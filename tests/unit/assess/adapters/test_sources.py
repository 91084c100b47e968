from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters import source_of
from sealgate.assess.adapters.folder import Folder
from sealgate.assess.adapters.sql import Database
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


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

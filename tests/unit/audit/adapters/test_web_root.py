"""Names in a web root, and what happens where one cannot look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.web_root import probe_web_root
from sealgate.policy.observation import NotObserved, Observation

if TYPE_CHECKING:
    from pathlib import Path


def test_finds_leftovers_below(tmp_path: Path) -> None:
    """Names are told relative to the web root; a repository is one entry; loops end."""
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / ".git" / "x.sql").touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / ".env").touch()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    [look] = probe_web_root("site a", str(tmp_path))
    assert isinstance(look, Observation)
    assert look.value == (".git", "a/b/.env")


def test_a_clean_root(tmp_path: Path) -> None:
    """Nothing found in a folder that was read whole is an observation."""
    (tmp_path / "index.html").touch()
    [look] = probe_web_root("site a", str(tmp_path))
    assert isinstance(look, Observation)
    assert look.value == ()


@pytest.mark.parametrize("entries", [1, 3])
def test_too_many_entries(tmp_path: Path, entries: int) -> None:
    """A folder that was not read whole is not observed."""
    for name in "abcd":
        (tmp_path / name).mkdir()
    [look] = probe_web_root("site a", str(tmp_path), max_entries=entries)
    assert isinstance(look, NotObserved)


def test_no_such_folder(tmp_path: Path) -> None:
    """A folder that is not there is not observed, with the reason."""
    [look] = probe_web_root("site a", str(tmp_path / "none"))
    assert isinstance(look, NotObserved)
    assert "no such file" in look.reason

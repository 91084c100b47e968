from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters.folder import Folder
from sealgate.assess.model import Item, Unread

if TYPE_CHECKING:
    from pathlib import Path


def walked(folder: Path) -> list[str]:
    """Return the places below *folder* in the order they come."""
    return [os.path.relpath(item.place, folder) for item in Folder(str(folder)).items()]


def test_files_come_in_the_order_of_names(tmp_path: Path) -> None:
    """The order depends on names only, folder by folder."""
    for name in ("b", "c/a", "c/b", "a/z", "d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert walked(tmp_path) == ["a/z", "b", "c/a", "c/b", "d"]


def test_a_file_is_a_source_too(tmp_path: Path) -> None:
    """The path of one file gives that file."""
    (tmp_path / "a").write_text("x")
    (item,) = Folder(str(tmp_path / "a")).items()
    assert isinstance(item, Item)
    assert item.name == "a"


def test_links_are_followed_once(tmp_path: Path) -> None:
    """A folder behind two links is read under the first; a file under each of its names."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_text("x")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "1").symlink_to(tmp_path / "out")
    (inside / "2").symlink_to(tmp_path / "out")
    (inside / "3").symlink_to(tmp_path / "out" / "a")
    assert walked(inside) == ["1/a", "3"]


def deepen(folder: Path, name: str, times: int) -> None:
    """Nest folders called *name*, with a file in the last."""
    descriptor = os.open(folder, os.O_RDONLY)
    for _ in range(times):
        os.mkdir(name, dir_fd=descriptor)
        below = os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("a.txt", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
    os.close(descriptor)


@pytest.mark.parametrize(("name", "times"), [("d", 1200), ("d" * 200, 40)])
def test_very_deep_folders_are_walked_or_told(tmp_path: Path, name: str, times: int) -> None:
    """Nesting deeper than Python can call is no matter; beyond the system's paths it is told."""
    deepen(tmp_path, name, times)
    try:
        (item,) = Folder(str(tmp_path)).items()
    finally:
        # Deeper than what clears temporary folders away after a test can go.
        subprocess.run(["rm", "-rf", str(tmp_path / name)], check=True)
    if len(name) == 1:
        assert isinstance(item, Item)
        assert item.name == "a.txt"
    else:
        assert isinstance(item, Unread)
        assert "file name too long" in item.reason


def test_the_log_of_a_database_belongs_to_it(tmp_path: Path) -> None:
    """Companions of a SQLite file are read through it; other files of such a name are files."""
    (tmp_path / "x").write_bytes(b"SQLite format 3\x00")
    (tmp_path / "x-wal").write_text("x")
    (tmp_path / "y-wal").write_text("x")
    (tmp_path / "z").write_text("x")
    (tmp_path / "z-journal").write_text("x")
    assert walked(tmp_path) == ["x", "y-wal", "z", "z-journal"]


def test_the_history_of_a_repository_is_told_once(tmp_path: Path) -> None:
    """Packed objects are one record, what can be read beside them is read."""
    for name in ("info", "pack", "00"):
        (tmp_path / ".git" / "objects" / name).mkdir(parents=True)
    (tmp_path / ".git" / "objects" / "00" / "ff").write_bytes(b"\x78\x01\x00")
    (tmp_path / ".git" / "config").write_text("x")
    assert walked(tmp_path) == [".git/config", ".git/objects"]

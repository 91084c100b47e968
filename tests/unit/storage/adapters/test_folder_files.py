"""Objects in a folder that go: their names at once, the room of large ones a moment later."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from sealgate.storage.adapters.folder_files import unlink
from tests.waiting import wait_until

LARGE = 64 << 20


def _open_files() -> set[str]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(link.readlink()))
    return found


@pytest.mark.parametrize("size", [0, 10, LARGE])
def test_a_name_is_gone_at_once_and_its_room_soon(tmp_path: Path, size: int) -> None:
    """Nothing keeps a removed file open for long."""
    path = tmp_path / "object"
    with path.open("wb") as file:
        file.truncate(size)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        unlink(folder, "object")
        assert not path.exists()
        assert wait_until(lambda: not any(str(tmp_path / "object") in one for one in _open_files()))
        with pytest.raises(FileNotFoundError):
            unlink(folder, "object")
    finally:
        os.close(folder)


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    """However large that is."""
    with (tmp_path / "elsewhere").open("wb") as file:
        file.truncate(LARGE)
    (tmp_path / "object").symlink_to("elsewhere")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        unlink(folder, "object")
    finally:
        os.close(folder)
    assert [one.name for one in tmp_path.iterdir()] == ["elsewhere"]

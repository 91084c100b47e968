"""
sshfs, rclone and lftp against ``sealgate serve`` and its sealed drops.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.peers.transferred import file_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

_DROPS = """
[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners", "group:readers"]

[[drop]]
name = "kept"
class = "confidential"
store = "file:stores/kept"
admit = ["group:partners", "group:readers"]
delete = []
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve two drops; in one of them nobody may take anything away."""
    with file_place(tmp_path_factory.mktemp("clients")) as place:
        place.write(_DROPS)
        with place.serving():
            yield place


@contextlib.contextmanager
def mounted(place: FilePlace, point: Path) -> Iterator[Path]:
    """Mount the drops at *point* with sshfs, as anna."""
    point.mkdir()
    # sshfs takes a part of ssh's options, and User is none of it.
    options = [one for one in place.ssh_options() if one != "-o" and not one.startswith("User=")]
    result = subprocess.run(
        ["sshfs", "anna@127.0.0.1:/", str(point), "-o", ",".join(options)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    try:
        yield point
    finally:
        subprocess.run(["fusermount3", "-u", str(point)], check=True, timeout=20)


@pytest.mark.peer("sshfs")
def test_sshfs_makes_files_of_every_usual_kind(place: FilePlace, tmp_path: Path) -> None:
    """
    Programs create, copy, append, empty, rename and remove as on a disk, and see what they write.

    sshfs asks for the attributes of a file right behind opening it, before a byte has come.
    """
    content = os.urandom(900_000)
    (tmp_path / "source").write_bytes(content)
    os.utime(tmp_path / "source", (1_000_000_000, 1_000_000_000))
    with mounted(place, tmp_path / "mount") as point:
        drop = point / "partners"
        with (drop / "new").open("xb") as file:
            assert os.fstat(file.fileno()).st_size == 0
            assert (drop / "new").stat().st_size == 0
            file.write(content)
            file.flush()
            assert os.fstat(file.fileno()).st_size == len(content)
            assert (drop / "new").stat().st_size == len(content)
            assert "new" in {one.name for one in drop.iterdir()}
        assert (drop / "new").read_bytes() == content
        (drop / "touched").touch()
        shutil.copy2(tmp_path / "source", drop / "copied")
        assert (drop / "copied").stat().st_mtime == 1_000_000_000
        with (drop / "copied").open("ab") as file:
            file.write(b"more")
        (drop / "twice").write_bytes(b"first")
        (drop / "twice").write_bytes(b"second")
        (drop / "folder").mkdir()
        (drop / "copied").rename(drop / "folder/moved")
        for command in (
            f"echo one > '{drop}/shell' && echo two >> '{drop}/shell'",
            f"cp '{tmp_path}/source' '{drop}/by cp' && cmp '{tmp_path}/source' '{drop}/by cp'",
            f"dd if='{tmp_path}/source' of='{drop}/by dd' bs=64k conv=fsync status=none",
            f"tar -C '{tmp_path}' -cf '{drop}/by tar' source && tar -tf '{drop}/by tar'",
            f"install -m 600 '{tmp_path}/source' '{drop}/installed'",
            f"rm '{drop}/new'",
        ):
            done = subprocess.run(
                ["sh", "-c", command], capture_output=True, text=True, timeout=30, check=False
            )
            assert done.returncode == 0, command + done.stderr
    with mounted(place, tmp_path / "again") as point:
        drop = point / "partners"
        assert (drop / "folder/moved").read_bytes() == content + b"more"
        assert (drop / "twice").read_bytes() == b"second"
        assert (drop / "touched").read_bytes() == b""
        assert (drop / "shell").read_bytes() == b"one\ntwo\n"
        for name in ("by cp", "by dd", "installed"):
            assert (drop / name).read_bytes() == content
        assert not (drop / "new").exists()

from __future__ import annotations

import errno
import fcntl
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import SourceError, UsageError
from sealgate.storage.adapters.file_ends import (
    PLAIN_MODE,
    SEALED_MODE,
    Input,
    Output,
    clear_dead,
)


def names(folder: Path) -> list[str]:
    """Return what lies in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path: Path) -> None:
    """Until it is finished there is nothing of its name, and afterwards nothing else."""
    target = tmp_path / "out"
    with Output(str(target), mode=PLAIN_MODE, replace=False) as out:
        assert not out.is_stream
        out.write(memoryview(b"all of it"))
        assert not target.exists()
    assert target.read_bytes() == b"all of it"
    assert names(tmp_path) == ["out"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    """The old file stays as it was, and nothing lies beside it."""
    target = tmp_path / "out"
    target.write_bytes(b"old")
    out = Output(str(target), mode=SEALED_MODE, replace=True)
    out.write(memoryview(b"half"))
    out.__exit__(ValueError, ValueError(), None)
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


def test_an_end_at_any_moment_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one between making the file and coming to know it, or before the block is entered."""
    target = tmp_path / "out"
    out = Output(str(target), mode=SEALED_MODE, replace=True)
    assert len(names(tmp_path)) == 1
    out._file.close()
    del out
    assert names(tmp_path) == []
    really = os.open

    def interrupted(*arguments: Any) -> int:
        made = really(*arguments)
        if ".sealgate-" in str(arguments[0]):
            os.close(made)
            raise KeyboardInterrupt
        return made

    monkeypatch.setattr(os, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Output(str(target), mode=SEALED_MODE, replace=True)
    assert names(tmp_path) == []


def test_what_is_there_is_replaced_only_on_demand(tmp_path: Path) -> None:
    """Then the link stays, and what it leads to is replaced."""
    target, link = tmp_path / "out", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(UsageError, match="exists already"):
        Output(str(link), mode=PLAIN_MODE, replace=False)
    with Output(str(link), mode=PLAIN_MODE, replace=True) as out:
        out.write(memoryview(b"new"))
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_name_that_was_taken_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Whoever came first keeps it, although it was free at the beginning."""
    target = tmp_path / "out"
    out = Output(str(target), mode=PLAIN_MODE, replace=False)
    target.write_bytes(b"theirs")
    with pytest.raises(UsageError, match="exists already"):
        out.__exit__(None, None, None)
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["out"]


def test_a_file_system_without_links_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a stick with FAT: the name is given by a rename."""

    def no_links(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    target = tmp_path / "out"
    with Output(str(target), mode=PLAIN_MODE, replace=False) as out:
        out.write(memoryview(b"whole"))
    assert target.read_bytes() == b"whole"
    out = Output(str(tmp_path / "second"), mode=PLAIN_MODE, replace=False)
    (tmp_path / "second").write_bytes(b"theirs")
    with pytest.raises(UsageError, match="exists already"):
        out.__exit__(None, None, None)
    assert names(tmp_path) == ["out", "second"]


def test_the_input_is_never_the_output(tmp_path: Path) -> None:
    """Under whatever name: also through a link, also when it may be replaced."""
    path, link, hard = tmp_path / "in", tmp_path / "link", tmp_path / "hard"
    path.write_bytes(b"precious")
    link.symlink_to(path)
    hard.hardlink_to(path)
    for name in (path, link, hard):
        with Input(str(path)) as source, pytest.raises(UsageError, match="input itself"):
            Output(str(name), mode=PLAIN_MODE, replace=True, source=source)
    assert path.read_bytes() == b"precious"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no regular file is not replaced by one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with Output(str(pipe), mode=PLAIN_MODE, replace=True) as out:
        assert out.is_stream
        out.write(memoryview(b"through"))
    reader.join()
    assert read == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "told"),
    [("missing", "no such file"), (".", "is a directory"), ("nul\0", "no valid path")],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    """With its name and the reason."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=told):
        Input(path)


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """No such folder, a folder in its place, and a full disk."""
    with pytest.raises(SourceError, match="cannot be written: no such file"):
        Output(str(tmp_path / "no/out"), mode=PLAIN_MODE, replace=False)
    with pytest.raises(UsageError, match="is a folder"):
        Output(str(tmp_path), mode=PLAIN_MODE, replace=True)
    with (
        Output("/dev/full", mode=PLAIN_MODE, replace=True) as out,
        pytest.raises(SourceError, match="cannot be written: no space left"),
    ):
        out.write(memoryview(b"x"))


def test_a_file_that_shrinks_is_told(tmp_path: Path) -> None:
    """Nothing is made up for what is missing."""
    path = tmp_path / "in"
    path.write_bytes(b"x" * 10)
    with Input(str(path)) as source, pytest.raises(SourceError, match="became shorter"):
        source.read_at(memoryview(bytearray(11)), 0)


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """The next one in that folder clears it away: not what is young, in use, or called otherwise."""
    kinds = ("00000000000000aa", "00000000000000bb", "00000000000000cc", "mine")
    dead, young, used, other = (tmp_path / f".sealgate-{kind}" for kind in kinds)
    for path in (dead, young, used, other):
        path.write_bytes(b"half of it")
        if path != young:
            os.utime(path, (1000, 1000))
    clear_dead.cache_clear()
    with used.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with Output(str(tmp_path / "out"), mode=PLAIN_MODE, replace=False) as out:
            out.write(memoryview(b"all of it"))
    assert names(tmp_path) == [young.name, used.name, other.name, "out"]

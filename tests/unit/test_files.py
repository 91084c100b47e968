"""Files are there whole, for their owner only."""

import os
import stat
import threading
from pathlib import Path

import pytest

from sealgate.errors import SourceError
from sealgate.files import locked, new_file, private_folder, write_durably


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    """The old content stands until the new one does; nothing else is left behind."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_durably(path, b"new", 0o600)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_replaced_file_is_a_new_one(tmp_path: Path) -> None:
    """Envoy watches for renames, so a write in place would not be seen."""
    path = tmp_path / "a"
    write_durably(path, b"one")
    with path.open("rb") as old:
        write_durably(path, b"two")
        assert old.read() == b"one"
    assert path.read_bytes() == b"two"


def test_a_new_file_replaces_nothing_and_follows_no_link(tmp_path: Path) -> None:
    """What is there, or leads elsewhere, stays as it is."""
    with new_file(tmp_path / "a", 0o640) as file:
        file.write(b"one")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("a", "link"):
        with pytest.raises(FileExistsError), new_file(tmp_path / name):
            raise AssertionError
    assert (tmp_path / "a").read_bytes() == b"one"
    assert not (tmp_path / "elsewhere").exists()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full between content and rename costs nothing that was there."""
    path = tmp_path / "key.pem"
    path.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="No space left"):
        write_durably(path, b"new", 0o600)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_others_may_enter_is_closed(tmp_path: Path) -> None:
    """Keys lie in a folder of mode 0700, whoever made it."""
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    assert stat.S_IMODE(private_folder(folder).stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    """A file in the way is an error with a hint, not a traceback."""
    (tmp_path / "a").write_text("in the way")
    with pytest.raises(SourceError, match=r'folder ".*" cannot be made') as refused:
        private_folder(tmp_path / "a" / "b")
    assert refused.value.hint
    with pytest.raises(SourceError):
        write_durably(tmp_path / "a" / "b", b"", 0o600)
    with pytest.raises(SourceError), locked(tmp_path / "a"):
        pass


def test_a_locked_folder_is_held_alone(tmp_path: Path) -> None:
    """A second holder waits until the first one is done."""
    order = []
    started = threading.Event()

    def second() -> None:
        started.set()
        with locked(tmp_path):
            order.append("second")

    with locked(tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        started.wait()
        thread.join(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]

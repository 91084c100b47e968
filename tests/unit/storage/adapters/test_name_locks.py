"""Who writes a name of a store, over several stores and processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from sealgate.storage.adapters.name_locks import NameLocks
from sealgate.storage.model import StorageError, StorePath, Trouble
from tests.unit.storage.stores import Place

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = """
import sys
from pathlib import Path
from sealgate.storage.adapters.name_locks import NameLocks
NameLocks(Path(sys.argv[1])).take(("a",))
print("held", flush=True)
sys.stdin.read()
"""


def _is_busy(locks: NameLocks, name: StorePath) -> bool:
    try:
        locks.take(name)
    except StorageError as error:
        return error.trouble is Trouble.BUSY
    locks.leave(name)
    return False


def test_a_name_is_held_against_other_processes_until_they_end(tmp_path: Path) -> None:
    """A process that is killed holds nothing any more; other names are free meanwhile."""
    path = tmp_path / "writers"
    command = [sys.executable, "-c", _HOLD, str(path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    locks = NameLocks(path)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        assert _is_busy(locks, ("a",))
        assert not _is_busy(locks, ("b",))
    finally:
        other.kill()
        other.communicate()
    assert not _is_busy(locks, ("a",))
    locks.close()


@pytest.mark.parametrize("size", [0, 100, 1_000_000])
def test_the_second_writer_of_a_name_is_refused_whatever_its_size(
    tmp_path: Path, size: int
) -> None:
    """As from its first byte; a name that a file is meant for counts like one that it has."""
    place = Place(tmp_path)
    one, two = place.open(), place.open()
    upload = one.open_write(("a",), owner="anna")
    upload.write(b"x" * size)
    for path, meant in ((("a",), None), (("staged",), ("a",))):
        with pytest.raises(StorageError) as refused:
            two.open_write(path, owner="ben", meant_for=meant)
        assert refused.value.trouble is Trouble.BUSY
    upload.commit()
    second = two.open_write(("staged",), owner="ben", meant_for=("a",))
    with pytest.raises(StorageError):
        one.open_write(("a",), owner="anna")
    second.discard()
    one.open_write(("a",), owner="anna").discard()
    one.close()
    two.close()

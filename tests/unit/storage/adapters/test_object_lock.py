"""
The locks of writers to a bucket; the bucket itself is in peers/test_storage_objects.py.
"""

from __future__ import annotations

import fcntl
from typing import TYPE_CHECKING

import pytest

from sealgate.storage.adapters.objects import ObjectsMedium
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from pathlib import Path


def medium(locks: Path) -> ObjectsMedium:
    """
    Return one that is asked for nothing of its bucket.
    """
    return ObjectsMedium(None, "bucket", "", locks, (OSError,))


def test_one_writer_holds_an_object_at_a_time(tmp_path: Path) -> None:
    """
    Another process finds it busy until the first lets go, and then nothing is left.
    """
    one = medium(tmp_path).create("ab")
    assert medium(tmp_path).is_held("ab")
    with pytest.raises(StorageError) as refused:
        medium(tmp_path).create("ab")
    assert refused.value.trouble is Trouble.BUSY
    one.close()
    assert not list(tmp_path.iterdir())
    assert not medium(tmp_path).is_held("ab")


def test_a_lock_on_a_name_that_was_let_go_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A writer lets go just as another one comes: a third would lock the name, and there were two.
    """
    first = medium(tmp_path).create("ab")
    lock = fcntl.flock

    def late(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        first.close()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(StorageError) as refused:
        medium(tmp_path).create("ab")
    assert refused.value.trouble is Trouble.BUSY
    medium(tmp_path).create("ab").close()

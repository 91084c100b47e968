"""The locks of writers to a bucket; the bucket itself is in peers/test_storage_objects.py."""

from __future__ import annotations

import datetime as dt
import fcntl
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.storage.adapters.object_lock import ObjectLock
from sealgate.storage.adapters.objects import ObjectsMedium
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from pathlib import Path


def medium(locks: Path) -> ObjectsMedium:
    """Return one that is asked for nothing of its bucket."""
    return ObjectsMedium(None, "bucket", "", locks, (OSError,))


def test_one_writer_holds_an_object_at_a_time(tmp_path: Path) -> None:
    """Another process finds it busy until the first lets go, and then nothing is left."""
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
    """A writer lets go just as another one comes: a third would lock the name, and there were two."""
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


class Bucket:
    """A bucket in which multipart uploads of these *keys* were begun long ago."""

    def __init__(self, *keys: str) -> None:
        self._keys = keys
        self.aborted: list[str] = []

    def get_paginator(self, _verb: str) -> Bucket:
        """Return what tells of all uploads in one page."""
        return self

    def paginate(self, **_arguments: str) -> list[dict[str, Any]]:
        """Return all uploads."""
        then = dt.datetime.fromtimestamp(1.0, tz=dt.UTC)
        return [{"Uploads": [{"Key": k, "UploadId": "1", "Initiated": then} for k in self._keys]}]

    def abort_multipart_upload(self, **arguments: str) -> None:
        """Note what is aborted."""
        self.aborted.append(arguments["Key"])


def test_what_a_writer_holds_is_not_aborted_however_old(tmp_path: Path) -> None:
    """Nor is what another program began; what nobody holds is, and leaves no lock."""
    bucket = Bucket("objects/ab/abcd", "objects/cd/cdef", "objects/x/../yz", "objects/ab/zz")
    tidied = ObjectsMedium(bucket, "bucket", "", tmp_path, (OSError,))
    held = ObjectLock(tmp_path / "abcd")
    assert tidied.tidy(100.0) == 1
    assert bucket.aborted == ["objects/cd/cdef"]
    held.release()
    assert tidied.tidy(100.0) == 2
    assert not list(tmp_path.iterdir())

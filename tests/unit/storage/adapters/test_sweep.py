from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealgate.storage.adapters.sweep import sweep
from tests.unit.storage.stores import CHUNK, Place, get, put

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.model import StorePath


def test_a_part_beside_a_whole_file_is_swept(tmp_path: Path) -> None:
    """Nobody can go on with it: whoever resumes goes on with the file, and it stays as it is."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "a", b"whole")
    for name in ("a", "b"):
        with store.open_write((name,), owner="anna") as upload:
            upload.write(bytes(CHUNK * 20))
    swept = sweep(store, young_seconds=-1.0)
    assert (swept.uploads, swept.resumable) == (1, 1)
    assert get(store, "a") == b"whole"
    assert store.stat(("b",)).partial
    store.close()


@pytest.mark.parametrize("abandoned_seconds", [7 * 86400.0, -1.0])
def test_an_upload_committed_while_a_sweep_comes_to_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abandoned_seconds: float
) -> None:
    """The record at its path is its own, and its object is no longer that of a broken-off one."""
    place = Place(tmp_path)
    store, other = place.open(), place.open()
    content = os.urandom(5 * CHUNK + 77)
    upload = other.open_write(("a",), owner="anna")
    upload.write(content)
    within = store.uploads.noted.within

    def committing(path: StorePath | None) -> list[Noted]:
        found = within(path)
        upload.commit()
        return found

    monkeypatch.setattr(store.uploads.noted, "within", committing)
    swept = sweep(store, young_seconds=-1.0, abandoned_seconds=abandoned_seconds)
    assert (swept.objects, swept.uploads) == (0, 0)
    assert get(store, "a") == content
    store.close()
    other.close()

"""A quota bounds what lies on the disk: files, parts that are kept, and what is on its way."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.store import ObjectStore
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import Place

MIB = 1 << 20


def lying(place: Place) -> int:
    """Return how many bytes lie in the store's folder, without its records."""
    return sum(p.stat().st_size for p in (place.root / "objects").rglob("*") if p.is_file())


def begin(store: ObjectStore, name: str, size: int) -> bool:
    """Upload *size* bytes under *name* and break off; return whether all of them were taken."""
    with store.open_write((name,), owner="anna") as writer:
        try:
            writer.write(bytes(size))
        except StorageError as error:
            if error.trouble is not Trouble.QUOTA:
                raise
            return False
    return True


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Give a store with room for four mebibytes."""
    return Place(tmp_path, rung=StorageRung.PROTECTED, quota_bytes=4 * MIB)


def test_parts_that_are_kept_count(place: Place) -> None:
    """One who breaks off again and again fills no more than the quota; what has no room is not kept."""
    with closing(place.open()) as store:
        assert begin(store, "a", 3 * MIB)
        assert [begin(store, f"b{n}", 2 * MIB) for n in range(5)] == [False] * 5
        assert lying(place) <= 4 * MIB
        assert store.space().free_bytes <= MIB + 65536
        # Gone on with, it is counted once, and whole it is a file as any.
        with store.open_write(("a",), owner="anna", resume=True) as writer:
            writer.write(bytes(4 * MIB - writer.offset))
            writer.commit()
        assert store.space().free_bytes == 0
        store.remove(("a",))
        assert store.space().free_bytes == 4 * MIB


def test_another_process_counts_what_was_kept(place: Place) -> None:
    """The note tells it, and a resume there counts it once."""
    with closing(place.open()) as store:
        assert begin(store, "a", 3 * MIB)
    with closing(place.open()) as store:
        assert not begin(store, "b", 2 * MIB)
        with store.open_write(("a",), owner="anna", resume=True) as writer:
            writer.write(bytes(4 * MIB - writer.offset))
            writer.commit()


def test_uploads_beside_each_other_share_the_room(place: Place) -> None:
    """Whoever comes last gets no more than is left, and gives back what they took."""
    with closing(place.open()) as store:
        first = store.open_write(("a",), owner="anna")
        first.write(bytes(3 * MIB))
        second = store.open_write(("b",), owner="anna")
        with pytest.raises(StorageError, match="beside it"):
            second.write(bytes(2 * MIB))
        with pytest.raises(StorageError):
            second.write(b"x")
        with pytest.raises(StorageError):
            second.commit()
        assert lying(place) <= 4 * MIB
        first.discard()
        assert store.space().free_bytes == 4 * MIB
        with store.open_write(("b",), owner="anna") as writer:
            writer.write(bytes(4 * MIB))
            writer.commit()


def test_what_was_kept_before_others_took_the_room_is_let_go(place: Place) -> None:
    """Of two that were on their way, the one that breaks off last keeps nothing beyond the quota."""
    with closing(place.open()) as store, closing(place.open()) as other:
        # Two processes: neither sees what the other is about to keep.
        uploads = [one.open_write((str(n),), owner="anna") for n, one in enumerate((store, other))]
        for upload in uploads:
            upload.write(bytes(3 * MIB))
        for upload in uploads:
            upload.suspend()
        assert lying(place) <= 4 * MIB

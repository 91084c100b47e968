"""What was noted of an upload may be past by the time somebody acts on it: it was committed."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import CHUNK, Place, get, lying

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealgate.storage.adapters.upload import Upload

CONTENT = os.urandom(5 * CHUNK + 77)
RUNGS = (StorageRung.PROTECTED, StorageRung.ENCRYPTED)


def before(call: Callable[..., Any], upload: Upload) -> Callable[..., Any]:
    """Return *call* with *upload* committed right before it is made first."""

    def committing(*values: Any) -> Any:
        if upload.offset:
            upload.commit()
        return call(*values)

    return committing


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("resume", [False, True])
def test_an_upload_committed_before_the_name_is_held_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, rung: StorageRung, resume: bool
) -> None:
    """The first writer commits, and lets go of the name, while the second is about to hold it."""
    place = Place(tmp_path, rung)
    with closing(place.open()) as store, closing(place.open()) as other:
        first = other.open_write(("a",), owner="anna")
        first.write(CONTENT)
        monkeypatch.setattr(store.names, "take", before(store.names.take, first))
        second = store.open_write(("a",), owner="anna", resume=resume)
        assert second.offset == (len(CONTENT) if resume else 0)
        second.discard()
        assert get(store, "a") == CONTENT


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("resume", [False, True])
def test_an_upload_committed_before_its_object_is_held_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, rung: StorageRung, resume: bool
) -> None:
    """The same where no lock on the name keeps the two apart, as on two hosts."""
    place = Place(tmp_path, rung)
    with closing(place.open()) as store, closing(place.open()) as other:
        first = other.open_write(("a",), owner="anna", meant_for=("elsewhere",))
        first.write(CONTENT)
        with monkeypatch.context() as patched:
            patched.setattr(store.medium, "reopen", before(store.medium.reopen, first))
            if resume:
                with pytest.raises(StorageError) as refused:
                    store.open_write(("a",), owner="anna", resume=True)
                assert refused.value.trouble is Trouble.BUSY
            else:
                store.open_write(("a",), owner="anna").discard()
        assert get(store, "a") == CONTENT
        # Nothing is held on to: the name can be written again.
        store.open_write(("a",), owner="anna").discard()


@pytest.mark.parametrize("rung", RUNGS)
def test_an_upload_committed_while_it_is_removed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rung: StorageRung
) -> None:
    """What was asked for is the removal of a part, and there is none any more."""
    place = Place(tmp_path, rung)
    with closing(place.open()) as store, closing(place.open()) as other:
        first = other.open_write(("a",), owner="anna")
        first.write(CONTENT)
        monkeypatch.setattr(store.medium, "reopen", before(store.medium.reopen, first))
        with pytest.raises(StorageError) as refused:
            store.remove(("a",))
        assert refused.value.trouble is Trouble.BUSY
        assert get(store, "a") == CONTENT


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("chunks", [2, 9])
def test_a_resume_leaves_nothing_of_what_it_took_over(
    tmp_path: Path, rung: StorageRung, chunks: int
) -> None:
    """Whether the bytes taken over were still in memory or written and noted again."""
    place = Place(tmp_path, rung)
    content = os.urandom(chunks * CHUNK + 1)
    with closing(place.open()) as store:
        first = store.open_write(("a",), owner="anna")
        first.write(content)
        first.suspend()
    with closing(place.open()) as store:
        second = store.open_write(("a",), owner="anna", resume=True)
        assert second.offset == chunks * CHUNK
        second.write(content[second.offset :])
        second.commit()
        assert get(store, "a") == content
        object_id = store.stat(("a",)).object_id
        assert {name.removesuffix(".tags") for name in lying(place)} == {object_id}
        assert not store.uploads.noted.within(None)
        store.open_write(("a",), owner="anna").discard()

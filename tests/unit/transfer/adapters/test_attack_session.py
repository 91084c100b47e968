"""
What a signed-in caller may try in drops: to take away what is not theirs, to use up memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.storage.model import Trouble
from sealgate.transfer.model import TransferError
from tests.unit.transfer.adapters.dropped import ANNA, BEN, Ground, get, put


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """
    Give a ground, whose stores are closed in the end.
    """
    one = Ground(tmp_path)
    yield one
    one.close()


def test_an_upload_held_open_takes_no_file_away(ground: Ground) -> None:
    """
    Ben may write and not delete: a file that comes to his upload's path meanwhile stays.
    """
    ground.add(delete=("group:partners",))
    anna, ben = ground.session(ANNA), ground.session(BEN)
    held = ben.open_write("in/a")
    held.write_at(0, b"ben")
    put(anna, "in/b", b"anna")
    anna.rename("in/b", "in/a", replace=False)
    with pytest.raises(TransferError) as caught:
        held.close()
    assert caught.value.trouble is Trouble.EXISTS
    assert get(anna, "in/a") == b"anna"


def test_a_part_that_is_renamed_takes_no_file_away(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    As above, where the file comes between the look at the new name and the rename.
    """
    drop = ground.add(delete=("group:partners",))
    anna, ben = ground.session(ANNA), ground.session(BEN)
    put(ben, "in/a.filepart", b"ben")
    rename = drop.store.rename

    def late(old: tuple[str, ...], new: tuple[str, ...], *, replace: bool) -> None:
        monkeypatch.undo()
        put(anna, "in/a", b"anna")
        rename(old, new, replace=replace)

    monkeypatch.setattr(drop.store, "rename", late)
    with pytest.raises(TransferError) as caught:
        ben.rename("in/a.filepart", "in/a", replace=True)
    assert caught.value.trouble is Trouble.EXISTS
    assert get(anna, "in/a") == b"anna"

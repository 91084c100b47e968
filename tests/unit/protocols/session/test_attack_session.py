"""What a signed-in caller may try in drops: to take away what is not theirs, to use up memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.protocols.model import TransferError
from sealgate.protocols.session.context import OpenFiles
from sealgate.protocols.session.session import DropSession
from sealgate.storage.model import Trouble
from tests.unit.protocols.session.dropped import ANNA, BEN, CHANNEL, Ground, get, put


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Give a ground, whose stores are closed in the end."""
    one = Ground(tmp_path)
    yield one
    one.close()


def test_an_upload_held_open_takes_no_file_away(ground: Ground) -> None:
    """Ben may write and not delete: a file that comes to his upload's path meanwhile stays."""
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
    """As above, where the file comes between the look at the new name and the rename."""
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


def test_nobody_holds_more_files_open_than_their_share(ground: Ground) -> None:
    """Over all sessions of one caller, for writing and reading; others are not kept out."""
    ground.add()
    context = replace(ground.context, open_files=OpenFiles(3))
    one, two = (DropSession(ANNA, CHANNEL, ground.drops, {}, context) for _ in range(2))
    put(one, "in/a", b"x")
    for _ in range(5):
        with pytest.raises(TransferError):
            one.open_read("in/none")
    one.open_write("in/b")
    one.open_read("in/a")
    last = two.open_read("in/a")
    for session in (one, two):
        for act in (session.open_write, session.open_read):
            with pytest.raises(TransferError) as caught:
                act("in/a")
            assert caught.value.trouble is Trouble.BUSY
    ben = DropSession(BEN, CHANNEL, ground.drops, {}, context)
    assert get(ben, "in/a") == b"x"
    last.close()
    last.close()
    two.open_read("in/a")
    with pytest.raises(TransferError):
        two.open_read("in/a")
    one.close()
    two.close()
    for name in "cde":
        put(one, f"in/{name}", b"x")

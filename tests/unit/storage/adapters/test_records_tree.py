"""What a process knows of the tree holds at one head, and is carried over by its own changes only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.records_tree import Tree
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.record import FILES, NOTHING, Head, leaf_of
from tests.unit.storage.stores import Place, get, put

if TYPE_CHECKING:
    from pathlib import Path

ID = bytes(16)
OLD = Head(ID, 1, 0, 0, b"1" * 32)
NEW = Head(ID, 2, 0, 0, b"2" * 32)


def known() -> Tree:
    """Return a tree that knows something at ``OLD``."""
    tree = Tree()
    tree.go_to(OLD)
    tree.keep_children(OLD, "ab", {"abc": b"t" * 32})
    tree.keep_leaf(OLD, "abc", [b"one", b"two"])
    tree.keep_folder(OLD, ("f",))
    return tree


def test_nothing_is_known_under_another_head() -> None:
    """Neither while the tree stands elsewhere nor after it has gone on."""
    tree = known()
    assert tree.holds(OLD, "abc", b"one")
    assert tree.has_folder(OLD, ("f",))
    assert tree.total(OLD, "abc") == b"t" * 32
    assert tree.total(OLD, "abd") == NOTHING
    assert tree.total(OLD, "bcd") is None
    other = Head(ID, OLD.seq, 0, 0, b"x" * 32)
    for head in (NEW, other):
        assert not tree.holds(head, "abc", b"one")
        assert not tree.has_folder(head, ("f",))
        assert tree.total(head, "abc") is None
        assert tree.rows(head) == {}
        tree.keep_leaf(head, "abc", [b"three"])
        assert not tree.holds(OLD, "abc", b"three")
    tree.go_to(NEW)
    assert not tree.holds(NEW, "abc", b"one")
    tree.go_to(OLD)
    assert not tree.holds(OLD, "abc", b"one")


def test_a_change_of_our_own_carries_over_what_it_did_not_touch() -> None:
    """And in the leaf that it touched, what it says."""
    tree = known()
    tree.keep_leaf(OLD, "fff", [b"far"])
    rows = tree.rows(OLD)
    rows["abc"] = b"u" * 32
    changes = {"abc": [(b"one", None), (None, b"three"), (b"three", b"four")]}
    tree.changed(OLD, NEW, rows, {"abc": b"t" * 32}, changes, loses_folders=False)
    assert [tree.holds(NEW, "abc", m) for m in (b"one", b"two", b"three", b"four")] == [
        False,
        True,
        False,
        True,
    ]
    assert tree.holds(NEW, "fff", b"far")
    assert tree.total(NEW, "abc") == b"u" * 32
    assert tree.has_folder(NEW, ("f",))
    assert tree.rows(NEW) == {"abc": b"u" * 32}
    assert not tree.holds(OLD, "abc", b"two")


def test_a_change_that_began_from_rows_that_were_not_proven_proves_nothing() -> None:
    """Somebody may have written into the table of nodes."""
    tree = known()
    rows: dict[str, bytes | None] = {"abc": b"u" * 32}
    tree.changed(OLD, NEW, rows, {"abc": b"!" * 32}, {}, loses_folders=True)
    assert not tree.holds(NEW, "abc", b"two")
    assert tree.total(NEW, "abc") is None
    assert not tree.has_folder(NEW, ("f",))


def test_news_that_come_late_do_not_lead_back() -> None:
    """Two threads may tell of their changes in the other order."""
    tree = Tree()
    tree.go_to(NEW)
    tree.keep_leaf(NEW, "abc", [b"one"])
    tree.changed(OLD, Head(ID, 1, 0, 0, b"1" * 32), {}, {}, {}, loses_folders=True)
    assert tree.holds(NEW, "abc", b"one")


def test_an_old_record_put_back_is_noticed_by_a_process_that_knows_the_tree(
    tmp_path: Path,
) -> None:
    """It is genuine, but not in the leaf that was proven."""
    store = Place(tmp_path, StorageRung.PROTECTED).open()
    put(store, "file", b"first")
    assert get(store, "file") == b"first"
    with store.records.connections.asking() as run:
        old = run("SELECT * FROM store_records").fetchall()
    put(store, "file", b"second")
    assert get(store, "file") == b"second"
    assert store.records.tree.holds(
        store.records.look(("file",)).head,
        leaf_of(FILES, ("file",)),
        store.records.look(("file",)).found[1],  # type: ignore[index]  # it is there
    )
    with store.records.connections.writing() as run:
        run("DELETE FROM store_records")
        marks = ", ".join("?" * len(old[0]))
        run(f"INSERT INTO store_records VALUES ({marks})", tuple(old[0]))  # noqa: S608  # marks
    with pytest.raises(StorageError) as caught:
        get(store, "file")
    assert caught.value.trouble is Trouble.TAMPERED
    store.close()


def test_a_change_of_another_process_is_seen_at_once(tmp_path: Path) -> None:
    """Files and folders that another store over the same place makes, replaces and removes."""
    place = Place(tmp_path, StorageRung.ENCRYPTED)
    ours, theirs = place.open(), place.open()
    for number in range(20):
        content = os.urandom(100)
        put(ours if number % 2 else theirs, "file", content)
        assert get(ours, "file") == get(theirs, "file") == content
        theirs.make_folder(("f",))
        put(ours, "f/x", content)
        theirs.remove(("f", "x"))
        theirs.remove_folder(("f",))
        with pytest.raises(StorageError) as caught:
            put(ours, "f/x", content)
        assert caught.value.trouble is Trouble.NOT_FOUND
    ours.close()
    theirs.close()


def test_a_header_that_was_opened_before_is_compared_again(tmp_path: Path) -> None:
    """A file key that is known opens nothing but the very header that it was in."""
    place = Place(tmp_path, StorageRung.ENCRYPTED)
    store = place.open()
    put(store, "file", b"x" * 1000)
    assert get(store, "file") == b"x" * 1000
    (path,) = [p for p in (place.root / "objects").rglob("*") if p.is_file()]
    whole = path.read_bytes()
    for at in (30, len(whole) - 1000 - 16 - 5, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StorageError) as caught:
            get(store, "file")
        assert caught.value.trouble is Trouble.TAMPERED
    for changed in (whole[:-1], whole + b"x", b""):
        path.write_bytes(changed)
        with pytest.raises(StorageError) as caught:
            get(store, "file")
        assert caught.value.trouble is Trouble.TAMPERED
    path.write_bytes(whole)
    assert get(store, "file") == b"x" * 1000
    store.close()

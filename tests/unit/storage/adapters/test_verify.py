"""Whatever somebody changes from outside is noticed: when it is read, and by verify."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.opened import accept_store
from sealgate.storage.adapters.verify import Fault, verify
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import (
    CHUNK,
    OPENABLE,
    RUNGS,
    SEALED,
    Place,
    get,
    get_raw,
    keyring,
    put,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.storage.adapters.store import ObjectStore

VOUCHED = RUNGS[1:]


def faults(place: Place, *, full: bool = False) -> list[Fault]:
    """Verify the store as the command does."""
    store = place.open(compare=False)
    try:
        return sorted({found.fault for found in verify(store, full=full).found})
    finally:
        store.close()


def is_noticed(store: ObjectStore, name: str) -> bool:
    """Return whether reading the file, or its sealed bytes, says that it was tampered with."""
    read = get_raw if store.settings.rung is StorageRung.HIGHLY_ENCRYPTED else get
    try:
        read(store, name)
    except StorageError as error:
        return error.trouble is Trouble.TAMPERED
    return False


def settle(place: Place) -> None:
    """Have all of the records lie in one file."""
    with sqlite3.connect(place.root / "records.sqlite") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def change(place: Place, sql: str, *values: object) -> None:
    """Change the records as somebody with access to the disk would."""
    with sqlite3.connect(place.root / "records.sqlite") as database:
        database.execute(sql, values)
    database.close()


@pytest.mark.parametrize("rung", RUNGS)
def test_a_whole_store_has_no_faults(rung: StorageRung, tmp_path: Path) -> None:
    """Nothing is found where nothing is wrong, and a full run says what it opened."""
    place = Place(tmp_path, rung)
    store = place.open()
    for number, size in enumerate((0, 10, CHUNK, 3 * CHUNK + 1)):
        put(store, f"file{number}", os.urandom(size))
    store.make_folder(("folder",))
    made = verify(store, full=True)
    assert (made.files, made.size, made.found) == (4, 4 * CHUNK + 11, ())
    assert made.opened == (0 if rung is StorageRung.HIGHLY_ENCRYPTED else 4)
    store.close()


@pytest.mark.parametrize("rung", [StorageRung.PROTECTED, StorageRung.ENCRYPTED])
def test_a_flipped_bit_anywhere_is_noticed(
    rung: StorageRung, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In header, nonce, every chunk, every tag and the end: each flip fails a read."""
    place = Place(tmp_path, rung)
    store = place.open()
    content = os.urandom(2 * CHUNK + 500)
    put(store, "file", content)
    path = place.object(store, "file")
    regions = [path, *([path.with_name(path.name + ".tags")] if rung == 1 else [])]
    flips = noticed = 0
    for region in regions:
        whole = region.read_bytes()
        step = max(1, len(whole) // 400)
        # Every byte of the header, and bytes all over the rest.
        places = sorted({*range(min(len(whole), 420)), *range(0, len(whole), step), len(whole) - 1})
        for at in places:
            changed = bytearray(whole)
            changed[at] ^= 1 << (at % 8)
            region.write_bytes(changed)
            flips += 1
            noticed += is_noticed(store, "file")
        region.write_bytes(whole)
    assert get(store, "file") == content
    store.close()
    with capsys.disabled():
        print(f" [{rung.name.lower()}: {flips} flips, {noticed} noticed]", end="")
    assert flips > 400
    assert noticed == flips


@pytest.mark.parametrize("column", ["classification", "owner", "size", "modified_at", "stored_at"])
@pytest.mark.parametrize("rung", RUNGS)
def test_a_changed_record_is_noticed(rung: StorageRung, column: str, tmp_path: Path) -> None:
    """Class, owner, size and times cannot be changed from outside."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "file", b"content")
    # A digit more than a float can hold would change nothing.
    other = f"{column} || '1'" if column in {"classification", "owner"} else f"{column} + 1"
    change(place, f"UPDATE store_records SET {column} = {other}")  # noqa: S608  # constants
    with pytest.raises(StorageError) as caught:
        store.stat(("file",))
    assert caught.value.trouble is Trouble.TAMPERED
    store.close()
    assert Fault.TAMPERED in faults(place)


def test_every_bit_of_a_record_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A flip in any column of a record, of the head or of the tree is noticed by verify."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"content")
    store.close()
    settle(place)
    whole = (place.root / "records.sqlite").read_bytes()
    flips = 0
    with sqlite3.connect(place.root / "records.sqlite") as database:
        database.row_factory = sqlite3.Row
        tables = ("store_records", "store_heads", "store_nodes")
        rows = {
            table: dict(database.execute(f"SELECT * FROM {table}").fetchone())  # noqa: S608
            for table in tables
        }
    database.close()
    for table, row in rows.items():
        for column, value in row.items():
            for changed in flipped(value):
                (place.root / "records.sqlite").write_bytes(whole)
                where = " AND ".join(f"{c} = ?" for c in row)
                change(
                    place,
                    f"UPDATE {table} SET {column} = ? WHERE {where}",  # noqa: S608
                    changed,
                    *row.values(),
                )
                flips += 1
                try:
                    found = bool(faults(place))
                except StorageError:
                    found = True
                # Which leaf a record is kept in is computed from its path.
                assert found or column == "leaf", (table, column, json.dumps(str(changed)))
    with capsys.disabled():
        print(f" [{flips} flips in records, all noticed]", end="")
    assert flips > 100


def flipped(value: object) -> list[object]:
    """Return what *value* may be changed to, of other types too."""
    match value:
        case bytes():
            places = range(0, len(value), 5)
            flips = [value[:i] + bytes([value[i] ^ 1]) + value[i + 1 :] for i in places]
            return [*flips, "text", b"", 7]
        case int() | float():
            return [value + 1, value + 2, "text", b"bytes", 1 << 62]
        case _:
            return [f"{value}x", b"bytes"]


@pytest.mark.parametrize("rung", SEALED)
def test_two_sealed_files_that_were_swapped_are_noticed(rung: StorageRung, tmp_path: Path) -> None:
    """Each opens well by itself, but not in the other's place."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "a", b"a" * 1000)
    put(store, "b", b"b" * 1000)
    one, two = place.object(store, "a"), place.object(store, "b")
    one.rename(tmp_path / "kept")
    two.rename(one)
    (tmp_path / "kept").rename(two)
    assert is_noticed(store, "a")
    assert is_noticed(store, "b")
    store.close()
    assert faults(place) == [Fault.WRONG_PLACE]


@pytest.mark.parametrize("rung", RUNGS)
def test_records_that_were_swapped_are_noticed(rung: StorageRung, tmp_path: Path) -> None:
    """Giving one file's object to another's record takes the site's key."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "a", b"a" * 1000)
    put(store, "b", b"b" * 1000)
    object_id = store.stat(("a",)).object_id
    store.close()
    change(place, "UPDATE store_records SET object_id = ? WHERE name = 'b'", object_id)
    assert Fault.TAMPERED in faults(place)


@pytest.mark.parametrize("rung", RUNGS)
def test_a_file_that_was_rolled_back_is_noticed(rung: StorageRung, tmp_path: Path) -> None:
    """The old object and the old record are genuine, but not the newest."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "file", b"old price")
    put(store, "other", b"x")
    path = place.object(store, "file")
    object_then = path.read_bytes()
    with sqlite3.connect(place.root / "records.sqlite") as database:
        [row] = database.execute("SELECT * FROM store_records WHERE name = 'file'")
    database.close()
    put(store, "file", b"new price")
    path.write_bytes(object_then)
    marks = ", ".join("?" * len(row))
    change(place, f"INSERT OR REPLACE INTO store_records VALUES ({marks})", *row)  # noqa: S608
    assert is_noticed(store, "file")
    assert not is_noticed(store, "other")
    store.close()
    assert Fault.ROLLED_BACK in faults(place)


def test_a_removed_file_that_was_put_back_is_noticed(tmp_path: Path) -> None:
    """What was deleted does not come back with its old record."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"to be forgotten")
    path = place.object(store, "file")
    object_then = path.read_bytes()
    with sqlite3.connect(place.root / "records.sqlite") as database:
        [row] = database.execute("SELECT * FROM store_records")
    database.close()
    store.remove(("file",))
    path.write_bytes(object_then)
    marks = ", ".join("?" * len(row))
    change(place, f"INSERT INTO store_records VALUES ({marks})", *row)  # noqa: S608
    assert is_noticed(store, "file")
    store.close()
    assert Fault.ROLLED_BACK in faults(place)


def test_a_record_that_was_taken_away_is_noticed(tmp_path: Path) -> None:
    """Hiding a file by deleting its record leaves the sums wrong."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"x")
    store.close()
    change(place, "DELETE FROM store_records")
    assert Fault.ROLLED_BACK in faults(place)


def test_a_whole_store_that_was_rolled_back_does_not_open(tmp_path: Path) -> None:
    """An older copy of everything is behind the anchor, and so is one without records."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"old")
    store.close()
    settle(place)
    shutil.copytree(place.root, tmp_path / "copy")
    store = place.open()
    put(store, "file", b"new")
    store.close()
    shutil.rmtree(place.root)
    (tmp_path / "copy").rename(place.root)
    with pytest.raises(StorageError, match="older than the last change") as caught:
        place.open()
    assert caught.value.trouble is Trouble.TAMPERED
    assert faults(place) == [Fault.ROLLED_BACK]
    (place.root / "records.sqlite").unlink()
    with pytest.raises(StorageError, match="records are gone"):
        place.open()


def test_a_restored_backup_is_taken_when_the_operator_says_so(tmp_path: Path) -> None:
    """The hint of the error is the way out."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"old")
    store.close()
    settle(place)
    shutil.copytree(place.root, tmp_path / "copy")
    store = place.open()
    put(store, "file", b"new")
    store.close()
    shutil.rmtree(place.root)
    (tmp_path / "copy").rename(place.root)
    with pytest.raises(StorageError) as caught:
        place.open()
    assert "sealgate verify partners --accept" in (caught.value.hint or "")
    accept_store(place.settings, keyring(), now=time.time)
    store = place.open()
    assert get(store, "file") == b"old"
    store.close()


@pytest.mark.parametrize("rung", VOUCHED)
def test_truncated_and_missing_objects_are_told_apart(rung: StorageRung, tmp_path: Path) -> None:
    """Each fault has its own name."""
    place = Place(tmp_path, rung)
    store = place.open()
    for name in ("cut", "gone"):
        put(store, name, os.urandom(3 * CHUNK))
    cut, gone = place.object(store, "cut"), place.object(store, "gone")
    cut.write_bytes(cut.read_bytes()[: 2 * CHUNK])
    gone.unlink()
    assert is_noticed(store, "cut")
    assert is_noticed(store, "gone")
    found = {f.place: f.fault for f in verify(store, full=False).found}
    assert found == {"cut": Fault.TRUNCATED, "gone": Fault.MISSING}
    store.close()


def test_what_no_record_names_is_told(tmp_path: Path) -> None:
    """An object of a crash, once it is no longer young, and a foreign file at once."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"x")
    folder = place.object(store, "file").parent
    stray = folder / (folder.name + "0" * 30)
    stray.write_bytes(b"stray")
    assert verify(store, full=False).found == ()
    os.utime(stray, (0, 0))
    (folder / "notes.txt").write_text("foreign")
    found = {f.place: f.fault for f in verify(store, full=False).found}
    assert found == {
        stray.name: Fault.UNKNOWN,
        f"{folder.name}/notes.txt": Fault.UNKNOWN,
    }
    store.close()


def test_files_of_another_class_are_told(tmp_path: Path) -> None:
    """A drop whose class was raised still holds files of the old one until it is rotated."""
    place = Place(tmp_path, StorageRung.PROTECTED, "restricted")
    store = place.open()
    put(store, "file", b"x")
    store.close()
    place.rung, place.classification = StorageRung.ENCRYPTED, "confidential"
    assert faults(place) == [Fault.WRONG_CLASS]


@pytest.mark.parametrize("rung", OPENABLE[1:])
def test_only_a_full_run_opens_the_middle(rung: StorageRung, tmp_path: Path) -> None:
    """A change in the middle of a long file is found by reading it, and only so."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "file", os.urandom(5 * CHUNK))
    path = place.object(store, "file")
    changed = bytearray(path.read_bytes())
    changed[2 * CHUNK] ^= 1
    path.write_bytes(changed)
    store.close()
    assert faults(place) == []
    assert faults(place, full=True) == [Fault.TAMPERED]

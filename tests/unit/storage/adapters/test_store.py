"""The store over a folder: what it refuses, keeps, resumes and gives back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.age.file import unlock
from sealgate.storage.age.header import parse_header
from sealgate.storage.age.random_access import RandomAccess
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import given, named
from sealgate.storage.record import FILES, Record
from tests.unit.storage.stores import (
    CHUNK,
    ELSEWHERE,
    OPENABLE,
    RUNGS,
    SEALED,
    Place,
    get,
    get_raw,
    keyring,
    lying,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def trouble_of(act: Callable[[], object]) -> Trouble:
    """Return why *act* is refused."""
    with pytest.raises(StorageError) as caught:
        act()
    assert caught.value.message
    return caught.value.trouble


@pytest.mark.parametrize("rung", OPENABLE)
def test_any_part_of_a_file_can_be_read(rung: StorageRung, tmp_path: Path) -> None:
    """Offsets within, across and behind chunks give what a slice gives."""
    content = os.urandom(3 * CHUNK + 77)
    store = Place(tmp_path, rung).open()
    put(store, "file", content)
    reader = store.open_read(("file",))
    for offset in (0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 5, len(content) - 1, len(content), 10**9):
        for size in (0, 1, 100, CHUNK, 2 * CHUNK + 1):
            assert reader.read_at(offset, size) == content[offset : offset + size]
    reader.close()
    reader.close()
    store.close()


@pytest.mark.parametrize("rung", RUNGS)
def test_everything_on_the_disk_is_for_its_owner_only(rung: StorageRung, tmp_path: Path) -> None:
    """Folders are 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        place = Place(tmp_path, rung)
        place.root.mkdir(mode=0o755)
        store = place.open()
        put(store, "file", bytes(2 * CHUNK))
        for path in [*tmp_path.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path
        store.close()
    finally:
        os.umask(before)


def test_only_plain_rungs_leave_content_readable(tmp_path: Path) -> None:
    """Rungs 0 and 1 keep readable bytes; from rung 2 on no content lies on the disk."""
    content = b"a sentence that only this file has. " * 4000
    for rung in RUNGS:
        place = Place(tmp_path / str(int(rung)), rung)
        store = place.open()
        put(store, "file", content)
        store.close()
        on_disk = b"".join(p.read_bytes() for p in place.root.rglob("*") if p.is_file())
        assert (content[:36] in on_disk) is (rung < StorageRung.ENCRYPTED)


def test_what_is_highly_encrypted_is_delivered_but_not_opened(tmp_path: Path) -> None:
    """The host lists it and hands out the sealed bytes; only the identity elsewhere opens them."""
    content = os.urandom(2 * CHUNK + 9)
    store = Place(tmp_path, StorageRung.HIGHLY_ENCRYPTED).open()
    put(store, "file", content)
    assert store.stat(("file",)).size == len(content)
    assert trouble_of(lambda: store.open_read(("file",))) is Trouble.SEALED_ELSEWHERE
    assert trouble_of(lambda: store.open_write(("file",), owner="o", resume=True)) is (
        Trouble.SEALED_ELSEWHERE
    )
    raw = get_raw(store, "file")
    header, length = parse_header(raw)
    opened = RandomAccess(
        lambda at, size: raw[at : at + size], len(raw), length, unlock(header, (ELSEWHERE,))
    )
    assert opened.read_at(0, len(raw)) == content
    # It can be moved and labelled like any other file.
    store.rename(("file",), ("other",), replace=False)
    assert get_raw(store, "other") == raw
    store.close()


def test_a_plain_file_has_no_sealed_bytes(tmp_path: Path) -> None:
    """Nothing unsealed is handed out as if it were sealed."""
    for rung in (StorageRung.NONE, StorageRung.PROTECTED):
        store = Place(tmp_path / rung.name, rung).open()
        put(store, "file", b"x")
        assert trouble_of(lambda s=store: s.open_raw(("file",))) is Trouble.UNSUPPORTED  # type: ignore[misc]
        store.close()


def test_one_path_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    """A second writer is told that somebody is at it: in this process at once, in another too."""
    place = Place(tmp_path)
    store, other = place.open(), place.open()
    upload = store.open_write(("file",), owner="anna")
    assert trouble_of(lambda: store.open_write(("file",), owner="ben")) is Trouble.BUSY
    upload.write(bytes(5 * CHUNK))
    assert trouble_of(lambda: other.open_write(("file",), owner="ben")) is Trouble.BUSY
    assert trouble_of(lambda: other.stat(("file",))) is Trouble.NOT_FOUND
    assert trouble_of(lambda: other.remove(("file",))) is Trouble.BUSY
    upload.commit()
    put(other, "file", b"mine now")
    assert get(store, "file") == b"mine now"
    store.close()
    other.close()


@pytest.mark.parametrize("rung", SEALED)
def test_a_resumed_upload_never_uses_a_nonce_twice(rung: StorageRung, tmp_path: Path) -> None:
    """Chunks that were cut off are never sealed again under the same file key."""
    place = Place(tmp_path, rung)
    store = place.open()
    with store.open_write(("file",), owner="anna") as upload:
        upload.write(b"a" * (6 * CHUNK))
    [name] = lying(place)
    first = (place.root / "objects" / name[:2] / name).read_bytes()
    with store.open_write(("file",), owner="anna", resume=True) as upload:
        assert upload.offset == 5 * CHUNK
        # The same chunk again, with other content: it never was sealed before.
        upload.write(b"b" * (2 * CHUNK))
        upload.commit()
    second = get_raw(store, "file")
    assert second.startswith(first)
    store.close()


def test_another_process_goes_on_under_another_file_key(tmp_path: Path) -> None:
    """Who does not hold the file key in memory seals everything anew, and no sealed byte recurs."""
    place = Place(tmp_path)
    store = place.open()
    with store.open_write(("file",), owner="anna") as upload:
        upload.write(b"a" * (6 * CHUNK))
    store.close()
    [name] = lying(place)
    first = (place.root / "objects" / name[:2] / name).read_bytes()
    store = place.open()
    assert store.stat(("file",)).size == 5 * CHUNK
    with store.open_write(("file",), owner="anna", resume=True) as upload:
        upload.write(b"b" * 10)
        upload.commit()
    second = get_raw(store, "file")
    blocks = {first[at : at + 32] for at in range(1000, len(first) - 32, 4096)}
    assert not any(block in second for block in blocks)
    assert get(store, "file") == b"a" * (5 * CHUNK) + b"b" * 10
    assert lying(place) == {store.stat(("file",)).object_id}
    store.close()


def test_a_secret_upload_resumes_only_while_its_key_is_in_memory(tmp_path: Path) -> None:
    """After a restart there is nothing to resume: it begins anew."""
    place = Place(tmp_path, StorageRung.HIGHLY_ENCRYPTED)
    store = place.open()
    with store.open_write(("file",), owner="anna") as upload:
        upload.write(bytes(6 * CHUNK))
    assert store.stat(("file",)).partial
    store.close()
    store = place.open()
    assert trouble_of(lambda: store.stat(("file",))) is Trouble.NOT_FOUND
    with store.open_write(("file",), owner="anna", resume=True) as upload:
        assert upload.offset == 0
        upload.write(b"x")
        upload.commit()
    assert lying(place) == {store.stat(("file",)).object_id}
    store.close()


def test_an_upload_that_was_gone_on_with_needs_one_byte_more(tmp_path: Path) -> None:
    """The last chunk is made from something: committing what was kept alone is refused."""
    store = Place(tmp_path).open()
    with store.open_write(("file",), owner="anna") as upload:
        upload.write(bytes(6 * CHUNK))
    upload = store.open_write(("file",), owner="anna", resume=True)
    assert trouble_of(upload.commit) is Trouble.FAILED
    assert trouble_of(lambda: store.stat(("file",))) is Trouble.NOT_FOUND
    assert trouble_of(lambda: upload.write(b"x")) is Trouble.FAILED
    store.close()


def test_quota_and_file_size_are_held(tmp_path: Path) -> None:
    """What is too much is refused as it comes, and earlier files stay."""
    place = Place(tmp_path, quota_bytes=100_000, max_file_bytes=60_000)
    store = place.open()
    put(store, "a", bytes(60_000))
    assert trouble_of(lambda: put(store, "b", bytes(60_001))) is Trouble.QUOTA
    assert trouble_of(lambda: put(store, "b", bytes(40_001))) is Trouble.QUOTA
    put(store, "b", bytes(40_000))
    # Replacing frees what is replaced.
    put(store, "a", bytes(59_999))
    assert store.space().free_bytes == 1
    # Two that fit one by one do not fit together: the later commit is refused.
    store.remove(("a",))
    one, two = (store.open_write((n,), owner="o") for n in ("c", "d"))
    one.write(bytes(50_000))
    two.write(bytes(50_000))
    one.commit()
    assert trouble_of(two.commit) is Trouble.QUOTA
    assert get(store, "b") == bytes(40_000)
    assert {e.path for e in store.list(())} == {("b",), ("c",)}
    store.close()


def test_what_exists_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """An exclusive upload and a careful rename leave the old file."""
    store = Place(tmp_path).open()
    put(store, "a", b"1")
    put(store, "b", b"2")
    upload = store.open_write(("a",), owner="o")
    upload.write(b"3")
    assert trouble_of(lambda: upload.commit(replace=False)) is Trouble.EXISTS
    assert trouble_of(lambda: store.rename(("b",), ("a",), replace=False)) is Trouble.EXISTS
    assert get(store, "a") == b"1"
    store.rename(("b",), ("a",), replace=True)
    assert get(store, "a") == b"2"
    store.close()


def test_a_reader_keeps_its_file_while_it_is_replaced(tmp_path: Path) -> None:
    """Whoever opened the old version reads it to its end."""
    store = Place(tmp_path).open()
    put(store, "file", b"old" * CHUNK)
    reader = store.open_read(("file",))
    put(store, "file", b"new")
    assert reader.read_at(2 * CHUNK, CHUNK) == (b"old" * CHUNK)[2 * CHUNK : 3 * CHUNK]
    reader.close()
    store.close()


def test_threads_write_and_read_one_store(tmp_path: Path) -> None:
    """Files of several threads are all there and whole."""
    store = Place(tmp_path).open()
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for i in range(15):
                put(store, f"{number}-{i % 5}", bytes([number]) * (i * 7000))
                assert get(store, f"{number}-{i % 5}") == bytes([number]) * (i * 7000)
        except BaseException as error:  # noqa: BLE001  # shown by the test
            faults.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert len(list(store.list(()))) == 30
    store.close()


def test_what_is_too_old_expires(tmp_path: Path) -> None:
    """Retention counts from the upload, not from the time that the client set."""
    clock = [100.0]
    place = Place(tmp_path)
    store = place.open(now=lambda: clock[0])
    put(store, "old", b"1")
    clock[0] = 200.0
    put(store, "new", b"2")
    store.set_modified(("new",), 1.0)
    assert [entry.path for entry in store.expire(150.0)] == [("old",)]
    assert {entry.path for entry in store.list(())} == {("new",)}
    assert lying(place) == {store.stat(("new",)).object_id}
    store.close()


def test_a_record_that_was_changed_neither_expires_nor_keeps_others(tmp_path: Path) -> None:
    """Whoever writes the database cannot have Sealgate delete a file, nor end its retention."""
    clock = [100.0]
    place = Place(tmp_path)
    store = place.open(now=lambda: clock[0])
    put(store, "a", b"1")
    clock[0] = 200.0
    put(store, "b", b"2")
    put(store, "c", b"3")
    store.close()
    with sqlite3.connect(place.root / "records.sqlite") as database:
        database.execute("UPDATE store_records SET stored_at = 1.0 WHERE name = 'b'")
    database.close()
    store = place.open(now=lambda: clock[0])
    assert [entry.path for entry in store.expire(150.0)] == [("a",)]
    assert len(lying(place)) == 2
    store.close()


def test_renaming_a_folder_takes_all_along_and_touches_no_object(tmp_path: Path) -> None:
    """Objects keep their bytes and their times; only records change."""
    place = Place(tmp_path)
    store = place.open()
    for folder in (("a",), ("a", "b"), ("a0",)):
        store.make_folder(folder)
    put(store, "a/one", b"1")
    put(store, "a/b/two", b"2")
    put(store, "a0/three", b"3")
    seen = {p: p.stat().st_mtime_ns for p in (place.root / "objects").rglob("*") if p.is_file()}
    store.rename(("a",), ("z",), replace=False)
    assert get(store, "z/one") + get(store, "z/b/two") + get(store, "a0/three") == b"123"
    assert trouble_of(lambda: store.stat(("a", "one"))) is Trouble.NOT_FOUND
    assert trouble_of(lambda: store.rename(("z",), ("z", "b", "z"), replace=False)) is (
        Trouble.DENIED
    )
    now = {p: p.stat().st_mtime_ns for p in (place.root / "objects").rglob("*") if p.is_file()}
    assert now == seen
    store.close()


def test_long_folders_are_listed_whole_and_in_order(tmp_path: Path) -> None:
    """A listing takes several looks and loses nothing between them."""
    store = Place(tmp_path, StorageRung.NONE).open()
    names = sorted((f"é{n:04}" if n % 2 else f"{n:04}" for n in range(1203)), key=str.encode)
    with store.records.changing() as change:
        for name in names:
            change.put(Record((name,), FILES, True, "", "", 0, 0.0, 0.0, change.seq), None)
    assert [entry.path[0] for entry in store.list(())] == names
    store.close()


def test_a_sealed_store_is_honest_about_its_keys(tmp_path: Path) -> None:
    """Sealed with a key that lies readable beside it, a store is worth rung 1."""
    place = Place(tmp_path)
    store = place.open(keyring(apart=False))
    assert store.rung is StorageRung.PROTECTED
    put(store, "file", b"sealed anyway")
    assert get_raw(store, "file").startswith(b"age-encryption.org/v1\n")
    store.close()
    store = place.open()
    assert store.rung is StorageRung.ENCRYPTED
    store.close()
    secret = Place(tmp_path / "s", StorageRung.HIGHLY_ENCRYPTED).open(keyring(apart=False))
    assert secret.rung is StorageRung.HIGHLY_ENCRYPTED
    secret.close()


def test_a_link_leads_nothing_out_of_the_store(tmp_path: Path) -> None:
    """A symbolic link in place of an object or of a folder of objects is not followed."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "file", b"x" * 100)
    path = place.object(store, "file")
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    with pytest.raises(StorageError):
        get(store, "file")
    path.unlink()
    elsewhere.rename(path)
    path.parent.rename(tmp_path / "folder")
    path.parent.symlink_to(tmp_path / "folder")
    with pytest.raises(StorageError):
        get(store, "file")
    store.close()


@pytest.mark.parametrize("rung", OPENABLE)
def test_a_store_from_before_given_names_stays_readable(rung: StorageRung, tmp_path: Path) -> None:
    """Its records get a column, and the MACs that vouch for them still do."""
    place = Place(tmp_path, rung)
    store = place.open()
    put(store, "caf\u00e9", b"kept")
    store.close()
    with contextlib.closing(sqlite3.connect(place.root / "records.sqlite")) as records:
        records.execute("ALTER TABLE store_records DROP COLUMN given")
        records.execute("UPDATE store_version SET version_num = 's0001'")
        records.commit()
    store = place.open()
    assert get(store, "caf\u00e9") == b"kept"
    assert [entry.path for entry in store.list(())] == [("caf\u00e9",)]
    store.close()


def test_a_given_name_that_was_changed_from_outside_is_noticed(tmp_path: Path) -> None:
    """It is vouched for like all that is told of a file."""
    place = Place(tmp_path, StorageRung.ENCRYPTED)
    store = place.open()
    path = (named("caf\u00e9", "cafe\u0301"),)
    with store.open_write(path, owner="anna") as writer:
        writer.write(b"x")
        writer.commit()
    assert given(store.stat(path).path[-1]) == "cafe\u0301"
    for told in ("", "caf\u00e8"):
        with contextlib.closing(sqlite3.connect(place.root / "records.sqlite")) as records:
            records.execute("UPDATE store_records SET given = ?", (told,))
            records.commit()
        assert trouble_of(lambda: store.stat(path)) is Trouble.TAMPERED
    store.close()

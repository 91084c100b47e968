"""Rotation gives files the headers and forms that new ones get, and never their content away."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters import rotate as rotation
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.rotate import Rotated, rotate
from sealgate.storage.adapters.sweep import sweep
from sealgate.storage.adapters.verify import verify
from sealgate.storage.age.hybrid import HybridIdentity
from sealgate.storage.age.x25519 import X25519Identity
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import (
    CHUNK,
    ELSEWHERE,
    SITE,
    Place,
    get,
    get_raw,
    keyring,
    lying,
    put,
)

if TYPE_CHECKING:
    from pathlib import Path

NEW = X25519Identity.generate()


def test_a_new_key_opens_everything_and_no_payload_is_sealed_again(tmp_path: Path) -> None:
    """The ciphertext behind the header stays byte for byte; times, owner and size stay too."""
    place = Place(tmp_path)
    store = place.open()
    content = os.urandom(3 * CHUNK)
    put(store, "file", content)
    before, entry = get_raw(store, "file"), store.stat(("file",))
    store.close()
    store = place.open(keyring(NEW, SITE))
    done = []
    assert rotate(store, progress=lambda a, b: done.append((a, b))) == Rotated(1, 0, 0, ())
    assert done == [(3 * CHUNK, 3 * CHUNK)]
    assert get_raw(store, "file")[-3 * CHUNK :] == before[-3 * CHUNK :]
    now = store.stat(("file",))
    assert replace(now, object_id="") == replace(entry, object_id="")
    store.close()
    # The old key is not needed any more, and there is nothing left to do.
    store = place.open(keyring(NEW))
    assert get(store, "file") == content
    assert rotate(store) == Rotated(0, 0, 0, ())
    assert lying(place) == {now.object_id}
    assert verify(store, full=True).found == ()
    store.close()


@pytest.mark.parametrize("to", list(StorageRung))
@pytest.mark.parametrize("begin", [StorageRung.NONE, StorageRung.PROTECTED, StorageRung.ENCRYPTED])
def test_a_change_of_class_gives_files_the_form_of_the_new_one(
    begin: StorageRung, to: StorageRung, tmp_path: Path
) -> None:
    """From any rung that can be opened here to any other; afterwards verify is content."""
    place = Place(tmp_path, begin, "one")
    store = place.open()
    contents = {"empty": b"", "small": b"s" * 100, "chunk": bytes(CHUNK), "big": bytes(9 * CHUNK)}
    for name, content in contents.items():
        put(store, name, content)
    store.close()
    place.rung, place.classification = to, "two"
    store = place.open()
    made = rotate(store)
    assert (made.resealed, made.relabelled) == ((0, 4) if begin is to else (4, 0))
    assert verify(store, full=True).found == ()
    for name, content in contents.items():
        assert store.stat((name,)).classification == "two"
        if to is StorageRung.HIGHLY_ENCRYPTED:
            assert get_raw(store, name).startswith(b"age-encryption.org/v1\n")
        else:
            assert get(store, name) == content
    assert sweep(store, young_seconds=-1.0).objects == 0
    store.close()


def test_what_is_highly_encrypted_is_rotated_by_whoever_holds_the_identity(tmp_path: Path) -> None:
    """Without it the files are told and left; with it they get the new recipients."""
    place = Place(tmp_path, StorageRung.HIGHLY_ENCRYPTED)
    store = place.open()
    put(store, "file", b"secret")
    store.close()
    successor = HybridIdentity.generate()
    settings = replace(place.settings, recipients=(str(successor.recipient()),))
    store = open_store(settings, keyring(), now=lambda: 0.0)
    before = get_raw(store, "file")
    assert rotate(store).elsewhere == ("file",)
    assert get_raw(store, "file") == before
    assert rotate(store, (ELSEWHERE,)) == Rotated(1, 0, 0, ())
    assert get_raw(store, "file")[-20:] == before[-20:]
    assert rotate(store) == Rotated(0, 0, 0, ())
    # Down to rung 2 only the holder can bring it.
    store.close()
    place.rung = StorageRung.ENCRYPTED
    store = place.open()
    assert rotate(store).elsewhere == ("file",)
    assert rotate(store, (successor,)).resealed == 1
    assert get(store, "file") == b"secret"
    store.close()


def test_a_rotation_that_was_broken_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was done stays done; what a crash left is swept."""
    place = Place(tmp_path)
    store = place.open()
    for number in range(6):
        put(store, f"file{number}", bytes([number]) * 1000)
    store.close()
    store = place.open(keyring(NEW, SITE))
    done = []

    def crash(at: int, _of: int) -> None:
        done.append(at)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(store, progress=crash)
    # A crash between the writing of an object and its record.
    with monkeypatch.context() as patch:
        patch.setattr(rotation, "_exchange", lambda *_: _stop())
        patch.setattr("sealgate.storage.adapters.folder.FolderSink.drop", lambda sink: sink.close())
        with pytest.raises(KeyboardInterrupt):
            rotate(store)
    assert len(lying(place)) == 7
    assert sweep(store, young_seconds=-1.0).objects == 1
    assert rotate(store).rewrapped == 3
    assert all(get(store, f"file{n}") == bytes([n]) * 1000 for n in range(6))
    store.close()


def _stop() -> int:
    raise KeyboardInterrupt


def test_readers_and_writers_go_on_while_keys_are_rotated(tmp_path: Path) -> None:
    """No read fails, and no upload is lost, while every file is given a new header."""
    place = Place(tmp_path)
    store = place.open()
    for number in range(40):
        put(store, f"file{number}", b"%d" % number)
    store.close()
    store, other = place.open(keyring(NEW, SITE)), place.open(keyring(NEW, SITE))
    stop = threading.Event()
    faults: list[BaseException] = []
    counts = {"read": 0, "written": 0}

    def read_and_write() -> None:
        try:
            while not stop.is_set():
                number = counts["read"] % 40
                assert get(other, f"file{number}") in {b"%d" % number, b"new%d" % number}
                counts["read"] += 1
                if counts["read"] % 5 == 0:
                    put(other, f"file{number}", b"new%d" % number)
                    counts["written"] += 1
        except BaseException as error:  # noqa: BLE001  # shown by the test
            faults.append(error)

    thread = threading.Thread(target=read_and_write)
    thread.start()
    made = rotate(store)
    stop.set()
    thread.join()
    assert faults == []
    assert made.rewrapped > 0
    assert counts["written"] > 0
    # A file that was replaced meanwhile is sealed for the new key already.
    store.close()
    other.close()
    store = place.open(keyring(NEW))
    for number in range(40):
        assert get(store, f"file{number}") in {b"%d" % number, b"new%d" % number}
    assert sweep(store, young_seconds=-1.0).objects == 0
    store.close()


def test_a_file_that_was_tampered_with_is_not_rotated(tmp_path: Path) -> None:
    """A new header never makes something genuine that was not."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "a", b"a")
    put(store, "b", b"b")
    one, two = place.object(store, "a"), place.object(store, "b")
    two.write_bytes(one.read_bytes())
    store.close()
    store = place.open(keyring(NEW, SITE))
    with pytest.raises(StorageError) as caught:
        rotate(store)
    assert caught.value.trouble is Trouble.TAMPERED
    store.close()

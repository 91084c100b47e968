"""Uploads that are broken off in every way: no key and nonce meet twice, no byte is lost."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sealgate.policy.inventory import KeySettings
from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.folder_files import FolderSink
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.store import ObjectStore
from sealgate.storage.age import payload
from sealgate.storage.keyring import UnlockedKeyring
from sealgate.storage.model import Buffer, StorageError, StoreSettings, Trouble

CHUNK = 64 * 1024
CONTENT = os.urandom(11 * CHUNK + 77)
ROUNDS = 600


class Watched:
    """The cipher of one payload, which refuses a nonce that it has had."""

    used: ClassVar[set[tuple[bytes, bytes]]] = set()

    def __init__(self, key: bytes) -> None:
        """Watch the cipher under *key*."""
        self._key = key
        self._cipher = ChaCha20Poly1305(key)

    def _note(self, nonce: bytes) -> None:
        assert (self._key, nonce) not in self.used, "a key and a nonce met twice"
        self.used.add((self._key, nonce))

    def encrypt(self, nonce: bytes, data: Buffer, also: None) -> bytes:
        """Seal, once for each nonce."""
        self._note(nonce)
        return self._cipher.encrypt(nonce, data, also)

    def encrypt_into(self, nonce: bytes, data: Buffer, also: None, out: Any) -> int:
        """Seal, once for each nonce."""
        self._note(nonce)
        return self._cipher.encrypt_into(nonce, data, also, out)

    def __getattr__(self, name: str) -> Any:
        """Open as ever."""
        return getattr(self._cipher, name)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[tuple[bytes, bytes]]]:
    """Give every key and nonce that is used."""
    monkeypatch.setattr(payload, "ChaCha20Poly1305", Watched)
    Watched.used.clear()
    yield Watched.used
    Watched.used.clear()


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give how many more bytes the disk takes; none but a number in it limits it."""
    room: list[int] = []
    write = FolderSink.write

    def limited(sink: FolderSink, parts: Sequence[Buffer]) -> None:
        wanted = sum(map(len, parts))
        if not room or wanted <= room[0]:
            if room:
                room[0] -= wanted
            write(sink, parts)
            return
        os.write(sink._descriptor, b"".join(parts)[: room[0]])  # as the kernel
        raise StorageError(Trouble.NO_SPACE, "no space left")

    monkeypatch.setattr(FolderSink, "write", limited)
    return room


def opened(folder: Path, keyring: UnlockedKeyring, rung: StorageRung) -> ObjectStore:
    """Open the store as a process that has just begun does."""
    settings = StoreSettings(
        "in",
        f"file:{folder / rung.name}",
        rung,
        "restricted",
        records_folder=str(folder / "records"),
    )
    return open_store(settings, keyring, now=lambda: 1_800_000_000.0)


def send(store: ObjectStore, dice: random.Random, end: int, *, resume: bool) -> Any:
    """Upload CONTENT up to *end* in pieces of any size; return the writer."""
    writer = store.open_write(("a",), owner="anna", resume=resume)
    at = writer.offset
    assert at <= len(CONTENT)
    try:
        while at < end:
            size = dice.choice([1, 1000, CHUNK - 1, CHUNK, 3 * CHUNK + 5, len(CONTENT)])
            piece = CONTENT[at : min(at + size, end)]
            writer.write(piece)
            at += len(piece)
    except StorageError:
        writer.suspend()
        raise
    return writer


def check(error: StorageError, *expected: Trouble) -> None:
    """Assert that *error* is one of those *expected*."""
    assert error.trouble in expected, error


@pytest.mark.parametrize("rung", [StorageRung.PROTECTED, StorageRung.ENCRYPTED])
def test_no_nonce_is_used_twice_and_no_byte_is_lost(
    tmp_path: Path, watched: set[tuple[bytes, bytes]], full: list[int], rung: StorageRung
) -> None:
    """Uploads are broken off by the client, by a kill and by a full disk, and resumed anywhere."""
    keyring = open_keyring(str(tmp_path / "keys"), KeySettings(), passphrase=None, now=1.0)
    dice = random.Random(7)  # noqa: S311  # the same course each time
    store = opened(tmp_path, keyring, rung)
    acknowledged = 0
    try:
        for _ in range(ROUNDS):
            end = dice.choice([len(CONTENT), dice.randrange(len(CONTENT)), 4 * CHUNK, 9 * CHUNK])
            most = dice.choice([300, 2 * len(CONTENT)])
            full[:] = [dice.randrange(most)] if dice.random() < 0.3 else []
            try:
                writer = send(store, dice, end, resume=dice.random() < 0.9)
            except StorageError as error:
                check(error, Trouble.NO_SPACE)
                full.clear()
                continue
            how = dice.random()
            if end == len(CONTENT) and how < 0.4:
                try:
                    writer.commit()
                except StorageError as error:
                    # Nothing was left to send, or the disk was full.
                    check(error, Trouble.FAILED, Trouble.NO_SPACE)
                    continue
                full.clear()
                with closing(store.open_read(("a",))) as reader:
                    assert reader.read_at(0, len(CONTENT) + 1) == CONTENT
                store.remove(("a",))
                acknowledged += 1
            elif how < 0.8:
                if dice.random() < 0.7:
                    full.clear()
                writer.suspend()
            else:
                # As kill -9: descriptors go, nothing else happens.
                if writer._sink is not None:
                    writer._sink.close()
                store.close()
                store = opened(tmp_path, keyring, rung)
    finally:
        store.close()
    assert acknowledged > ROUNDS // 20
    assert rung is StorageRung.PROTECTED or len(watched) > ROUNDS


@pytest.mark.parametrize("rung", [StorageRung.PROTECTED, StorageRung.ENCRYPTED])
@pytest.mark.parametrize("room", [0, 6 * CHUNK])
def test_a_write_that_failed_is_not_made_up_for(
    tmp_path: Path, full: list[int], rung: StorageRung, room: int
) -> None:
    """The disk is full at one write and has room when the client is gone: a resume is whole."""
    keyring = open_keyring(str(tmp_path / "keys"), KeySettings(), passphrase=None, now=1.0)
    with closing(opened(tmp_path, keyring, rung)) as store:
        full[:] = [room]
        writer = store.open_write(("a",), owner="anna")
        with pytest.raises(StorageError) as caught:
            writer.write(CONTENT)
        check(caught.value, Trouble.NO_SPACE)
        with pytest.raises(StorageError):
            writer.write(b"x")
        full.clear()
        writer.suspend()
        again = store.open_write(("a",), owner="anna", resume=True)
        again.write(CONTENT[again.offset :])
        again.commit()
        with closing(store.open_read(("a",))) as reader:
            assert reader.read_at(0, len(CONTENT) + 1) == CONTENT


def test_a_store_is_in_nobody_elses_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that another user made beforehand, with links in it, is not used."""
    folder = tmp_path / StorageRung.PROTECTED.name
    folder.mkdir()
    (folder / "records.sqlite").symlink_to(tmp_path / "elsewhere")
    if os.geteuid() == 0:
        os.chown(folder, 12345, 12345)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    keyring = open_keyring(str(tmp_path / "keys"), KeySettings(), passphrase=None, now=1.0)
    with pytest.raises(StorageError, match="belongs to another user") as caught:
        opened(tmp_path, keyring, StorageRung.PROTECTED)
    check(caught.value, Trouble.DENIED)
    assert not (tmp_path / "elsewhere").exists()
    (folder / "records.sqlite").unlink()
    (tmp_path / "records").mkdir()
    if os.geteuid() == 0:
        # Whose the site is may be somebody else than who looks.
        os.chown(tmp_path / "records", 12345, 12345)
        opened(tmp_path, keyring, StorageRung.PROTECTED).close()

"""Stores for tests: a site's keys, settings, and somebody whose identity is elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.age.hybrid import HybridIdentity
from sealgate.storage.age.x25519 import X25519Identity
from sealgate.storage.keyring import Keyring, UnlockedKeyring, site_key
from sealgate.storage.model import StoreSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.age.wrapping import Identity

RUNGS = tuple(StorageRung)
SEALED = (StorageRung.ENCRYPTED, StorageRung.HIGHLY_ENCRYPTED)
OPENABLE = (StorageRung.NONE, StorageRung.PROTECTED, StorageRung.ENCRYPTED)
CHUNK = 65536
SITE = X25519Identity.generate()
# The holder of the identity of what is highly encrypted.
ELSEWHERE = HybridIdentity.generate()


def keyring(*identities: Identity, apart: bool = True) -> UnlockedKeyring:
    """Return the keys of a site: *identities*, the current one first."""
    mine = identities or (SITE,)
    recipient = mine[0].recipient()
    assert recipient is not None
    return UnlockedKeyring(
        Keyring((site_key(str(recipient), 0.0),)),
        apart,
        (recipient,),
        tuple(mine),
        b"r" * 32,
    )


@dataclass
class Place:
    """Where a test keeps a store and Sealgate's state, apart from each other."""

    folder: Path
    rung: StorageRung = StorageRung.ENCRYPTED
    classification: str = "confidential"
    quota_bytes: int | None = None
    max_file_bytes: int | None = None

    @property
    def root(self) -> Path:
        """Return the folder of the store."""
        return self.folder / "store"

    @property
    def settings(self) -> StoreSettings:
        """Return the settings of the store."""
        secret = self.rung is StorageRung.HIGHLY_ENCRYPTED
        return StoreSettings(
            "partners",
            f"file:{self.root}",
            self.rung,
            self.classification,
            self.quota_bytes,
            self.max_file_bytes,
            (str(ELSEWHERE.recipient()),) if secret else (),
            str(self.folder / "state"),
        )

    def open(
        self,
        keys: UnlockedKeyring | None = None,
        *,
        now: Callable[[], float] = time.time,
        compare: bool = True,
    ) -> ObjectStore:
        """Open the store."""
        return open_store(self.settings, keys or keyring(), now=now, compare=compare)

    def object(self, store: ObjectStore, *path: str) -> Path:
        """Return the file that the object of *path* lies in."""
        object_id = store.stat(path).object_id
        return self.root / "objects" / object_id[:2] / object_id


def put(store: ObjectStore, name: str, content: bytes, *, owner: str = "anna") -> None:
    """Upload *content* as one file; folders are parted by slashes."""
    with store.open_write(tuple(name.split("/")), owner=owner) as upload:
        upload.write(content)
        upload.commit()


def get(store: ObjectStore, name: str) -> bytes:
    """Return the content of a file."""
    reader = store.open_read(tuple(name.split("/")))
    try:
        return reader.read_at(0, reader.entry.size + 1)
    finally:
        reader.close()


def get_raw(store: ObjectStore, name: str) -> bytes:
    """Return the sealed bytes of a file."""
    reader = store.open_raw(tuple(name.split("/")))
    try:
        return reader.read_at(0, reader.entry.size + 1)
    finally:
        reader.close()


def lying(place: Place) -> set[str]:
    """Return the names of all objects."""
    return {path.name for path in (place.root / "objects").rglob("*") if path.is_file()}

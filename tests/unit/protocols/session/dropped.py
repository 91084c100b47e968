"""Drops over real stores, and sessions in them, with everything that they note."""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sealgate.identity.grants import Grant
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, KeySettings
from sealgate.policy.protection import StorageRung
from sealgate.protocols.model import Caller, Channel, Event, Method
from sealgate.protocols.session.context import Hooks, SessionContext
from sealgate.protocols.session.digests import KnownDigests
from sealgate.protocols.session.drops import OpenDrop
from sealgate.protocols.session.session import DropSession
from sealgate.protocols.ssh.transit import SFTP
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.model import StoreSettings

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.storage.keyring import UnlockedKeyring

CHANNEL = Channel(SFTP, "127.0.0.1", "SSH-2.0", "mlkem768x25519-sha256", "aes256-gcm@openssh.com")
ANNA = Caller("anna", ("partners",), frozenset([Method.PUBLIC_KEY]), "DE", "SHA256:anna")
BEN = Caller("ben", ("readers",), frozenset([Method.PUBLIC_KEY]), "DE", "SHA256:ben")
EVERYBODY = ("group:partners", "group:readers")


@dataclass
class Ground:
    """A folder for stores and keys; *events* and *complaints* are what sessions noted."""

    folder: Path
    events: list[Event] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    drops: dict[str, OpenDrop] = field(default_factory=dict)
    hooks: Hooks | None = None

    @functools.cached_property
    def keyring(self) -> UnlockedKeyring:
        """Return the site's keys."""
        keys = self.folder / "keys"
        return open_keyring(str(keys), KeySettings(), passphrase=None, now=1.0)

    @functools.cached_property
    def clock(self) -> itertools.count[int]:
        """Return milliseconds that pass with each look."""
        return itertools.count(1_800_000_000_000)

    def now(self) -> float:
        """Return the next moment."""
        return next(self.clock) / 1000

    def add(
        self,
        name: str = "in",
        classification: str = "restricted",
        *,
        rung: StorageRung = StorageRung.PROTECTED,
        recipients: tuple[str, ...] = (),
        **more: object,
    ) -> OpenDrop:
        """Add a drop that admits partners and readers, over a store of *rung*."""
        found = DEFAULT_MODEL.find(classification)
        assert found is not None
        settings = StoreSettings(
            name,
            f"file:{self.folder / name}",
            rung,
            classification,
            recipients=recipients,
            records_folder=str(self.folder / "records"),
        )
        (self.folder / "records").mkdir(exist_ok=True)
        store = open_store(settings, self.keyring, now=self.now)
        values = {"admit": EVERYBODY, **more}
        drop = Drop(name, found, settings.url, **values)  # type: ignore[arg-type]  # fields by name
        self.drops[name] = OpenDrop(drop, store, found is DEFAULT_MODEL.strictest)
        return self.drops[name]

    @functools.cached_property
    def digests(self) -> KnownDigests:
        """Return the digests that are known."""
        return KnownDigests()

    @property
    def context(self) -> SessionContext:
        """Return what sessions share."""
        return SessionContext(
            self.events.append, self.complaints.append, self.now, self.hooks, digests=self.digests
        )

    def session(self, caller: Caller = ANNA) -> DropSession:
        """Return a session of *caller* in all drops, with a grant for each."""
        at = 1_800_000_000.0
        grants = tuple(
            Grant("1", caller.name, f"drop {name}", "a test", 480, "one", at, "boss", "two", at)
            for name in self.drops
        )
        caller = replace(caller, grants=grants)
        return DropSession(caller, CHANNEL, self.drops, {}, self.context)

    def close(self) -> None:
        """Close the stores."""
        for drop in self.drops.values():
            drop.store.close()

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Return action, place and result of each event."""
        return [(event.action, event.place, event.result) for event in self.events]


def put(session: DropSession, path: str, content: bytes, **options: bool) -> None:
    """Upload *content*, in pieces as a client does."""
    upload = session.open_write(path, **options)
    for at in range(0, len(content), 32768):
        upload.write_at(upload.offset, content[at : at + 32768])
    upload.close()


def get(session: DropSession, path: str) -> bytes:
    """Download a file from its beginning to its end."""
    reader = session.open_read(path)
    try:
        content = b""
        while piece := reader.read_at(len(content), 40000):
            content += piece
    finally:
        reader.close()
    return content

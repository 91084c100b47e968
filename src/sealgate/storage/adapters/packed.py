"""
The site's opened keys as plain values, for a process of our own.

They travel as text, over a socket that only parent and child hold; they are never in the
environment, on the command line or on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.storage.age.keys import (
    HybridIdentity,
    X25519Identity,
    parse_identities,
    parse_recipient,
)
from sealgate.storage.keyring import UnlockedKeyring

if TYPE_CHECKING:
    from sealgate.storage.age.keys import Identity
    from sealgate.storage.keyring import Keyring


@dataclass(frozen=True, slots=True)
class PackedKeyring:
    """An :class:`UnlockedKeyring` as plain values."""

    keyring: Keyring
    is_apart: bool
    recipients: tuple[str, ...]
    identities: tuple[str, ...] = field(repr=False)
    record_key: bytes = field(repr=False)
    beside: tuple[str, ...] = ()

    def unpacked(self) -> UnlockedKeyring:
        """Return the keyring that was packed."""
        return UnlockedKeyring(
            self.keyring,
            self.is_apart,
            tuple(parse_recipient(text) for text in self.recipients),
            tuple(parse_identities("\n".join(self.identities))),
            self.record_key,
            self.beside,
        )


def packed(keyring: UnlockedKeyring) -> PackedKeyring:
    """Return *keyring* as plain values."""
    return PackedKeyring(
        keyring.keyring,
        keyring.is_apart,
        tuple(str(recipient) for recipient in keyring.recipients),
        tuple(_secret_text(identity) for identity in keyring.identities),
        keyring.record_key,
        keyring.beside,
    )


def _secret_text(identity: Identity) -> str:
    if isinstance(identity, X25519Identity | HybridIdentity):
        return identity.secret_text()
    raise BugError(f"a site key is of the kind {type(identity).__name__}")

"""
What a server process is told by its parent: whole values that pickle carries.

The site's keys travel as text, over a socket that only parent and child hold; they are
never in the environment, on the command line or on a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.policy.classification import DEFAULT_MODEL, ClassificationModel
from sealgate.policy.inventory import AccessSettings
from sealgate.storage.age.keys import (
    HybridIdentity,
    X25519Identity,
    parse_identities,
    parse_recipient,
)
from sealgate.storage.keyring import UnlockedKeyring

if TYPE_CHECKING:
    from sealgate.policy.inventory import Drop, KeyProtection, Tunnel
    from sealgate.storage.age.keys import Identity
    from sealgate.storage.keyring import Keyring
    from sealgate.storage.model import StoreSettings
    from sealgate.transfer.adapters.ftps import FTPSSettings
    from sealgate.transfer.adapters.ssh_settings import SSHSettings
    from sealgate.transfer.model import TransferProtocol


@dataclass(frozen=True, slots=True)
class PackedKeyring:
    """
    An :class:`UnlockedKeyring` as plain values.
    """

    keyring: Keyring
    protection: KeyProtection
    is_apart: bool
    recipients: tuple[str, ...]
    identities: tuple[str, ...] = field(repr=False)
    record_key: bytes = field(repr=False)
    beside: tuple[str, ...] = ()

    def unpacked(self) -> UnlockedKeyring:
        """
        Return the keyring that was packed.
        """
        return UnlockedKeyring(
            self.keyring,
            self.protection,
            self.is_apart,
            tuple(parse_recipient(text) for text in self.recipients),
            tuple(parse_identities("\n".join(self.identities))),
            self.record_key,
            self.beside,
        )


def packed(keyring: UnlockedKeyring) -> PackedKeyring:
    """
    Return *keyring* as plain values.
    """
    return PackedKeyring(
        keyring.keyring,
        keyring.protection,
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


@dataclass(frozen=True, slots=True)
class Served:
    """
    What the doorkeeper of a process goes by; may change while it runs.

    *stores* belong to *drops*, in the same order. *countries* is a checked country file,
    ``None`` where there is none.
    """

    drops: tuple[Drop, ...] = ()
    stores: tuple[StoreSettings, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    countries: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """
    What one server process is to be.

    *protocol* is ``SFTP`` or ``FTPS``. *settings* are those of that server. *listeners* are
    file descriptors of bound sockets, *implicit* those of FTPS with TLS from the first byte.
    *database* is the URL of identities and register. *log* is the file of the structured
    log. *keyring* is ``None`` where there is no drop.
    """

    protocol: TransferProtocol
    settings: SSHSettings | FTPSSettings
    listeners: tuple[int, ...]
    implicit: tuple[int, ...]
    database: str
    log: str
    keyring: PackedKeyring | None
    served: Served
    model: ClassificationModel = DEFAULT_MODEL

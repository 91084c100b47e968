"""What file servers are to be, as plain values; loads nothing that only they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.inventory import Address
    from sealgate.protocols.ftps.settings import FTPSSettings
    from sealgate.protocols.model import TransferProtocol
    from sealgate.protocols.ssh.settings import SSHSettings
    from sealgate.protocols.workers_plan import Served
    from sealgate.storage.adapters.packed import PackedKeyring


@dataclass(frozen=True, slots=True)
class Door:
    """One kind of file server: where it listens, and how it is to behave."""

    protocol: TransferProtocol
    addresses: tuple[Address, ...]
    implicit: tuple[Address, ...]
    settings: SSHSettings | FTPSSettings


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Everything that file servers need, of one configuration; no *doors*, no servers.

    *served* is ``None`` then, too.
    """

    doors: tuple[Door, ...]
    served: Served | None
    keyring: PackedKeyring | None
    model: ClassificationModel
    database: str
    log: str
    state_folder: str | None = None

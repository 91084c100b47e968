"""What file servers are to be, as plain values; loads nothing that only they need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.inventory import Address
    from sealgate.protocols.model import ServerKind
    from sealgate.protocols.workers_plan import ServedDrops
    from sealgate.storage.adapters.packed import PackedKeyring


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """One file server: where it listens, by the setting in ``[listen]``, and how it is to behave."""

    kind: ServerKind
    addresses: Mapping[str, tuple[Address, ...]]
    settings: object

    @property
    def all_addresses(self) -> tuple[Address, ...]:
        """Return every address."""
        return tuple(one for addresses in self.addresses.values() for one in addresses)


@dataclass(frozen=True, slots=True)
class ConfiguredServers:
    """
    Everything that file servers need, of one configuration; no *doors*, no servers.

    *served* is ``None`` then, too.
    """

    doors: tuple[ConfiguredServer, ...]
    served: ServedDrops | None
    keyring: PackedKeyring | None
    model: ClassificationModel
    database: str
    log: str
    state_folder: str | None = None

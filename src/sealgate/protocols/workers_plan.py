"""What a server process is told by its parent: whole values that pickle carries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.policy.classification import DEFAULT_MODEL, ClassificationModel
from sealgate.policy.inventory import AccessSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.inventory import Drop, Tunnel
    from sealgate.protocols.model import ServerKind
    from sealgate.storage.adapters.packed import PackedKeyring
    from sealgate.storage.model import StoreSettings


@dataclass(frozen=True, slots=True)
class ServedDrops:
    """
    What the authenticator of a process goes by; may change while it runs.

    *stores* belong to *drops*, in the same order. *fenced* tells of each drop whose store is
    damaged, by name, why. *countries* is a checked country file,
    ``None`` where there is none.
    """

    drops: tuple[Drop, ...] = ()
    stores: tuple[StoreSettings, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    countries: str | None = None
    fenced: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """
    What one server process is to be.

    *settings* are those of a server of that *kind*. *listeners* are file descriptors of bound
    sockets, by their setting in ``[listen]``.
    *database* is the URL of identities and register, whose key lies in *state_folder*. *log* is the file of the structured
    log. *keyring* is ``None`` where there is no drop. One that *waits* takes nobody
    before it is told to.
    """

    kind: ServerKind
    settings: object
    listeners: Mapping[str, tuple[int, ...]]
    database: str
    log: str
    keyring: PackedKeyring | None
    served: ServedDrops
    model: ClassificationModel = DEFAULT_MODEL
    state_folder: str | None = None
    waits: bool = False

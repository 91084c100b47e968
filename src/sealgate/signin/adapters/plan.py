"""What the service process is told by its parent: whole values that pickle carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.signin.model import ServedSites
    from sealgate.storage.adapters.packed import PackedKeyring


@dataclass(frozen=True, slots=True)
class SignInServicePlan:
    """
    What the process is to be.

    *listener* is the descriptor of a bound Unix socket. *database* is the URL of identities,
    *state_folder* holds the signing keys. *slow* is how many passwords are checked at a
    time. *keyring* opens the secrets of one-time codes, ``None`` where none are asked for.
    """

    listener: int
    database: str
    state_folder: str
    served: ServedSites
    slow: int
    keyring: PackedKeyring | None = None

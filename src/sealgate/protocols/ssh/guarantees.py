"""
What the SSH server shows to a stranger, as an audit would see it.

Tests hold the server's own lists against these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import OLDER_CIPHERS, OLDER_KEX
from sealgate.policy.observation import Fact
from sealgate.protocols.ssh.settings import CIPHERS, KEY_EXCHANGES, MACS

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import FactValue

SSH_HOST_KEY_ALGORITHMS = ("ssh-ed25519",)
SSH_HOST_KEYS = ("Ed25519",)
SSH_AUTH_METHODS = ("publickey", "password")
_SSH: dict[Fact, FactValue] = {
    Fact.SSH_PROTOCOL: "2.0",
    Fact.SSH_MACS: MACS,
    Fact.SSH_HOST_KEY_ALGORITHMS: SSH_HOST_KEY_ALGORITHMS,
    Fact.SSH_HOST_KEYS: SSH_HOST_KEYS,
    Fact.SSH_STRICT_KEX: True,
    Fact.SSH_AUTH_METHODS: SSH_AUTH_METHODS,
}


def offers(inventory: Inventory) -> dict[Fact, FactValue]:
    """Return what the server of *inventory* offers; *older_clients* of a drop are among it."""
    older = older_algorithms(inventory)
    kex = (*KEY_EXCHANGES, *(one for one in older if one in OLDER_KEX))
    ciphers = (*CIPHERS, *(one for one in older if one in OLDER_CIPHERS))
    return {**_SSH, Fact.SSH_KEX: kex, Fact.SSH_CIPHERS: ciphers}


def older_algorithms(inventory: Inventory) -> tuple[str, ...]:
    """Return what the SSH server offers because a drop names it, the stronger first."""
    named = {one for drop in inventory.drops for one in drop.older_clients}
    return tuple(one for one in (*OLDER_KEX, *OLDER_CIPHERS) if one in named)

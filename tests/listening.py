"""Where a configuration in a test listens."""

from __future__ import annotations

from sealgate.policy.inventory import Address, FileListener
from sealgate.protocols.table import SERVERS


def file_listeners(**addresses: tuple[Address, ...]) -> tuple[FileListener, ...]:
    """Return what ``[listen]`` opens for files: the *addresses* by setting, else the defaults."""
    return tuple(
        FileListener(
            one.name,
            kind.speaks,
            addresses.get(one.name, one.default),
            has_tunnels=kind.has_tunnels,
        )
        for kind in SERVERS
        for one in kind.listens
    )

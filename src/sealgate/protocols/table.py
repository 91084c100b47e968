"""
The protocols over which files are served: one folder each, one line here.

Protocols that share a port share a server. Whoever needs to know what there is asks this table:
what is opened and planned (:mod:`sealgate.serve`), guaranteed (:mod:`sealgate.protocols.guarantees`),
shown and audited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.sightings import FILE_SERVER_FACTS
from sealgate.errors import BugError
from sealgate.policy import declarations
from sealgate.policy.ladder import OVER_TLS
from sealgate.protocols.ftps import definition as ftps
from sealgate.protocols.model import no_name
from sealgate.protocols.ssh import definition as ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory
    from sealgate.protocols.model import ServerKind

SERVERS: tuple[ServerKind, ...] = (
    ssh.SERVER,  # SFTP, SCP, tunnels
    ftps.SERVER,  # FTPS
)
PROTOCOLS = tuple(protocol for kind in SERVERS for protocol in kind.protocols)
# What the ladder asks nothing of would be judged by the other doors alone.
for _kind in SERVERS:
    if _kind.speaks not in declarations.PROTOCOLS:
        raise BugError(f'"{_kind.name}" speaks what is no protocol in policy/declarations.py')
    if _kind.speaks not in FILE_SERVER_FACTS:
        raise BugError(f'"{_kind.name}" speaks what audit/sightings.py has no facts for')
    if (_kind.certified is no_name) is (_kind.speaks in OVER_TLS):
        raise BugError(f'"{_kind.name}" is to say in its definition which name is certified')


def servers_of(inventory: Inventory) -> Iterator[ServerKind]:
    """Yield the servers that *inventory* opens."""
    return (kind for kind in SERVERS if kind.addresses(inventory))


def server_at(scheme: str) -> ServerKind:
    """Return the server that a URL of *scheme* leads to; it must be one of a file server."""
    return next(kind for kind in SERVERS if scheme in kind.schemes)

"""How to sign in at another host, and whom to trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.client.tls import TLSIdentity
from sealgate.policy.protection import TransitRung

if TYPE_CHECKING:
    from sealgate.client.destination import Destination

# Asks for a password, once, when one is needed: given what it is for.
AskPassword = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """
    How to sign in, and whom to trust.

    *user* is who signs in where the URL names nobody. *identities* are files of SSH keys; without
    one the usual files and the agent are tried. *host_key* is a fingerprint
    (``SHA256:…``) to accept instead of what ``known_hosts`` says. *resolve* gives
    addresses for names. *rung* is the rank in transit that the channel must have.
    """

    ask_password: AskPassword
    rung: TransitRung
    user: str = ""
    identities: tuple[str, ...] = ()
    host_key: str = ""
    known_hosts: tuple[str, ...] = ()
    tls: TLSIdentity = field(default_factory=TLSIdentity)
    resolve: Mapping[str, str] = field(default_factory=dict)

    def address(self, destination: Destination) -> str:
        """Return where to connect to."""
        return self.resolve.get(destination.host, destination.host)

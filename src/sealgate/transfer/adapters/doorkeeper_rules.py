"""
What a doorkeeper asks, and what it goes by.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sealgate.policy.inventory import AccessSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.identity.ssh_keys import SSHKey
    from sealgate.policy.inventory import Tunnel
    from sealgate.transfer.adapters.session_drops import OpenDrop


class People(Protocol):
    """
    What is asked of the store of identities.
    """

    def check_password(self, name: str, password: str) -> bool:
        """
        Return whether it is the password of *name*; takes as long for unknown names.
        """

    def password_set_at(self, name: str) -> float | None:
        """
        Return when the password of *name* was set, ``None`` when there is none.
        """

    def identity(self, name: str) -> Identity | None:
        """
        Return the identity *name*.
        """

    def ssh_key(self, fingerprint: str) -> SSHKey | None:
        """
        Return the living key with *fingerprint*.
        """

    def certificate(self, fingerprint: str) -> ClientCertificate | None:
        """
        Return the certificate with *fingerprint*, living or not.
        """

    def generation(self) -> int:
        """
        Return a number that grows with every change.
        """


class Countries(Protocol):
    """
    Tells where an address is.
    """

    def country_of(self, address: str) -> str | None:
        """
        Return the ISO 3166-1 code, ``None`` when nobody knows.
        """


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What is served, of one moment: *countries* is ``None`` where no database is configured.
    """

    drops: Mapping[str, OpenDrop] = field(default_factory=dict)
    tunnels: tuple[Tunnel, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    countries: Countries | None = None

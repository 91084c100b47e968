"""What a doorkeeper asks, and what it goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sealgate.policy.inventory import AccessSettings
from sealgate.transfer.authorize import needs_grant
from sealgate.transfer.model import TransferProtocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.identity.grants import Grant
    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.identity.ssh_keys import SSHKey
    from sealgate.identity.totp import Sealer
    from sealgate.policy.inventory import Drop, Tunnel
    from sealgate.transfer.adapters.session_drops import OpenDrop


class People(Protocol):
    """What is asked of the store of identities."""

    def check_password(self, name: str, password: str) -> bool:
        """Return whether it is the password of *name*; takes as long for unknown names."""

    def password_set_at(self, name: str) -> float | None:
        """Return when the password of *name* was set, ``None`` when there is none."""

    def totp_set_at(self, name: str) -> float | None:
        """Return when the app of *name* that makes codes was set up, ``None`` for none."""

    def check_totp(self, name: str, code: str, sealer: Sealer, *, now: float) -> bool:
        """Return whether *code* is one of now; if so, it is used up."""

    def check_recovery_code(self, name: str, code: str, *, now: float) -> bool:
        """Return whether *code* is an unused recovery code; if so, it is used up."""

    def latest_grant(self, person: str, asset: str) -> Grant | None:
        """Return what *person* asked for *asset* last, whatever came of it."""

    def identity(self, name: str) -> Identity | None:
        """Return the identity *name*."""

    def ssh_key(self, fingerprint: str) -> SSHKey | None:
        """Return the living key with *fingerprint*."""

    def certificate(self, fingerprint: str) -> ClientCertificate | None:
        """Return the certificate with *fingerprint*, living or not."""

    def generation(self) -> int:
        """Return a number that grows with every change."""


class Countries(Protocol):
    """Tells where an address is."""

    def country_of(self, address: str) -> str | None:
        """Return the ISO 3166-1 code, ``None`` when nobody knows."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is served, of one moment: *countries* is ``None`` where no database is configured."""

    drops: Mapping[str, OpenDrop] = field(default_factory=dict)
    tunnels: tuple[Tunnel, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    countries: Countries | None = None

    def guarded(self, protocol: TransferProtocol) -> tuple[Drop | Tunnel, ...]:
        """Return what is reached over *protocol* and asks for a grant."""
        reached: list[Drop | Tunnel] = [one.drop for one in self.drops.values()]
        if protocol is not TransferProtocol.FTPS:
            reached += self.tunnels
        return tuple(one for one in reached if needs_grant(one))

"""What an authenticator asks, and what it goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sealgate.policy.inventory import AccessSettings
from sealgate.protocols.authorize import needs_grant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.inventory import Drop, Tunnel
    from sealgate.protocols.model import FileProtocol
    from sealgate.protocols.session.drops import OpenDrop


class CountryLookup(Protocol):
    """Tells where an address is."""

    def country_of(self, address: str) -> str | None:
        """Return the ISO 3166-1 code, ``None`` when nobody knows."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is served, of one moment: *countries* is ``None`` where no database is configured."""

    drops: Mapping[str, OpenDrop] = field(default_factory=dict)
    tunnels: tuple[Tunnel, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    countries: CountryLookup | None = None

    def guarded(self, protocol: FileProtocol) -> tuple[Drop | Tunnel, ...]:
        """Return what is reached over *protocol* and asks for a grant."""
        reached: list[Drop | Tunnel] = [one.drop for one in self.drops.values()]
        if protocol.has_tunnels:
            reached += self.tunnels
        return tuple(one for one in reached if needs_grant(one))

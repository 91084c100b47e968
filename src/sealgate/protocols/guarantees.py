"""
What the file servers guarantee, and what ``serve`` must refuse to start for.

The servers are made so that this holds (:mod:`sealgate.protocols`), and tests hold
them to it. What a class demands beyond it is measured on each live connection
(:mod:`sealgate.protocols.authorize`). Plain FTP does not exist here.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING

from sealgate.errors import Fault
from sealgate.policy.assets import drop_asset, file_server_asset, tunnel_asset
from sealgate.policy.files import UNPROTECTED
from sealgate.policy.inventory import Drop
from sealgate.policy.observation import Fact, Observation, Vantage
from sealgate.policy.protection import StorageRung
from sealgate.policy.requirements import required_of_drop
from sealgate.protocols.table import servers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.policy.assets import Asset
    from sealgate.policy.inventory import Address, Inventory, Tunnel
    from sealgate.policy.observation import FactValue

SEEN_BY = "file server configuration"

_UNSEALED = "at-rest-unsealed"


def guaranteed(
    inventory: Inventory, why_not_apart: Mapping[str, str | None]
) -> tuple[Observation, ...]:
    """
    Return what file servers that run *inventory* enforce, on all and on each drop and tunnel.

    *why_not_apart* says for each drop, by name, why the site's keys are not apart from its
    store, ``None`` when they are; a drop that is not in it counts as not apart. Nothing is
    said of certificates: whoever holds the files looks at them. Of what is refused
    (:func:`refusals`) nothing is promised.
    """
    return tuple(_promises(inventory, why_not_apart))


def _promises(
    inventory: Inventory, why_not_apart: Mapping[str, str | None]
) -> Iterator[Observation]:
    if inventory.drops or inventory.tunnels:
        server = file_server_asset(inventory).id
        for kind in servers_of(inventory):
            for fact, value in kind.offers(inventory).items():
                yield _saw(server, fact, value)
    for one in _behind(inventory):
        asset, demand = _asset(one), required_of_drop(one)
        yield _saw(asset.id, Fact.SESSION_RUNG, demand.in_transit)
        yield _saw(asset.id, Fact.ACCESS_RUNG, demand.access)
    for drop in inventory.drops:
        yield _saw(drop_asset(drop).id, Fact.AT_REST_RUNG, _kept_at(drop, why_not_apart))
    for tunnel in inventory.tunnels:
        protected = is_this_host(tunnel.target)
        yield _saw(tunnel_asset(tunnel).id, Fact.UPSTREAM_PROTECTED, protected)


def _kept_at(drop: Drop, why_not_apart: Mapping[str, str | None]) -> StorageRung:
    demand = drop.classification.required.at_rest
    if demand.stored.needs_key_apart and why_not_apart.get(drop.name, "") is not None:
        # Sealed all the same, but whoever takes the store takes the key with it.
        return StorageRung.PROTECTED
    return demand


def is_this_host(target: Address) -> bool:
    """
    Return whether *target* is on this machine, so that nobody reads along behind the tunnel.

    "localhost" is always loopback (RFC 6761, 6.3).
    """
    if target.host == "localhost" or target.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(target.host).is_loopback
    except ValueError:
        return False


def refusals(
    inventory: Inventory, why_not_apart: Mapping[str, str | None], *, now: float
) -> tuple[Fault, ...]:
    """
    Return everything that ``serve`` must not start file servers with; empty when all is kept.

    *why_not_apart* is as in :func:`guaranteed`, *now* in seconds since the epoch: a drop whose
    store is weaker than its class is served only while somebody has accepted that risk.
    """
    return tuple(_refusals(inventory, why_not_apart, now))


def _refusals(
    inventory: Inventory, why_not_apart: Mapping[str, str | None], now: float
) -> Iterator[Fault]:
    today = dt.datetime.fromtimestamp(now, tz=dt.UTC).date()
    accepted = {r.asset for r in inventory.accepted if r.rule == _UNSEALED and today <= r.until}
    for drop in inventory.drops:
        demand = drop.classification.required.at_rest
        if _kept_at(drop, why_not_apart) < demand and drop_asset(drop).id not in accepted:
            reason = why_not_apart.get(drop.name) or "nobody looked where the site keys lie"
            yield Fault(
                drop.place.file or inventory.source,
                drop.place.line,
                f'"{drop_asset(drop).id}": "{drop.classification.id}" demands '
                f'"{demand.word}" at rest, but {reason}, so that it would '
                f'be "{StorageRung.PROTECTED.word}" only',
                _apart_hint(inventory.keys.protection),
            )


def _apart_hint(protection: str) -> str:
    if protection == UNPROTECTED:
        return 'protection = "passphrase" under [keys], then: sealgate keys protect'
    return "move it, or the store, to another volume"


def _behind(inventory: Inventory) -> tuple[Drop | Tunnel, ...]:
    return (*inventory.drops, *inventory.tunnels)


def _asset(one: Drop | Tunnel) -> Asset:
    return drop_asset(one) if isinstance(one, Drop) else tunnel_asset(one)


def _saw(asset: str, fact: Fact, value: FactValue) -> Observation:
    return Observation(asset, fact, value, Vantage.HOST, SEEN_BY)

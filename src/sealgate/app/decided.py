"""
Holds ``sealgate.toml`` against what people decided: nothing declared may be weaker.

A decision about a route, a drop or a tunnel stands in the register, made with ``sealgate
assess --decide`` on its asset id as an audit prints it. DESIGN 4: a route under a weaker
class than the register says is an error; a drop is no less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database, open_register
from sealgate.errors import Fault
from sealgate.policy.assets import drop_asset, route_asset, tunnel_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.assets import Asset
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Inventory
    from sealgate.register.model import Decision


def weaker_than_decided(inventory: Inventory) -> tuple[Fault, ...]:
    """
    Return a fault for each route, drop and tunnel weaker than the newest decision on it.

    A decision for a class that the model no longer has counts as the strictest. Where
    there is no register yet, nobody decided anything; none is made.

    Raises:
        SourceError: the register is there, but cannot be read.
    """
    if not has_database(inventory):
        return ()
    with open_register(inventory) as register:
        # Oldest first, so that the newest remains.
        newest = {decision.asset: decision for decision in register.decisions()}
    return tuple(_faults(inventory, newest))


def _faults(inventory: Inventory, newest: dict[str, Decision]) -> Iterator[Fault]:
    model = inventory.model
    for asset, classification in _declared(inventory):
        decision = newest.get(asset.id)
        if decision is None:
            continue
        wanted = model.find(decision.classification) or model.strictest
        if classification.rank < wanted.rank:
            yield Fault(
                asset.place.file or inventory.source,
                asset.place.line,
                f'"{asset.id}": the class is "{classification.id}", but the register'
                f' says "{decision.classification}", decided by {decision.by}',
                f'set class = "{wanted.id}", or decide anew with sealgate assess --decide',
            )


def _declared(inventory: Inventory) -> Iterator[tuple[Asset, Classification]]:
    for site in inventory.sites:
        for route in site.routes:
            yield route_asset(site, route), route.classification
    for drop in inventory.drops:
        yield drop_asset(drop), drop.classification
    for tunnel in inventory.tunnels:
        yield tunnel_asset(tunnel), tunnel.classification

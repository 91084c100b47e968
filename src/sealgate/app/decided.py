"""
Holds ``sealgate.toml`` against what people decided: a route may not be weaker.

A decision about a route stands in the register, made with ``sealgate assess --decide``
on the route's asset id as an audit prints it. DESIGN 4: a route under a weaker class
than the register says is an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database, open_register
from sealgate.errors import Fault
from sealgate.policy.inventory import route_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory
    from sealgate.register.model import Decision


def weaker_than_decided(inventory: Inventory) -> tuple[Fault, ...]:
    """
    Return a fault for each route whose class is weaker than the newest decision on it.

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
    for site in inventory.sites:
        for route in site.routes:
            asset = route_asset(site, route)
            decision = newest.get(asset.id)
            if decision is None:
                continue
            wanted = model.find(decision.classification) or model.strictest
            if route.classification.rank < wanted.rank:
                yield Fault(
                    route.place.file or inventory.source,
                    route.place.line,
                    f'"{asset.id}": the class is "{route.classification.id}", but the register'
                    f' says "{decision.classification}", decided by {decision.by}',
                    f'set class = "{wanted.id}", or decide anew with sealgate assess --decide',
                )

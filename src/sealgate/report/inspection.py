"""Which routes are looked into on their way, and for what, as lines for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.inspection.model import kinds_of, titles
from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import Inspect, default_inspect, is_unsampled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory, Route


def inspection_lines(inventory: Inventory) -> Iterator[str]:
    """
    Yield what each route may not show, and may not take; and where the default does not hold.

    Neighbours of which the same is said share a line.
    """
    assets: list[str] = []
    said = ""
    for site in inventory.sites:
        for route in site.routes:
            for line in _of_route(route, inventory):
                if line != said:
                    yield from _told(assets, said)
                    assets, said = [], line
                assets.append(route_asset(site, route).id)
    yield from _told(assets, said)


def _told(assets: list[str], said: str) -> Iterator[str]:
    if assets:
        yield f"{', '.join(assets)}: {said}"


def _of_route(route: Route, inventory: Inventory) -> Iterator[str]:
    shows, takes = kinds_of(route, inventory.model)
    if route.shut:
        return
    if is_unsampled(route):
        yield "no sample is read, though that is the default (see remarks)"
    elif route.inspect is Inspect.OFF:
        if default_inspect(route.classification) is not Inspect.OFF:
            yield 'nothing is read, as inspect = "off" says'
    elif route.inspect is Inspect.OBSERVE:
        by_default = " (the default)" if route.inspect_by_default else ""
        yield f"a sample is read, and told: {titles(shows) or 'nothing'}{by_default}"
    else:
        yield f"held back from answers: {titles(shows) or 'nothing'}"
        same = "the same" if takes == shows else titles(takes) or "nothing"
        yield f"held back from requests: {same}"

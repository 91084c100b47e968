"""
Which routes are looked into on their way, and for what, as lines for a person.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.inspection.model import kinds_of, titles
from sealgate.policy.inventory import Inspect, route_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory


def inspection_lines(inventory: Inventory) -> Iterator[str]:
    """
    Yield a line per inspected route: what it may not show, and what it may not take.
    """
    for site in inventory.sites:
        for route in site.routes:
            if route.inspect is Inspect.OFF:
                continue
            shows, takes = kinds_of(route, inventory.model)
            asset = route_asset(site, route).id
            if route.inspect is Inspect.OBSERVE:
                yield f"{asset}: a sample is read, and told: {titles(shows) or 'nothing'}"
                continue
            yield f"{asset}: held back from answers: {titles(shows) or 'nothing'}"
            if takes != shows:
                yield f"{asset}: held back from requests: {titles(takes) or 'nothing'}"
            else:
                yield f"{asset}: held back from requests: the same"

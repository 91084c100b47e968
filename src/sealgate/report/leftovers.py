"""What the gateway refuses by its name, and where it is served all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.policy.assets import route_asset
from sealgate.policy.leftovers import ENDINGS, NAMES, WELL_KNOWN, Leftover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory

_MORE = {
    Leftover.DOT_FILES: f"what begins with a dot, folders too; never /{WELL_KNOWN}/",
    Leftover.BACKUPS: "NAME~, #NAME#, and source under another ending (x.php.txt)",
    Leftover.DUMPS: "",
    Leftover.LOGS: ", ".join(sorted(NAMES)),
}


def leftover_lines(inventory: Inventory) -> Iterator[str]:
    """Yield each kind that is refused on every route, and each route that serves some of them."""
    if not inventory.sites:
        return
    for kind in Leftover:
        endings = " ".join(f".{ending}" for ending in sorted(ENDINGS.get(kind, ())))
        yield f"{kind.value} are refused: {'; '.join(part for part in (endings, _MORE[kind]) if part)}"
    for site in inventory.sites:
        for route in site.routes:
            if route.leftovers:
                kinds = ", ".join(kind.value for kind in route.leftovers)
                yield f"{route_asset(site, route).id} serves: {kinds}"


def leftovers_data(inventory: Inventory) -> list[dict[str, Any]]:
    """Return which routes serve which kinds; every other route refuses all."""
    return [
        {"asset": route_asset(site, route).id, "serves": [kind.value for kind in route.leftovers]}
        for site in inventory.sites
        for route in site.routes
        if route.leftovers
    ]

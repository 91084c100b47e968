"""
Tells of pages to sign in on whose style sheets lie behind a stricter door.

Known are the pages that a preset tells of, also where a site without that preset declares one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.presets import PRESETS
from sealgate.policy.assets import route_asset
from sealgate.policy.requirements import required_of_route
from sealgate.policy.routing import serving_route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory, Route, Site


def sheet_remarks(inventory: Inventory) -> tuple[str, ...]:
    """Return a remark for each page that visitors would see without its style sheets."""
    return tuple(remark for site in inventory.sites for remark in _remarks(site))


def _remarks(site: Site) -> Iterator[str]:
    declared = {route.door.path for route in site.routes if not route.door.conditional}
    known = {
        path: [f"{path.removesuffix(page)}{one}" for one in folders]
        for preset in PRESETS.values()
        for page, folders in preset.sheets
        for path in sorted(declared)
        if path.endswith(page)
    }
    for page, folders in known.items():
        shown = serving_route(site.routes, page)
        if shown.shut:
            continue
        found = [(one, serving_route(site.routes, one)) for one in folders]
        locked = [(one, route) for one, route in found if _is_stricter(route, shown)]
        if not locked:
            continue
        behind = ", ".join(sorted({route_asset(site, route).id for _, route in locked}))
        typed = " ".join(f'[[site.route]] path = "{one}" class = "public"' for one, _ in locked)
        yield (
            f"{route_asset(site, shown).id}: what the page loads from "
            f"{', '.join(one for one, _ in locked)} is behind a stricter door ({behind}), so it "
            f"shows without style to who cannot open that; these files hold no data of the site, "
            f"so they may be open: {typed}"
        )


def _is_stricter(route: Route, page: Route) -> bool:
    """Return whether somebody who sees *page* may be kept from *route*."""
    if route.shut:
        return True
    asked, asked_of_page = required_of_route(route).access, required_of_route(page).access
    if asked > asked_of_page or (route.backend and not page.backend):
        return True
    if asked_of_page and not route.sign_in and page.sign_in:
        return True
    return bool(route.admit) and not set(page.admit) <= set(route.admit)

"""
From class to least protection, for a route, a drop, a tunnel and a store.

DESIGN 1, "What applies where": transit applies to what a route takes and gives,
access to what it gives out, storage to what is kept.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.assets import (
    AssetKind,
    drop_asset,
    file_server_asset,
    payment_gateway_asset,
    route_asset,
    site_asset,
    tunnel_asset,
)
from sealgate.policy.declarations import Declaration
from sealgate.policy.inventory import Drop, SiteAccess
from sealgate.policy.protection import (
    SENSITIVE_FLOOR,
    SIGN_IN_FLOOR,
    AccessRung,
    Column,
    Protection,
    TransitRung,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.assets import Asset
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Inventory, Route, Site, Tunnel

# What applies where (DESIGN 1): a page keeps nothing, a store sends nothing. Access to
# a site is a matter of its routes; of an endpoint that nobody configured only the
# channel can be judged.
COLUMNS: dict[AssetKind, tuple[Column, ...]] = {
    AssetKind.SITE: (Column.IN_TRANSIT,),
    AssetKind.ROUTE: (Column.IN_TRANSIT, Column.ACCESS),
    AssetKind.DROP: (Column.IN_TRANSIT, Column.ACCESS, Column.AT_REST),
    AssetKind.TUNNEL: (Column.IN_TRANSIT, Column.ACCESS),
    AssetKind.FILE_SERVER: (Column.IN_TRANSIT,),
    AssetKind.PAYMENT_GATEWAY: (Column.IN_TRANSIT,),
    AssetKind.ENDPOINT: (Column.IN_TRANSIT,),
    AssetKind.FILE: (Column.AT_REST,),
    AssetKind.TABLE: (Column.AT_REST,),
    AssetKind.DATABASE: (Column.AT_REST,),
}


@dataclass(frozen=True, slots=True)
class AssetRequirement:
    """
    What one asset must provide, and because of which class (by id).

    *collects* is the class of what the visitor sends there, when that is declared. *foreign*:
    nobody configured it here, so a remedy is written for the server that was recognised.
    """

    asset: Asset
    classification: str
    required: Protection
    collects: str | None = None
    declarations: frozenset[Declaration] = frozenset()
    foreign: bool = False


def declared(inventory: Inventory) -> tuple[AssetRequirement, ...]:
    """
    Return what each site, route, payment gateway, drop and tunnel of *inventory* must provide.

    The servers that drops and tunnels are behind come before them, as one asset.
    """
    return tuple(_declared(inventory))


def _declared(inventory: Inventory) -> Iterator[AssetRequirement]:
    for site in inventory.sites:
        yield required_of_site(site)
        for route in site.routes:
            marks = set()
            if route.backend:
                marks.add(Declaration.BACKEND)
            if route.access is SiteAccess.SITE:
                marks.add(Declaration.SITE_ASKS)
            if route.payment:
                marks.add(Declaration.PAYMENT)
            if route.plain_http:
                marks.add(Declaration.PLAIN_HTTP)
            yield AssetRequirement(
                route_asset(site, route),
                route.classification.id,
                required_of_route(route),
                route.collects.id if route.collects else None,
                frozenset(marks),
            )
    yield from _payment_gateways(inventory)
    yield from _file_server(inventory)


def _payment_gateways(inventory: Inventory) -> Iterator[AssetRequirement]:
    # What goes there is what the pages of payment take; with none declared, the floor.
    taken = [
        route.collects or route.classification
        for site in inventory.sites
        for route in site.routes
        if route.payment
    ]
    floor = Protection(SENSITIVE_FLOOR.in_transit)
    for gateway in inventory.payment_gateways:
        strictest = inventory.model.strictest_of(taken) if taken else inventory.model.strictest
        yield AssetRequirement(payment_gateway_asset(gateway), strictest.id, floor)


def _file_server(inventory: Inventory) -> Iterator[AssetRequirement]:
    classes = [drop.classification for drop in inventory.drops]
    classes += [tunnel.classification for tunnel in inventory.tunnels]
    if not classes:
        return
    opened = inventory.opened()
    spoken = frozenset(one.speaks for one in opened)
    with_tunnels = frozenset(one.speaks for one in opened if one.has_tunnels)
    # The server itself is held to the floor of credentials in transit. What a class demands
    # beyond it is asked of each session.
    floor = Protection(SENSITIVE_FLOOR.in_transit)
    strictest = max(classes, key=lambda c: c.rank)
    yield AssetRequirement(file_server_asset(inventory), strictest.id, floor, declarations=spoken)
    for drop in inventory.drops:
        yield AssetRequirement(
            drop_asset(drop), drop.classification.id, required_of_drop(drop), declarations=spoken
        )
    for tunnel in inventory.tunnels:
        yield AssetRequirement(
            tunnel_asset(tunnel),
            tunnel.classification.id,
            required_of_drop(tunnel),
            declarations=with_tunnels,
        )


def required_of_site(site: Site) -> AssetRequirement:
    """
    Return what the endpoint of *site* must provide: the transit of its strictest route.

    A shut door does not count: nothing passes there.
    """
    passed = [route for route in site.routes if not route.shut]
    classes = [c for r in passed for c in (r.classification, r.collects) if c]
    strictest = max(classes, key=lambda c: c.rank)
    in_transit = max(map(transit_of_route, passed))
    # What an endpoint answers to is asked at its front page.
    front = any(r.plain_http and r.door.path == "/" and not r.door.exact for r in site.routes)
    marks = {Declaration.PLAIN_HTTP} if front else set()
    return AssetRequirement(
        site_asset(site),
        strictest.id,
        Protection(in_transit),
        declarations=frozenset(marks),
    )


def applicable(kind: AssetKind, required: Protection) -> Protection:
    """Return *required* without the columns that say nothing of this *kind* of asset."""
    ranks = (required.rank(column) if column in COLUMNS[kind] else 0 for column in Column)
    return Protection.of(*ranks)


def required_of_route(route: Route) -> Protection:
    """
    Return what *route* must provide.

    That is the transit of what it takes and gives, and the access of what it shows.
    A route keeps nothing, so nothing is demanded at rest.
    """
    return Protection(transit_of_route(route), route.classification.required.access)


def transit_of_route(route: Route) -> TransitRung:
    """
    Return what the channel of *route* must be worth.

    Nothing passes a shut door, so it asks for no stricter channel than credentials do, whatever
    its class.
    """
    if route.shut:
        return SENSITIVE_FLOOR.in_transit
    shows = route.classification.required
    takes = route.collects.required if route.collects else shows
    in_transit = max(shows.in_transit, takes.in_transit)
    if route.backend or shows.access > AccessRung.NONE:
        # Credentials never travel below "encrypted", whatever the class of the page
        # (DESIGN 1, in transit, rung 1; guideline, paragraph 2 and "Backend").
        in_transit = max(in_transit, SENSITIVE_FLOOR.in_transit)
    return in_transit


def is_highly_encrypted(site: Site) -> bool:
    """
    Return whether everything on *site* is "highly encrypted": TLS 1.3, the hybrid group, a key.

    Such a site has a channel of its own. What demands it on another site is not served.
    """
    ranks = [transit_of_route(route) for route in site.routes if not route.shut]
    return min(ranks, default=0) >= TransitRung.HIGHLY_ENCRYPTED


def required_of_drop(asset: Drop | Tunnel) -> Protection:
    """
    Return what a drop, or a tunnel, must provide.

    Whoever comes there signs in, so it is never below "encrypted" in transit, nor open to
    everybody, whatever its class says.
    """
    kind = AssetKind.DROP if isinstance(asset, Drop) else AssetKind.TUNNEL
    return _behind_sign_in(kind, asset.classification.required)


@functools.lru_cache(maxsize=64)
def _behind_sign_in(kind: AssetKind, required: Protection) -> Protection:
    # Asked for each operation of a session.
    return applicable(kind, required.at_least(SIGN_IN_FLOOR))


def required_of_data(classification: Classification, *, sensitive: bool) -> Protection:
    """
    Return what stored data of *classification* needs.

    *sensitive*: credentials, medical, payment or account data or access codes are
    among it, so that the floor holds even where the model is weaker.
    """
    required = classification.required
    return required.at_least(SENSITIVE_FLOOR) if sensitive else required

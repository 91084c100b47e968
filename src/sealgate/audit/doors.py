"""
Where the doors of a configured site are, and what to ask for at each route. No I/O.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.audit.model import HTTP_PORT, HTTPS_PORT, Target
from sealgate.audit.requests import NOWHERE
from sealgate.audit.spellings import query_spellings, spellings
from sealgate.policy.inventory import SiteAccess, site_asset
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import required_of_route

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Address, Door, Inventory, Route, Site


@dataclass(frozen=True, slots=True)
class Doors:
    """
    The targets of one site: one per name and listener, TLS and plain apart.
    """

    secure: tuple[Target, ...]
    plain: tuple[Target, ...]


def doors_of(inventory: Inventory, site: Site, reach: Callable[[Address, str], str]) -> Doors:
    """
    Return the doors of *site*. *reach* tells which address to ask for a listener.

    Where the configuration shuts the plain door, its place is still looked at:
    something else may listen there.
    """
    asset = site_asset(site).id
    https, http = inventory.listen.https, inventory.listen.http
    plain_port = http[0].port if http else None
    secure = tuple(
        Target(
            asset,
            domain,
            reach(address, domain),
            address.port,
            plain_port or (HTTP_PORT if address.port == HTTPS_PORT else address.port),
        )
        for domain in site.domains
        for address in https
    )
    if not http:
        return Doors(secure, secure)
    plain = tuple(
        Target(
            asset,
            domain,
            reach(address, domain),
            https[0].port if https else HTTPS_PORT,
            address.port,
        )
        for domain in site.domains
        for address in http
    )
    return Doors(secure, plain)


def is_everywhere(address: Address) -> bool:
    """
    Return whether a listener binds every address of its host.
    """
    return ipaddress.ip_address(address.host).is_unspecified


def request_for(door: Door) -> str:
    """
    Return the request target that asks for *door*; ``*`` becomes some segment.
    """
    path = door.path.replace("*", "x")
    if door.query is None:
        return path
    value = f"={door.query_value}" if door.query_value is not None else ""
    return f"{path.rstrip('/')}/?{door.query}{value}"


def below(door: Door) -> str | None:
    """
    Return a path below *door* that no site has, ``None`` where there is nothing below to mean.

    What looks like a file has nothing below on most servers, whoever refuses it.
    """
    path = request_for(door)
    if door.exact or door.query is not None or "." in path.rpartition("/")[2]:
        return None
    return path.rstrip("/") + NOWHERE


def can_be_asked(door: Door) -> bool:
    """
    Return whether a plain GET can mean *door*.
    """
    return not door.credentials and (not door.methods or "GET" in door.methods)


def spellings_for(door: Door) -> tuple[str, ...]:
    """
    Return the other ways to ask for *door*.
    """
    if door.query is not None:
        return query_spellings(door.path, door.query, door.query_value)
    return spellings(request_for(door))


def asks_who(route: Route) -> bool:
    """
    Return whether it is the gateway that asks who comes to *route*, and not the site.
    """
    return required_of_route(route).access > AccessRung.NONE and route.access is not SiteAccess.SITE


def is_locked(route: Route) -> bool:
    """
    Return whether *route* must let nobody in without a key.
    """
    return required_of_route(route).access >= AccessRung.HIGH

"""Where the doors of a configured site are, and what to ask for at each route. No I/O."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.audit.model import HTTP_PORT, HTTPS_PORT, Target
from sealgate.audit.requests import NOWHERE
from sealgate.audit.spellings import SCRIPT, query_spellings, spellings
from sealgate.policy.assets import site_asset
from sealgate.policy.inventory import Door, SiteAccess
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import required_of_route
from sealgate.policy.routing import can_be_one, door_segments, is_script, serving_route

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealgate.policy.inventory import Address, Inventory, Route, Site


@dataclass(frozen=True, slots=True)
class Doors:
    """The targets of one site: one per name and listener, TLS and plain apart."""

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
    """Return whether a listener binds every address of its host."""
    return ipaddress.ip_address(address.host).is_unspecified


def request_for(door: Door) -> str:
    """Return the request target that asks for *door*; ``*`` becomes some segment."""
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
    """Return whether a plain GET can mean *door*."""
    return not door.credentials and (not door.methods or "GET" in door.methods)


def spellings_for(route: Route, routes: Sequence[Route]) -> tuple[str, ...]:
    """
    Return the other ways to ask for *route*, which is one of *routes*.

    A weaker route with a ``*`` in its path can fit a script of *route*, or one with the path of
    *route* behind it (RFC 3875, 4.1.5), so such paths are among them.
    """
    door = route.door
    if door.query is not None:
        return query_spellings(door.path, door.query, door.query_value)
    return tuple(dict.fromkeys((*spellings(request_for(door)), *_fitting_weaker(route, routes))))


def _fitting_weaker(route: Route, routes: Sequence[Route]) -> Iterator[str]:
    own = door_segments(Door(request_for(route.door)))
    weaker = (other.door for other in routes if not is_locked(other) and not other.door.conditional)
    for wanted in map(door_segments, weaker):
        # With each, which of its segments is the script.
        fronts = [((SCRIPT, *own), 0)]
        if own and is_script(own[-1].lower()):
            fronts.append((own, len(own) - 1))
        for front, script in fronts:
            rest = tuple(segment.replace("*", "x") for segment in wanted[len(front) :])
            # Whoever writes the script out means what stands behind it.
            if not rest or not wanted[script].endswith("*"):
                continue
            pairs = tuple(zip(wanted, front, strict=False))
            if not all(can_be_one(want.lower(), got.lower()) for want, got in pairs):
                continue
            if front is own or serving_route(routes, _path((*own, *rest))) == route:
                # As the weaker route spells it, or that would not be what serves it.
                yield _path((*(_spelled(want, got) for want, got in pairs), *rest))


def _spelled(want: str, got: str) -> str:
    begun = want.removesuffix("*")
    return begun + got[len(begun) :]


def _path(segments: Sequence[str]) -> str:
    return "/" + "/".join(segments)


def asks_who(route: Route) -> bool:
    """Return whether it is the gateway that asks who comes to *route*, and not the site."""
    return required_of_route(route).access > AccessRung.NONE and route.access is not SiteAccess.SITE


def is_locked(route: Route) -> bool:
    """Return whether *route* must let nobody in without a key."""
    return required_of_route(route).access >= AccessRung.HIGH

"""
Which routes are inspected, for what, and on which sockets their relays listen.

A socket is named by everything that its relay goes by, so a route whose policy changed has
another one: nobody reaches a relay that goes by old rules under a new name.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.extras import absent
from sealgate.errors import Fault
from sealgate.gateway.model import ENVOY_FOLDER
from sealgate.gateway.translate.inspection import back_socket, needs_back
from sealgate.inspection.model import Policy, RelayUpstream, kinds_of
from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import Inspect, is_unsampled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory, Site

RELAY_FOLDER = "relays"
# unix(7): the path of a socket, with the zero at its end.
_LONGEST_PATH = 107
_LIBRARIES = ("isal", "brotli", "uvloop")
_DIGITS = 16


def policies(inventory: Inventory) -> dict[str, Policy]:
    """Return the policy behind each socket, by its path."""
    folder = Path(inventory.state_folder, RELAY_FOLDER)
    found: dict[str, Policy] = {}
    for site in inventory.sites:
        for route in site.routes:
            if route.inspect is Inspect.OFF or route.shut:
                continue
            shows, takes = kinds_of(route, inventory.model)
            enforces = route.inspect is Inspect.ENFORCE
            if not (shows or enforces):
                continue  # Nothing that a sample could show is above such a class.
            policy = Policy(
                route_asset(site, route).id,
                enforces,
                upstream_of(inventory, site),
                shows,
                takes if enforces else frozenset(),  # requests are not sampled
            )
            found[str(folder / f"{_digest(policy)}.sock")] = policy
    return found


def relay_sockets(inventory: Inventory) -> dict[str, str]:
    """Return the socket of each inspected route, by the id of its asset."""
    return {policy.asset: path for path, policy in policies(inventory).items()}


def as_far_as_possible(inventory: Inventory) -> Inventory:
    """
    Return *inventory* without the samples that nobody asked for and that cannot be read here.

    What a route says itself stays, and is refused by :func:`inspection_faults`.
    """
    if not any(_obstacles(inventory)):
        return inventory
    return replace(inventory, sites=tuple(_unsampled(site) for site in inventory.sites))


def inspection_faults(inventory: Inventory) -> tuple[Fault, ...]:
    """Return what keeps bodies of *inventory* from being looked into."""
    if not policies(inventory):
        return ()
    return tuple(
        Fault(inventory.source, 0, f"bodies cannot be inspected: {why}", hint)
        for why, hint in _obstacles(inventory)
    )


def inspection_remarks(inventory: Inventory) -> tuple[str, ...]:
    """Return what a person should know where :func:`as_far_as_possible` left samples out."""
    unread = sum(is_unsampled(route) for site in inventory.sites for route in site.routes)
    if not unread:
        return ()
    reasons = "; ".join(f"{why}: {hint}" for why, hint in _obstacles(inventory))
    routes = "1 route" if unread == 1 else f"{unread} routes"
    return (f"no sample of answers is looked into on {routes}, as would be the default: {reasons}",)


def _unsampled(site: Site) -> Site:
    routes = (
        replace(route, inspect=Inspect.OFF)
        if route.inspect is Inspect.OBSERVE and route.inspect_by_default
        else route
        for route in site.routes
    )
    return replace(site, routes=tuple(routes))


def _obstacles(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Yield what keeps any body from being looked into here, each with what to do."""
    if missing := absent(*_LIBRARIES):
        yield missing, 'pip install "sealgate[inspect]"'
    paths = [str(Path(inventory.state_folder, RELAY_FOLDER, f"{'0' * _DIGITS}.sock"))]
    paths += [
        back_socket(str(Path(inventory.state_folder, ENVOY_FOLDER)), s) for s in inventory.sites
    ]
    longest = max(len(path.encode()) for path in paths)
    if longest > _LONGEST_PATH:
        why = (
            f'the state folder "{inventory.state_folder}" has too long a path for sockets: '
            f"{longest} bytes with the name of one, {_LONGEST_PATH} at most"
        )
        yield why, 'set folder = "/var/lib/sealgate" under [state]'


def upstream_of(inventory: Inventory, site: Site) -> RelayUpstream:
    """Return where relays and signers reach *site*: itself, or the gateway's way to it."""
    if needs_back(site):
        return RelayUpstream(back_socket(str(Path(inventory.state_folder, ENVOY_FOLDER)), site))
    if site.upstream.scheme == "unix":
        return RelayUpstream(site.upstream.host)
    return RelayUpstream(site.upstream.host, site.upstream.port)


def _digest(policy: Policy) -> str:
    parts = (
        policy.asset,
        policy.enforces,
        policy.upstream,
        sorted(policy.answers),
        sorted(policy.requests),
        policy.limits,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_DIGITS]

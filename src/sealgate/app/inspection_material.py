"""
Which routes are inspected, for what, and on which sockets their relays listen.

A socket is named by everything that its relay goes by, so a route whose policy changed has
another one: nobody reaches a relay that goes by old rules under a new name.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import ConfigError, Fault
from sealgate.gateway.translate.inspection import back_socket, needs_back
from sealgate.inspection.model import Policy, Upstream, kinds_of
from sealgate.policy.inventory import Inspect, route_asset

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory, Site

RELAY_FOLDER = "relays"
# unix(7): the path of a socket, with the zero at its end.
_LONGEST_PATH = 107
_LIBRARIES = ("isal", "brotli", "uvloop")


def policies(inventory: Inventory) -> dict[str, Policy]:
    """
    Return the policy behind each socket, by its path.
    """
    folder = Path(inventory.state_folder, RELAY_FOLDER)
    found: dict[str, Policy] = {}
    for site in inventory.sites:
        for route in site.routes:
            if route.inspect is Inspect.OFF or route.shut:
                continue
            shows, takes = kinds_of(route, inventory.model)
            policy = Policy(
                route_asset(site, route).id,
                route.inspect is Inspect.ENFORCE,
                upstream_of(inventory, site),
                shows,
                takes,
            )
            found[str(folder / f"{_digest(policy)}.sock")] = policy
    return found


def relay_sockets(inventory: Inventory) -> dict[str, str]:
    """
    Return the socket of each inspected route, by the id of its asset.
    """
    return {policy.asset: path for path, policy in policies(inventory).items()}


def check_inspection(inventory: Inventory) -> None:
    """
    Return when what is inspected can be.

    Raises:
        ConfigError: a library is missing, or the path of a socket is too long.
    """
    wanted = policies(inventory)
    if not wanted:
        return
    faults = []
    missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        faults.append(
            Fault(
                inventory.source,
                0,
                f"bodies cannot be inspected: {', '.join(missing)} is not installed",
                "pip install 'sealgate[inspect]'",
            )
        )
    backs = [
        back_socket(str(Path(inventory.state_folder, "envoy")), site)
        for site in inventory.sites
        if needs_back(site)
    ]
    longest = max((*wanted, *backs), key=len)
    if len(longest.encode()) > _LONGEST_PATH:
        faults.append(
            Fault(
                inventory.source,
                0,
                f'the state folder "{inventory.state_folder}" has too long a path for sockets: '
                f"{len(longest.encode())} bytes with the name of one, {_LONGEST_PATH} at most",
                'set folder = "/var/lib/sealgate" under [state]',
            )
        )
    if faults:
        raise ConfigError(f'"{inventory.source}" cannot be served as it promises', faults=faults)


def upstream_of(inventory: Inventory, site: Site) -> Upstream:
    """
    Return where relays and signers reach *site*: itself, or the gateway's way to it.
    """
    if needs_back(site):
        return Upstream(back_socket(str(Path(inventory.state_folder, "envoy")), site))
    if site.upstream.scheme == "unix":
        return Upstream(site.upstream.host)
    return Upstream(site.upstream.host, site.upstream.port)


def _digest(policy: Policy) -> str:
    parts = (
        policy.asset,
        policy.enforces,
        policy.upstream,
        sorted(policy.answers),
        sorted(policy.requests),
        policy.limits,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

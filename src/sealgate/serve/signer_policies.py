"""
Which routes are served signed over plain HTTP, on which sockets, and with which keys.

A socket is named by everything that the signer behind it goes by but the keys, so a route
whose site changed has another one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import Fault
from sealgate.inspection.adapters.signer_plan import SignerPolicy
from sealgate.inspection.adapters.signing_keys import SigningKeys
from sealgate.inspection.model import RelayUpstream
from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import Inspect
from sealgate.serve.relay_policies import relay_sockets, upstream_of
from sealgate.signing.keys import directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.policy.inventory import Inventory, Route, Site
    from sealgate.signing.keys import SigningKey

SIGNER_FOLDER = "signers"
# unix(7): the path of a socket, with the zero at its end.
_LONGEST_PATH = 107


def signed_routes(inventory: Inventory) -> Iterator[tuple[Site, Route]]:
    """Yield each route of *inventory* that is served over plain HTTP, with its site."""
    for site in inventory.sites:
        for route in site.routes:
            if route.plain_http:
                yield site, route


def signer_policies(inventory: Inventory) -> dict[str, SignerPolicy]:
    """Return the policy behind each socket, by its path."""
    folder = Path(inventory.state_folder, SIGNER_FOLDER).absolute()
    relays = relay_sockets(inventory)
    found: dict[str, SignerPolicy] = {}
    for site, route in signed_routes(inventory):
        asset = route_asset(site, route).id
        upstream = upstream_of(inventory, site)
        if route.inspect is Inspect.ENFORCE:
            # What is looked into over TLS is not taken past that in clear.
            upstream = RelayUpstream(relays[asset])
        policy = SignerPolicy(asset, upstream, str(folder))
        digest = hashlib.sha256(repr(policy).encode()).hexdigest()[:16]
        found[str(folder / f"{digest}.sock")] = policy
    return found


def signer_sockets(inventory: Inventory) -> dict[str, str]:
    """Return the socket of the signer of each route, by the id of its asset."""
    return {policy.asset: path for path, policy in signer_policies(inventory).items()}


def signing_keys(inventory: Inventory, *, now: float) -> dict[str, tuple[SigningKey, ...]]:
    """
    Return the keys of each site that signs, by its name; a first one is made.

    Raises:
        SourceError: the folder of keys cannot be used.
    """
    return {
        site.name: SigningKeys(inventory.state_folder, site.name).keys(now)
        for site, _ in signed_routes(inventory)
    }


def key_lists(keys: Mapping[str, tuple[SigningKey, ...]]) -> dict[str, str]:
    """Return what each site publishes of its *keys*."""
    return {name: directory(held) for name, held in keys.items()}


def signer_socket_faults(inventory: Inventory) -> Iterator[Fault]:
    """Yield what keeps the sockets of signers from being had."""
    longest = max(signer_policies(inventory), key=len, default="")
    if len(longest.encode()) > _LONGEST_PATH:
        message = (
            f'the state folder "{inventory.state_folder}" has too long a path for sockets: '
            f"{len(longest.encode())} bytes with the name of one, {_LONGEST_PATH} at most"
        )
        hint = 'set folder = "/var/lib/sealgate" under [state]'
        yield Fault(inventory.source, 0, message, hint)

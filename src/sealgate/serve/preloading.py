"""Has what processes need imported beside what ``serve`` imports itself, on another core."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.fork_server import FORK_SERVER
from sealgate.gateway.model import signs_in
from sealgate.inspection.adapters import relay_process
from sealgate.policy.inventory import Inspect
from sealgate.protocols import workers_process
from sealgate.protocols.table import servers_of
from sealgate.signin.adapters import process as sign_in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory


def preload(inventory: Inventory) -> None:
    """Have the fork server import what *inventory* will most likely need; returns at once."""
    FORK_SERVER.load(list(_needed(inventory)))


def _needed(inventory: Inventory) -> Iterator[str]:
    servers = [kind.server for kind in servers_of(inventory)]
    if servers:
        yield workers_process.MODULE
        yield from servers
    if any(signs_in(site) for site in inventory.sites):
        yield sign_in_process.MODULE
    if any(route.inspect is not Inspect.OFF for site in inventory.sites for route in site.routes):
        yield relay_process.MODULE

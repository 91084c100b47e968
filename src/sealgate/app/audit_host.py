"""What the host tells of a configuration: its running servers, and the stores of its drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.audit_stores import drop_store_sightings
from sealgate.app.certificates import upkeep_sightings
from sealgate.app.reload import NotRunning, enforced
from sealgate.audit.doors import asks_who, is_locked
from sealgate.errors import SealgateError
from sealgate.policy.assets import (
    drop_asset,
    file_server_asset,
    payment_gateway_asset,
    route_asset,
    site_asset,
    tunnel_asset,
)
from sealgate.policy.observation import Fact, NotObserved, Vantage
from sealgate.policy.requirements import is_highly_encrypted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting


def host_sightings(inventory: Inventory, *, now: float) -> tuple[Sighting, ...]:
    """
    Return what this host tells of *inventory*: servers, stores of drops, certificates.

    From outside only a refusal shows; that a key and a country are asked for, what a
    session must be worth, and how files are kept, only the host can tell. Where no
    server of this configuration runs, that is a gap.
    """
    told: dict[tuple[str, Fact], Sighting] = {}
    try:
        answer = enforced(inventory.state_folder)
    except SealgateError as error:
        reason = f"the running gateway was asked: {error.message}"
    else:
        if isinstance(answer, NotRunning):
            reason = f'no gateway of "{inventory.source}" runs on this host'
        else:
            reason = "the running gateway does not say that it enforces it"
            told = {(one.asset, one.fact): one for one in answer}
    found = [
        told.get(wanted) or NotObserved(*wanted, reason, Vantage.HOST)
        for wanted in _told_by_host(inventory)
    ]
    server = file_server_asset(inventory).id, Fact.FTP_DATA_SESSION_REUSE
    found += [told[server]] if server in told else []
    return (*found, *drop_store_sightings(inventory), *upkeep_sightings(inventory, now=now))


def _told_by_host(inventory: Inventory) -> Iterator[tuple[str, Fact]]:
    for site in inventory.sites:
        if is_highly_encrypted(site):
            # Nobody from outside gets so far as to see it.
            yield site_asset(site).id, Fact.HSTS_SECONDS
        for route in site.routes:
            if asks_who(route) or is_locked(route):
                yield route_asset(site, route).id, Fact.ACCESS_RUNG
    for gateway in inventory.payment_gateways:
        yield payment_gateway_asset(gateway).id, Fact.EGRESS_VERIFIED
    for drop in inventory.drops:
        for fact in (Fact.ACCESS_RUNG, Fact.SESSION_RUNG, Fact.AT_REST_RUNG):
            yield drop_asset(drop).id, fact
    for tunnel in inventory.tunnels:
        for fact in (Fact.ACCESS_RUNG, Fact.SESSION_RUNG, Fact.UPSTREAM_PROTECTED):
            yield tunnel_asset(tunnel).id, fact

"""
Asks for grants, decides and ends them; which asset needs one is read from the inventory.

On a command line the person is named by somebody with access to the database. Both are
kept: the person, and the login that gave the command. Neither may approve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.state import has_people
from sealgate.app.users import open_identities, tell_gateway
from sealgate.errors import UsageError
from sealgate.identity.model import APPROVER, normal
from sealgate.policy.assets import drop_asset, route_asset, tunnel_asset
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import required_of_route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.identity.grants import Grant, GrantState
    from sealgate.identity.model import Identity
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class GrantLine:
    """One grant, and how far it has come."""

    grant: Grant
    state: GrantState


@dataclass(frozen=True, slots=True)
class Guarded:
    """One asset that people are admitted to: its id, its class, and who may come."""

    id: str
    classification: Classification
    admit: tuple[str, ...]

    @property
    def needs_grant(self) -> bool:
        """Return whether its class demands a grant."""
        return self.classification.required.access >= AccessRung.VERY_HIGH


def ask_grant(
    inventory: Inventory,
    person: str,
    asset: str,
    *,
    reason: str,
    minutes: int,
    by: str,
    now: float,
) -> tuple[Grant, tuple[str, ...]]:
    """
    Keep that *person* asks for *asset*; return the grant, and who could approve it.

    Raises:
        UsageError: there is no such person or asset, it needs no grant, they are not
            admitted anyway, or nobody else could approve it.
        SourceError: the database cannot be used.
    """
    wanted = find_guarded(inventory, asset)
    if not wanted.needs_grant:
        raise UsageError(
            f'"{wanted.id}" is {wanted.classification.id}, which needs no grant',
            hint="sealgate plan",
        )
    with open_identities(inventory) as store:
        identities = store.identities()
        identity = next((i for i in identities if i.name == normal(person)), None)
        if identity is not None and not _admits(wanted, identity):
            raise UsageError(
                f'"{wanted.id}" does not admit "{identity.name}", so a grant would open nothing',
                hint="see admit in sealgate.toml",
            )
        grant = store.grants.request(
            person, wanted.id, reason=reason, minutes=minutes, by=by, now=now
        )
    others = tuple(i.name for i in identities if APPROVER in i.roles and i.name != grant.person)
    return grant, others


def approve_grant(
    inventory: Inventory, grant_id: str, approver: str, *, by: str, now: float
) -> Grant:
    """
    Let the grant run from now on, because *approver* agreed.

    Raises:
        UsageError: there is none to decide, or whoever approves may not.
        SourceError: the database cannot be used.
        GatewayError: it is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        grant = store.grants.approve(grant_id, approver, by=by, now=now)
    tell_gateway(inventory)
    return grant


def deny_grant(inventory: Inventory, grant_id: str, approver: str, *, by: str, now: float) -> Grant:
    """
    Have the grant never run, because *approver* said no.

    Raises:
        SealgateError: as :func:`approve_grant`.
    """
    with open_identities(inventory) as store:
        return store.grants.deny(grant_id, approver, by=by, now=now)


def end_grant(inventory: Inventory, grant_id: str, *, by: str, now: float) -> Grant:
    """
    End the grant before its time; anybody may.

    Raises:
        SealgateError: as :func:`approve_grant`.
    """
    with open_identities(inventory) as store:
        grant = store.grants.end(grant_id, by=by, now=now)
    tell_gateway(inventory)
    return grant


def list_grants(inventory: Inventory, *, all_of_them: bool, now: float) -> tuple[GrantLine, ...]:
    """
    Return the grants that run or wait, or *all_of_them*, the oldest first.

    Raises:
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        lines = (GrantLine(grant, grant.state(now)) for grant in store.grants.all())
        return tuple(line for line in lines if all_of_them or line.grant.is_open(now))


def approver_remarks(inventory: Inventory) -> tuple[str, ...]:
    """
    Return a remark when a route needs grants that nobody could approve.

    Of drops and tunnels :mod:`sealgate.app.entrants` tells.

    Raises:
        SourceError: the database is there, but cannot be read.
    """
    wanting = [
        route_asset(site, route).id
        for site in inventory.sites
        for route in site.routes
        if route.admit and required_of_route(route).access >= AccessRung.VERY_HIGH
    ]
    if not wanting:
        return ()
    if has_people(inventory):
        with open_identities(inventory) as store:
            if any(APPROVER in identity.roles for identity in store.identities()):
                return ()
    told = f"{wanting[0]}: it takes a grant, and nobody may approve one yet"
    return (f"{told}: sealgate user role NAME --add {APPROVER}",)


def find_guarded(inventory: Inventory, asset: str) -> Guarded:
    """
    Return the asset called *asset*.

    That is its id as ``sealgate plan`` shows it, or the same without the word before it
    where only one is called so.

    Raises:
        UsageError: there is none, or there are several.
    """
    every = tuple(_guarded(inventory))
    exact = [one for one in every if one.id == asset]
    found = exact or [one for one in every if one.id.partition(" ")[2] == asset]
    if len(found) != 1:
        shown = asset if asset.isprintable() else "…"
        told = f'"{shown}" stands for several assets' if found else f'there is no asset "{shown}"'
        candidates = [one.id for one in found or every if one.needs_grant]
        hint = f'such as "{candidates[0]}"' if candidates else "nothing declared needs a grant"
        raise UsageError(told, hint=hint)
    return found[0]


def _guarded(inventory: Inventory) -> Iterator[Guarded]:
    for site in inventory.sites:
        for route in site.routes:
            yield Guarded(route_asset(site, route).id, route.classification, route.admit)
    for drop in inventory.drops:
        yield Guarded(drop_asset(drop).id, drop.classification, drop.admit)
    for tunnel in inventory.tunnels:
        yield Guarded(tunnel_asset(tunnel).id, tunnel.classification, tunnel.admit)


def _admits(asset: Guarded, identity: Identity) -> bool:
    names = {f"user:{identity.name}", *(f"group:{normal(group)}" for group in identity.groups)}
    kinds = (entry.partition(":") for entry in asset.admit)
    return any(f"{kind}:{normal(name)}" in names for kind, _, name in kinds)

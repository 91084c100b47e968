"""The keys that answers over plain HTTP are signed with: shown, and replaced by a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.errors import NothingToLookAtError, UsageError
from sealgate.inspection.adapters.signing_keys import SigningKeys
from sealgate.signing.keys import current_key, public_pem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import Inventory, Site
    from sealgate.signing.keys import SigningKey


@dataclass(frozen=True, slots=True)
class ShownKey:
    """One key of *site*, with its public half in PEM. *state*: "signs", "next" or "former"."""

    site: str
    kid: str
    begins_at: float
    state: str
    pem: str


def show_keys(inventory: Inventory, sites: Sequence[str], *, now: float) -> tuple[ShownKey, ...]:
    """
    Return the keys of *sites*, or of every site that has some; nothing is made.

    Raises:
        UsageError: a site is not declared.
        NothingToLookAtError: there is no key.
        SourceError: a key is damaged.
    """
    found = tuple(
        shown
        for site in _chosen(inventory, sites)
        for shown in _shown(site, SigningKeys(inventory.state_folder, site.name).held(), now)
    )
    if not found:
        raise NothingToLookAtError(
            "there are no keys yet", hint="sealgate serve makes one where a route is plain_http"
        )
    return found


def rotate_keys(
    inventory: Inventory, sites: Sequence[str], *, after_seconds: float, now: float
) -> tuple[ShownKey, ...]:
    """
    Make the next key of each of *sites*, and return all of theirs.

    Raises:
        UsageError: a site is not declared, or has a next key already.
        SourceError: the state folder cannot be used.
    """
    chosen = _chosen(inventory, sites) if sites else _signing(inventory)
    if not chosen:
        raise UsageError("no site has a route with plain_http", hint="sealgate keys signing SITE")
    for site in chosen:
        SigningKeys(inventory.state_folder, site.name).rotate(now, after_seconds=after_seconds)
    return show_keys(inventory, [site.name for site in chosen], now=now)


def _signing(inventory: Inventory) -> tuple[Site, ...]:
    return tuple(
        site
        for site in inventory.sites
        if any(route.plain_http for route in site.routes)
        or SigningKeys(inventory.state_folder, site.name).held()
    )


def _chosen(inventory: Inventory, sites: Sequence[str]) -> tuple[Site, ...]:
    if not sites:
        return inventory.sites
    found = []
    for name in sites:
        site = next((s for s in inventory.sites if name in s.domains), None)
        if site is None:
            known = ", ".join(s.name for s in inventory.sites)
            raise UsageError(f'site "{name}" is not declared; the sites are {known}')
        found.append(site)
    return tuple(found)


def _shown(site: Site, keys: tuple[SigningKey, ...], now: float) -> list[ShownKey]:
    if not keys:
        return []
    signs = current_key(keys, now)
    return [
        ShownKey(
            site.name,
            key.kid,
            key.begins_at,
            "signs" if key == signs else "next" if key.begins_at > signs.begins_at else "former",
            public_pem(key).decode("ascii"),
        )
        for key in keys
    ]

"""
Which client certificates open the same locks of a site: said once, whatever the number of locks.

A filter before the locks looks a certificate's fingerprint up in one table of the route
configuration, and notes the group of its holder. A lock asks for groups alone. Its verdict is a
shadow one: it refuses nobody. Without a note, a lock finds nothing and refuses.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.gateway.translate.matchers import (
    CLIENTS_FILTER,
    CLIENTS_PREFIX,
    NO_CLIENT,
    OTHER_CLIENT,
    by_fingerprint,
    group,
)
from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed
from sealgate.policy.assets import route_asset

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import Site

_RBAC = EXTENSIONS + "filters.http.rbac.v3."


@dataclass(frozen=True, slots=True)
class ClientGroups:
    """
    The groups of one site: *of_client* by fingerprint, *of_lock* by the id of its asset.

    Certificates of one group are admitted to the same locks, so there are never more groups
    than certificates, and as a rule as few as there are lists of people.
    """

    of_client: Mapping[str, str] = field(default_factory=dict)
    of_lock: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, site: Site, material: Material) -> ClientGroups:
        """Return the groups of those who *material* admits to locks of *site*."""
        assets = sorted({route_asset(site, route).id for route in site.routes if route.admit})
        return cls.admitted({one: material.admitted.get(one, ()) for one in assets})

    @classmethod
    def admitted(cls, fingerprints: Mapping[str, Iterable[str]]) -> ClientGroups:
        """Return the groups where *fingerprints* are admitted, by the id of an asset."""
        opened: dict[str, list[str]] = {}
        for asset, those in fingerprints.items():
            for one in frozenset(those):
                opened.setdefault(one, []).append(asset)
        names: dict[tuple[str, ...], str] = {}
        of_client = {
            one: names.setdefault(tuple(opened[one]), str(len(names) + 1)) for one in sorted(opened)
        }
        of_lock: dict[str, list[str]] = {}
        for assets, name in names.items():
            for asset in assets:
                of_lock.setdefault(asset, []).append(name)
        return cls(of_client, of_lock)

    def table(self) -> JSONObject:
        """Return the setting of a route configuration that notes the group of each client."""
        matcher = by_fingerprint(
            {one: group(name) for one, name in self.of_client.items()},
            otherwise=group(OTHER_CLIENT),
            nothing=group(NO_CLIENT),
        )
        rbac: JSONObject = {"shadow_rules_stat_prefix": CLIENTS_PREFIX, "shadow_matcher": matcher}
        return typed(f"{_RBAC}RBACPerRoute", rbac=rbac)


def clients_filter() -> JSONObject:
    """Return the filter, which does nothing but what a route configuration says."""
    off = extension(CLIENTS_FILTER, f"{_RBAC}RBAC", shadow_rules_stat_prefix=CLIENTS_PREFIX)
    return {**off, "disabled": True}

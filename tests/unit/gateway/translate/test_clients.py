"""Which certificates open the same locks: each stands once, and opens what its lists say."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sealgate.gateway.model import Material, SiteGuards
from sealgate.gateway.translate.clients import ClientGroups
from sealgate.gateway.translate.locks import MOST_IN_EXPRESSION, lock
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Door, Route, Site, Upstream

CONFIDENTIAL = DEFAULT_MODEL.classes[2]
GUARDS = SiteGuards(highly_encrypted=False, needs_grants=False)
ACCESS = AccessSettings(("NO", "DE"), "c.mmdb")


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "d"]), st.frozensets(st.sampled_from("0123456789"))
    )
)
def test_a_lock_opens_to_the_groups_of_its_list_and_to_no_other(
    lists: dict[str, frozenset[str]],
) -> None:
    """Who belongs to a lock by group is who is on its list, however the lists overlap."""
    clients = ClientGroups.admitted(lists)
    for asset, those in lists.items():
        groups = clients.of_lock.get(asset, ())
        assert {one for one, name in clients.of_client.items() if name in groups} == those
    assert len(set(clients.of_client.values())) == len(
        {frozenset(a for a in lists if one in lists[a]) for one in clients.of_client}
    )


def test_each_certificate_stands_once_however_many_locks() -> None:
    """All of them are read anew with each change, so their number is not multiplied."""
    routes = tuple(Route(Door(f"/area-{n}"), CONFIDENTIAL, admit=("user:a",)) for n in range(20))
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), routes)
    many = [f"{n:064x}" for n in range(MOST_IN_EXPRESSION + 1)]
    admitting = Material("/x", {}, "/ca", {route_asset(site, r).id: tuple(many) for r in routes})
    clients = ClientGroups.of(site, admitting)
    locks = [lock(site, GUARDS, route, ACCESS, admitting, clients) for route in routes]
    assert not any(one in json.dumps(locks) for one in many)
    assert all(json.dumps(clients.table()).count(one) == 1 for one in many)

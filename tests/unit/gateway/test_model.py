from __future__ import annotations

import pytest

from sealgate.gateway.model import (
    BOOTSTRAP,
    CLUSTERS,
    LISTENERS,
    EnvoyFiles,
    Guard,
    JSONObject,
    guard_at,
    guard_of,
)
from sealgate.policy.classification import DEFAULT_MODEL, Classification
from sealgate.policy.inventory import Door, Route, Site, SiteAccess, Upstream
from sealgate.policy.requirements import is_highly_encrypted

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes


def files(clusters: dict[str, str], **more: JSONObject) -> EnvoyFiles:
    """Return files with *clusters* (name to content) and whatever else is given."""
    resources: JSONObject = {"resources": [{"name": n, "is": c} for n, c in clusters.items()]}
    named = {name.replace("_", "-") + ".json": content for name, content in more.items()}
    return EnvoyFiles("/x", {BOOTSTRAP: {}, LISTENERS: {}, CLUSTERS: resources, **named})


def names(step: object) -> list[object]:
    """Return the names in the clusters of *step*."""
    assert isinstance(step, dict)
    return [item["name"] for item in step[CLUSTERS]["resources"]]


@pytest.mark.parametrize(
    ("shown", "collects", "access", "guard"),
    [
        (PUBLIC, None, SiteAccess.SEALGATE, Guard.OPEN),
        (PUBLIC, CONFIDENTIAL, SiteAccess.SEALGATE, Guard.OPEN),
        (PUBLIC, SECRET, SiteAccess.SEALGATE, Guard.UNBUILT),
        (RESTRICTED, None, SiteAccess.SITE, Guard.SITE),
        (RESTRICTED, None, SiteAccess.SEALGATE, Guard.SIGN_IN),
        (CONFIDENTIAL, None, SiteAccess.SEALGATE, Guard.LOCKED),
        (CONFIDENTIAL, None, SiteAccess.SITE, Guard.LOCKED),
        (CONFIDENTIAL, SECRET, SiteAccess.SEALGATE, Guard.LOCKED),
        (SECRET, None, SiteAccess.SEALGATE, Guard.SIGN_IN),
    ],
)
def test_guard(
    shown: Classification, collects: Classification | None, access: SiteAccess, guard: Guard
) -> None:
    """A class that cannot be kept is refused; the site may ask only where a password is enough."""
    assert guard_of(Route(Door("/"), shown, collects, access=access)) is guard


def test_what_demands_a_channel_of_keys_is_not_served_beside_others() -> None:
    """A secret route is served where everything is secret, and refused on a host that mixes."""
    secret, public = Route(Door("/s"), SECRET), Route(Door("/"), PUBLIC)
    mixed, whole = (
        Site(("a.example",), Upstream("http", "127.0.0.1", 1), routes)
        for routes in ((public, secret), (secret,))
    )
    assert (is_highly_encrypted(mixed), guard_at(mixed, secret)) == (False, Guard.UNBUILT)
    assert guard_at(mixed, public) is Guard.OPEN
    assert (is_highly_encrypted(whole), guard_at(whole, secret)) == (True, Guard.SIGN_IN)


def test_equal_files_need_no_step() -> None:
    """Nothing is written when nothing changed."""
    assert list(files({"a": "1"}).steps_from(files({"a": "1"}))) == []


def test_new_upstream_is_there_before_the_route_that_names_it() -> None:
    """Certificates and upstreams come first, then routes, then listeners."""
    old = files({"a": "1"}, rds_a={"r": 1}, sds_a={"s": 1})
    new = files({"a": "1", "b": "1"}, rds_a={"r": 2}, rds_b={"r": 1}, sds_a={"s": 2})
    first, second = list(new.steps_from(old))
    assert set(first) == {CLUSTERS, "sds-a.json"}
    assert names(first) == ["a", "b"]
    assert set(second) == {"rds-a.json", "rds-b.json"}


def test_old_upstream_goes_after_the_route_that_named_it() -> None:
    """An upstream is taken away only when no route leads there any more."""
    old, new = files({"a": "1", "b": "1"}, rds_a={"r": 1}), files({"a": "2"}, rds_a={"r": 2})
    first, second, last = list(new.steps_from(old))
    assert names(first) == ["a", "b"]
    assert set(second) == {"rds-a.json"}
    assert names(last) == ["a"]


def test_changed_listener_comes_after_its_routes() -> None:
    """A new listener finds its routes already there."""
    old, new = files({}), files({}, rds_a={"r": 1})
    new = EnvoyFiles("/x", {**new.files, LISTENERS: {"resources": []}})
    assert [set(step) for step in new.steps_from(old)] == [{"rds-a.json"}, {LISTENERS}]


def test_bootstrap_and_folder_need_a_restart() -> None:
    """What Envoy reads once cannot be taken over live."""
    old = files({})
    assert not files({"a": "1"}).needs_restart_from(old)
    assert EnvoyFiles("/x", {**old.files, BOOTSTRAP: {"a": 1}}).needs_restart_from(old)
    assert EnvoyFiles("/y", old.files).needs_restart_from(old)

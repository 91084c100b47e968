from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.gateway.translate.glance import (
    Neighbours,
    elsewhere,
    literally,
    read_in_bodies,
    unconcerned,
    without_form,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Credential, CredentialKind, CredentialPart, Door, Route
from sealgate.policy.routing import can_be_one, door_segments

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
FRONT = Route(Door("/"), PUBLIC)
COOKIE = CredentialPart(CredentialKind.COOKIE, "in_*")
ANY = CredentialPart(CredentialKind.AUTHORIZATION)
BY_CREDENTIAL = Door("/api", credentials=(Credential((ANY,)), Credential((COOKIE,))))
BY_METHOD = Door("/node", methods=("GET", "POST"))


def test_doors_elsewhere_do_not_concern_a_route() -> None:
    """Only what can lie below or above a path is looked at there."""
    routes = [
        Route(Door("/a", query="x"), CONFIDENTIAL),
        Route(Door("/b/*", query="x"), CONFIDENTIAL),
    ]
    neighbours = Neighbours(routes)
    assert neighbours.of(Route(Door("/a/c"), PUBLIC)) == routes[:1]
    assert neighbours.of(Route(Door("/*/c"), PUBLIC)) == routes
    assert neighbours.of(FRONT) == routes


SEGMENTS = st.sampled_from(["a", "A", "ab", "b", "*", "a*", "ab*", "B*"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments))


@given(paths=st.lists(PATHS, max_size=12), here=PATHS)
@settings(max_examples=300, deadline=None)
def test_neighbours_are_those_whose_segments_can_be_the_same(paths: list[str], here: str) -> None:
    """The tree finds, in order, what a comparison of each with each would find."""

    def folded(path: str) -> tuple[str, ...]:
        return tuple(s.lower() for s in door_segments(Door(path)))

    routes = [Route(Door(path), CONFIDENTIAL) for path in paths]
    wanted = [
        route
        for route in routes
        if all(can_be_one(*b) for b in zip(folded(here), folded(route.door.path), strict=False))
    ]
    found = Neighbours(routes).of(Route(Door(here), PUBLIC))
    assert [id(route) for route in found] == [id(route) for route in wanted]


def test_a_door_in_another_case_concerns_a_route() -> None:
    """Some server reads both as one."""
    upper = Route(Door("/API/X", methods=("POST",)), CONFIDENTIAL)
    assert Neighbours([upper]).of(Route(Door("/api"), PUBLIC)) == [upper]


def test_a_door_is_not_concerned_where_one_path_beside_it_is_served() -> None:
    """It is where everything below that path is served as well."""
    beside = Route(Door("/", query="token", besides=("/take",)), PUBLIC)
    neighbours = Neighbours([beside])

    assert neighbours.of(Route(Door("/take", exact=True), PUBLIC)) == []
    assert neighbours.of(Route(Door("/other", exact=True), PUBLIC)) == [beside]
    assert neighbours.of(Route(Door("/take"), PUBLIC)) == [beside]


def test_what_keeps_doors_apart() -> None:
    """No credential that one asks for, and no method; what answers GET answers HEAD."""
    names = [matcher["name"] for matcher in unconcerned([BY_CREDENTIAL], FRONT)]
    assert names == ["authorization", "cookie", "cookie"]
    [by_method] = unconcerned([BY_METHOD], FRONT)
    allowed = str(by_method)
    assert "PUT" in allowed
    assert "GET" not in allowed
    assert "HEAD" not in allowed
    override = Route(Door("/"), PUBLIC, method_override=True)
    assert len(unconcerned([BY_METHOD], override)) == 4


def test_each_credential_is_a_way_of_its_own() -> None:
    """A door that asks for one of two credentials has two literal matches."""
    assert len(list(literally(BY_CREDENTIAL))) == 2
    assert next(iter(literally(Door("/", query="x", methods=("POST",)))))[1]["name"] == ":method"


def test_bodies_are_read_only_where_they_tell() -> None:
    """A door by credentials in headers needs none; one at another path is told by the path."""
    assert read_in_bodies([BY_CREDENTIAL, BY_METHOD]) == [BY_METHOD]
    assert elsewhere([BY_CREDENTIAL], FRONT) == []
    away = elsewhere([BY_METHOD], FRONT)
    assert away is not None
    assert [matcher["name"] for matcher in away] == [":path", ":path"]
    assert elsewhere([Door("/", query="x")], FRONT) is None
    assert len(without_form([BY_METHOD], FRONT)) == 2
    assert len(without_form([BY_METHOD, Door("/j", query="x", json=True)], FRONT)) == 3

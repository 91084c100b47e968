from __future__ import annotations

import re
from typing import Any

import pytest

from sealgate.gateway.translate.fields import (
    DROP_FILTER,
    FIELDS_FILTER,
    FORGEABLE,
    field_filters,
    field_settings,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route

PUBLIC = DEFAULT_MODEL.classes[0]


def kept_back(route: Route, where: str) -> str:
    """Return which names do not pass on *route*."""
    settings: Any = field_settings(route)
    (one,) = settings[FIELDS_FILTER]["config"]["mutations"][where]
    found: str = one["remove_on_match"]["key_matcher"]["safe_regex"]["regex"]
    return found


def test_trailers_are_dropped_unless_a_route_lets_them_pass() -> None:
    """One filter is on for all, the other for who asks."""
    first, second = field_filters()
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert "disabled" not in first
    assert second["disabled"] is True
    assert field_settings(Route(Door("/"), PUBLIC)) == {}
    settings: Any = field_settings(Route(Door("/"), PUBLIC, request_trailers=True))
    assert settings[DROP_FILTER]["disabled"] is True


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        *(("x-sum", True), ("content-digest", True), ("grpc-status", True)),
        *(("x-sealgate-user", False), ("x_sealgate_user", False), ("cookie", False)),
        *(("content-length", False), ("if-match", False), ("x-http-method-override", False)),
    ],
)
def test_what_no_trailer_may_say_does_not_pass(name: str, passes: bool) -> None:  # noqa: FBT001  # a table
    """Neither names of the gateway's own, nor what frames, routes or signs in."""
    names = kept_back(Route(Door("/"), PUBLIC, request_trailers=True), "request_trailers_mutations")
    assert (re.fullmatch(names, name) is None) is passes
    assert names.startswith(FORGEABLE)


@pytest.mark.parametrize(
    ("name", "passes"),
    [
        *(("cache-control", True), ("etag", True), ("content-security-policy", True)),
        *(("cdn-cache-control", False), ("surrogate-control", False), ("expires", False)),
        ("some-day-cache-control", False),
    ],
)
def test_caches_hear_one_thing_of_a_payment(name: str, passes: bool) -> None:  # noqa: FBT001  # a table
    """What any vendor's cache listens to does not pass; Cache-Control itself is replaced."""
    names = kept_back(Route(Door("/"), PUBLIC, payment=True), "response_mutations")
    assert (re.fullmatch(names, name) is None) is passes

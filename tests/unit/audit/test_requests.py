"""What strangers try at doors by parameter, method and credential."""

from __future__ import annotations

import pytest

from sealgate.audit.model import Response
from sealgate.audit.requests import MADE_UP, NOWHERE, refused, requests_for, untried
from sealgate.config.presets import PRESETS
from sealgate.config.values import read_credential
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route
from sealgate.policy.routing import RouteRefusal, judge

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
DOORS = [door for preset in PRESETS.values() for door in preset.doors if door.conditional]
OWN = [
    Door("/node", methods=("POST", "DELETE", "GET")),
    Door("/a/*/b", methods=("PROPFIND",), query="x"),
    Door("/api", exact=True, credentials=(read_credential("authorization:bearer"),)),
    Door("/", query="do", query_value="admin", methods=("PUT",)),
    Door("/", credentials=(read_credential("cookie:*sid* + parameter:token"),)),
]


@pytest.mark.parametrize("overrides", [True, False])
@pytest.mark.parametrize("door", [*DOORS, *OWN], ids=str)
def test_each_request_means_its_door(door: Door, overrides: bool) -> None:  # noqa: FBT001  # one of a table
    """The policy lets no stranger by the door with any request, and without the door lets all pass."""
    page = Route(Door("/"), PUBLIC, method_override=overrides)
    routes = (page, Route(door, CONFIDENTIAL))
    found = requests_for(door, overrides=overrides)
    assert found
    for told, request in found.items():
        judged = judge(routes, request)
        assert isinstance(judged, RouteRefusal) or judged.door == door, (told, request)
        assert judge((page,), request) == page, (told, request)


@pytest.mark.parametrize("door", [*DOORS, *OWN], ids=str)
def test_nothing_that_may_write_goes_to_a_place_that_is_there(door: Door) -> None:
    """A method that may write, sent or named, asks below the door for what no site has."""
    for told, request in requests_for(door, overrides=True).items():
        if request.method not in {"GET", "POST"} or "DELETE" in told or "PUT" in told:
            assert NOWHERE in request.target, told
        assert all(MADE_UP in v for n, v in request.headers if n in {"cookie", "x-csrf-token"})


def test_an_exact_door_is_not_asked_to_delete() -> None:
    """Where only one path is meant, what could delete it is told as untried."""
    door = Door("/thing", exact=True, methods=("DELETE", "POST"))
    assert untried(door) == ("DELETE",)
    assert not [told for told in requests_for(door, overrides=True) if "DELETE" in told]
    assert not requests_for(Door("/x", exact=True, methods=("PUT",)), overrides=True)


@pytest.mark.parametrize(
    ("status", "own", "expected"),
    [
        (403, True, True),
        (401, True, True),
        (303, True, True),
        (403, False, False),
        (401, False, False),
        (404, False, False),
        (200, False, False),
        (200, True, False),
        (302, False, False),
        (500, False, None),
        (503, True, None),
        (429, True, None),
    ],
)
def test_only_the_gateways_own_refusal_counts(
    status: int,
    own: bool,  # noqa: FBT001  # one of a table
    expected: bool | None,  # noqa: FBT001  # one of a table
) -> None:
    """A 401 of the site came from behind the door; a 5xx tells nothing."""
    headers = (("sealgate-id", "1-2"),) if own else ()
    assert refused(Response(status, headers, b"")) is expected

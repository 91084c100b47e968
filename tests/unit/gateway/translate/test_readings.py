from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.readings import Places, lua_program
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
ROUTES = (Route(Door("/"), PUBLIC), Route(Door("/typo3"), CONFIDENTIAL))


def answered(
    routes: tuple[Route, ...], path: str | None, place: Mapping[str, object] | None = None
) -> list[str]:
    """Return the statuses that the filter answers by itself for a request of *path*."""
    runtime: Any = LuaRuntime()
    runtime.execute(lua_program(routes))
    if place is None:
        place = Places(routes).of(Route(Door("/"), PUBLIC))
    runtime.execute(
        """
        statuses = {}
        function ask(path, place)
          local headers = {get = function() return path end}
          local metadata = {get = function(_, key) return place[key] end}
          envoy_on_request({
            headers = function() return headers end,
            metadata = function() return metadata end,
            respond = function(_, answer) statuses[#statuses + 1] = answer[":status"] end,
          })
        end
        """
    )
    runtime.globals()["ask"](path, runtime.table_from(place))
    return list(runtime.globals()["statuses"].values())


def test_filter_answers_only_what_it_refuses() -> None:
    """A request with a stricter reading is answered 403, any other is left alone."""
    assert answered(ROUTES, "/%74ypo3") == ["403"]
    assert answered(ROUTES, "/%20") == []


def test_filter_that_fails_refuses() -> None:
    """Envoy would let a request pass whose filter fails, so a failure is an answer."""
    assert answered(ROUTES, None) == ["403"]


@pytest.mark.parametrize("place", [{}, {"route": 7}, {"route": "x"}, {"reads": False}])
def test_an_entry_that_says_not_what_it_serves_is_refused(place: dict[str, object]) -> None:
    """Of what an entry of the routes must say, nothing is taken for granted."""
    assert answered(ROUTES, "/a%20", place) == ["403"]
    conditional = Route(Door("/", query="x"), CONFIDENTIAL)
    assert answered((*ROUTES, conditional), "/a%20", place) == ["403"]


def test_names_cannot_break_out_of_the_program() -> None:
    """Whatever a door is called, it stays a string of the program."""
    odd = Route(Door('/"]]..os.exit()--\\\n'), CONFIDENTIAL)
    assert answered((*ROUTES, odd), "/%20") == []

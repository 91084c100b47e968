from __future__ import annotations

from typing import Any

from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.readings import lua_program
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
ROUTES = (Route(Door("/"), PUBLIC), Route(Door("/typo3"), CONFIDENTIAL))


def answered(routes: tuple[Route, ...], path: str | None) -> list[str]:
    """Return the statuses that the filter answers by itself for a request of *path*."""
    runtime: Any = LuaRuntime()
    runtime.execute(lua_program(routes, Route(Door("/"), PUBLIC)))
    runtime.execute(
        """
        statuses = {}
        function ask(path)
          local headers = {get = function() return path end}
          envoy_on_request({
            headers = function() return headers end,
            respond = function(_, answer) statuses[#statuses + 1] = answer[":status"] end,
          })
        end
        """
    )
    runtime.globals()["ask"](path)
    return list(runtime.globals()["statuses"].values())


def test_filter_answers_only_what_it_refuses() -> None:
    """A request with a stricter reading is answered 403, any other is left alone."""
    assert answered(ROUTES, "/%74ypo3") == ["403"]
    assert answered(ROUTES, "/%20") == []


def test_filter_that_fails_refuses() -> None:
    """Envoy would let a request pass whose filter fails, so a failure is an answer."""
    assert answered(ROUTES, None) == ["403"]


def test_names_cannot_break_out_of_the_program() -> None:
    """Whatever a door is called, it stays a string of the program."""
    odd = Route(Door('/"]]..os.exit()--\\\n'), CONFIDENTIAL)
    assert answered((*ROUTES, odd), "/%20") == []

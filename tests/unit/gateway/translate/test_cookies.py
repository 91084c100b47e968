from __future__ import annotations

import pytest
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.cookies import cookie_program
from sealgate.policy.inventory import CookieRule

RULES = (
    CookieRule("sid", http_only=True, same_site="Lax"),
    CookieRule("wp_*", http_only=True, same_site=None),
    CookieRule("seen", http_only=False, same_site="Strict"),
)


@pytest.mark.parametrize(
    ("cookie", "wanted"),
    [
        ("a=1", "a=1; Secure"),
        ("a=1; Path=/; secure", "a=1; Path=/; secure"),
        ("a=1;SECURE ; HttpOnly", "a=1;SECURE ; HttpOnly"),
        ("sid=1", "sid=1; Secure; HttpOnly; SameSite=Lax"),
        ("sid=1; samesite=None; Secure", "sid=1; samesite=None; Secure; HttpOnly"),
        ("sid=1; HttpOnly", "sid=1; HttpOnly; Secure; SameSite=Lax"),
        ("sidx=1", "sidx=1; Secure"),
        ("wp_abc=1", "wp_abc=1; Secure; HttpOnly"),
        ("seen=1", "seen=1; Secure; SameSite=Strict"),
        ("a=Secure", "a=Secure; Secure"),
        ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("", "; Secure"),
        ("a=1;", "a=1;; Secure"),
        ("a=1; Comment=secure", "a=1; Comment=secure; Secure"),
    ],
)
def test_cookie_gains_what_it_lacks(cookie: str, wanted: str | None) -> None:
    """Secure always, the rest by the rule of its name; nothing that is there changes."""
    runtime = LuaRuntime()
    runtime.execute(cookie_program(RULES))
    assert runtime.globals()["hardened"](cookie) == (wanted or f"{cookie}; Secure")


def test_program_rewrites_every_cookie_once() -> None:
    """Several cookies stay several, in order."""
    runtime = LuaRuntime()
    runtime.execute(cookie_program(()))
    runtime.execute(
        """
        local list = {"a=1", "b=2; Secure"}
        local headers = {}
        function headers:getNumValues(name) return #list end
        function headers:getAtIndex(name, index) return list[index + 1] end
        function headers:remove(name) list = {} end
        function headers:add(name, value) list[#list + 1] = value end
        envoy_on_response({headers = function() return headers end})
        function result() return table.concat(list, "|") end
        """
    )
    assert runtime.globals()["result"]() == "a=1; Secure|b=2; Secure"

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.model import OWN_COOKIES
from sealgate.gateway.translate.own_cookies import STRIP_PROGRAM, without_own_cookies

RUNTIME = LuaRuntime()
RUNTIME.execute(STRIP_PROGRAM)
LEFT_OF: Any = RUNTIME.globals()["left_of"]
OURS = "__Host-sealgate"


@pytest.mark.parametrize(
    ("cookies", "left"),
    [
        ("a=1", "a=1"),
        (f"{OURS}=t", ""),
        (f"{OURS}=t; a=1", "a=1"),
        (f"a=1; {OURS}=t", "a=1"),
        (f"a=1; {OURS}=t; b=2", "a=1; b=2"),
        (f"a=1;{OURS}=t;b=2", "a=1;b=2"),
        (f"{OURS}-form=f; {OURS}=t", ""),
        (f"{OURS}-form=f; a=1; {OURS}=t; b=2", "a=1; b=2"),
        (f"a=1, {OURS}=t, b=2", "a=1, , b=2"),
        (f"{OURS}=t,a=1; b=2", ",a=1; b=2"),
        (f"{OURS}=; a=1", "a=1"),
        (f"{OURS}", f"{OURS}"),
        (f"{OURS}X=1; a=1", f"{OURS}X=1; a=1"),
        (f"a={OURS}=t", "a="),
        (f"{OURS};{OURS}=t", f"{OURS}"),
        (f"{OURS}=t; {OURS}-form=f; a=1; b=2", "a=1; b=2"),
        # Another host may not set what begins with "__Host-": so no cut may make it.
        (f"__Ho{OURS}=t; st-id=1", "__Ho; st-id=1"),
        (f"a=1,{OURS}=t; b=2", "a=1,; b=2"),
        ("", ""),
    ],
)
def test_what_is_left_of_a_header(cookies: str, left: str) -> None:
    """
    Ours are gone wherever they stand; what is not ours stays as it was sent.
    """
    assert LEFT_OF(cookies) == left


PIECES = st.sampled_from(
    [
        OURS,
        f"{OURS}-form",
        "-oidc",
        "=",
        ";",
        "; ",
        ";  ",
        ",",
        " ",
        "a",
        "A",
        "b=1",
        "token",
        "__Host-",
    ]
)


def left_by_reading(cookies: str) -> str:
    """
    Say the same as the program, cookie by cookie.
    """
    left, begins = "", False
    for separator, piece in re.findall("(^|[;,])([^;,]*)", cookies):
        ours = re.search(f"{OWN_COOKIES}=", piece)
        before = piece[: ours.start()] if ours else piece
        alone = ours is not None and not before.strip(" ")
        if alone and separator == ";":
            continue
        left += before.lstrip(" ") if begins and separator == ";" else separator + before
        begins = alone and separator == ""
    return left


@given(st.lists(PIECES, max_size=14).map("".join))
def test_the_program_cuts_what_reading_each_cookie_would(cookies: str) -> None:
    """
    It looks only for names and ends, and comes to the same as reading every character.
    """
    assert LEFT_OF(cookies) == left_by_reading(cookies)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_cut_makes_a_cookie_that_nobody_sent(cookies: str) -> None:
    """
    What is left of each cookie is its beginning, in its place; nothing of ours is among it.
    """
    left = LEFT_OF(cookies)
    assert not re.search(f"{OWN_COOKIES}=", left)
    sent = [piece.lstrip(" ") for piece in re.split("[;,]", cookies)]
    for piece in re.split("[;,]", left):
        while not sent[0].startswith(piece.lstrip(" ")):
            sent.pop(0)
        sent.pop(0)


def test_many_cookies_of_ours_take_no_square_of_time() -> None:
    """
    A separator is looked for again only where it was passed: each character is read once.
    """
    RUNTIME.execute(
        """
        function characters_read(cookies)
          local read, find = 0, string.find
          string.find = function(text, what, from, plain)
            local first, last = find(text, what, from, plain)
            if plain then read = read + (last or #text) - from + 1 end
            return first, last
          end
          left_of(cookies)
          string.find = find
          return read
        end
        """
    )
    read: Any = RUNTIME.globals()["characters_read"]
    for separator in (",", ";", ", ", ",;"):
        cookies = f"{OURS}={separator}" * 3000
        assert read(cookies) <= 4 * len(cookies), separator


def test_the_header_is_gone_before_the_program_looks_at_it() -> None:
    """
    So nothing of ours passes, whatever happens then.
    """
    RUNTIME.execute(
        """
        local said = {}
        function asked(cookie, breaks)
          said = {}
          local headers = {}
          function headers:get(name) return cookie end
          function headers:remove(name) said[#said + 1] = "remove " .. name end
          function headers:add(name, value) said[#said + 1] = name .. ": " .. value end
          local kept = left_of
          if breaks then left_of = function() error("broken") end end
          pcall(envoy_on_request, {headers = function() return headers end})
          left_of = kept
          return table.concat(said, "|")
        end
        """
    )
    asked: Any = RUNTIME.globals()["asked"]
    assert asked(f"a=1; {OURS}=t", False) == "remove cookie|cookie: a=1"
    assert asked(f"{OURS}=t", False) == "remove cookie"
    assert asked(f"a=1; {OURS}=t", True) == "remove cookie"
    assert asked(None, False) == ""


def chosen(entries: list[dict[str, Any]], cookie: str | None) -> int:
    """
    Return which of *entries* a request with this Cookie header comes to.
    """

    def holds(one: dict[str, Any]) -> bool:
        if one["name"] != "cookie":
            return True
        if cookie is None:
            return False
        how = one["string_match"]
        said = (
            (how.get("prefix") is not None and cookie.startswith(how["prefix"]))
            or (how.get("contains") is not None and how["contains"] in cookie)
            or ("safe_regex" in how and bool(re.fullmatch(how["safe_regex"]["regex"], cookie)))
        )
        return said is not one.get("invert_match", False)

    return next(
        number for number, entry in enumerate(entries) if all(map(holds, entry["match"]["headers"]))
    )


@pytest.mark.parametrize("signed", [False, True])
def test_no_entry_lets_ours_pass(*, signed: bool) -> None:
    """
    The whole header goes where nothing else is in it; else the program runs, if ours may be there.
    """
    entry: Any = {"match": {"prefix": "/", "headers": [{"name": ":path"}]}, "route": {}}
    entries: Any = list(without_own_cookies(entry, signed=signed))
    removed = [one.get("request_headers_to_remove") == ["cookie"] for one in entries]
    runs = ["sealgate.own-cookies" in one.get("typed_per_filter_config", {}) for one in entries]
    for cookie, wanted in (
        (f"{OURS}=t", "removed"),
        (f"{OURS}-form=f; {OURS}=t", "removed"),
        (f"{OURS}=t; {OURS}-form=f", "removed"),
        (f"{OURS}=t; a=1", "cut"),
        (f"{OURS}=t,a=1", "cut"),
        (f"a=1; {OURS}=t", "cut"),
        (f"{OURS}=t; {OURS}X=1", "cut"),
    ):
        number = chosen(entries, cookie)
        assert (removed[number], runs[number]) == (wanted == "removed", wanted == "cut"), cookie
    for other in (None, "a=1"):
        number = chosen(entries, other)
        assert (removed[number], runs[number]) == (False, signed)

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.own_cookies import (
    AMONG_OTHERS,
    STRIP_PROGRAM,
    without,
    without_own_cookies,
)

RUNTIME = LuaRuntime()
RUNTIME.execute(STRIP_PROGRAM)
LEFT_OF: Any = RUNTIME.globals()["left_of"]
OURS = "__Host-sealgate"
OWN_COOKIES = f"{OURS}[a-z-]*"


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
    """Ours are gone wherever they stand; what is not ours stays as it was sent."""
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
    """Say the same as the program, cookie by cookie."""
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
    """It looks only for names and ends, and comes to the same as reading every character."""
    assert LEFT_OF(cookies) == left_by_reading(cookies)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_no_cut_makes_a_cookie_that_nobody_sent(cookies: str) -> None:
    """What is left of each cookie is its beginning, in its place; nothing of ours is among it."""
    left = LEFT_OF(cookies)
    assert not re.search(f"{OWN_COOKIES}=", left)
    sent = [piece.lstrip(" ") for piece in re.split("[;,]", cookies)]
    for piece in re.split("[;,]", left):
        while not sent[0].startswith(piece.lstrip(" ")):
            sent.pop(0)
        sent.pop(0)


def is_usual(cookies: str) -> bool:
    """Say the same as the expression, cookie by cookie."""
    pairs = cookies.split("; ")
    ours = [pair for pair in pairs if pair.startswith(f"{OURS}=")]
    if len(ours) != 1 or not re.fullmatch("[A-Za-z0-9_.-]*", ours[0].partition("=")[2]):
        return False
    for pair in pairs:
        name, equals, value = pair.partition("=")
        is_ours = pair == ours[0]
        if not equals or set(name) & set(' ";,') or set(value) & set('";,'):
            return False
        # Ours goes as a whole, whatever its value is.
        if "-seal" in pair and not is_ours:
            return False
    return True


def left_by_envoy(cookies: str) -> str:
    """Say what Envoy's filter leaves: it puts together anew what it took apart."""
    kept = []
    for piece in cookies.split(";"):
        name, equals, value = piece.lstrip(" ").partition("=")
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if equals and name != OURS:
            kept.append(f"{name}={value}")
    return "; ".join(kept)


PAIRS = st.sampled_from(
    [
        f"{OURS}=t",
        f"{OURS}=a.b_c-d",
        "a=1",
        "a=",
        "=1",
        "a=b=c",
        "__Host-id=1",
        "__Host-sea=1",
        "x-seagate=--sea-s-",
        "a b=1",
        "a=b c",
    ]
)
ODD = st.sampled_from(
    [f"x{OURS}=t", "x-seal=1", f"a={OURS}=t", f"{OURS}-form=f", 'a="1"', "a", " a=1", "a=1,"]
)
HEADERS = st.one_of(
    st.lists(st.one_of(PAIRS, PAIRS, PAIRS, ODD), max_size=6).map("; ".join),
    st.lists(PIECES, max_size=14).map("".join),
)


@example(f"{OURS}={OURS}")
@given(HEADERS)
def test_the_expression_knows_what_is_written_as_browsers_do(cookies: str) -> None:
    """Ours once, pairs with a name, nothing quoted, and our names nowhere else."""
    assert bool(re.fullmatch(AMONG_OTHERS, cookies)) is is_usual(cookies)


@given(HEADERS)
def test_what_envoy_takes_out_of_it_is_what_the_program_would(cookies: str) -> None:
    """Of such a header Envoy's own filter leaves the others as they were sent, and none of ours."""
    if re.fullmatch(AMONG_OTHERS, cookies):
        left = left_by_envoy(cookies)
        assert left == left_by_reading(cookies)
        assert OURS not in left


@given(st.text("-seal; g", max_size=14), st.sampled_from(["-seal", "-sg", "-se"]))
def test_an_expression_for_texts_without_a_word(text: str, word: str) -> None:
    """It fits a text if the word does not occur in it, nor a character that is excluded."""
    assert bool(re.fullmatch(without(word, ";"), text)) is (word not in text and ";" not in text)


def test_many_cookies_of_ours_take_no_square_of_time() -> None:
    """A separator is looked for again only where it was passed: each character is read once."""
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
    """So nothing of ours passes, whatever happens then."""
    RUNTIME.execute(
        """
        local said = {}
        function asked(cookie, breaks)
          said = {}
          local headers = {}
          function headers:getNumValues(name) return cookie and 1 or 0 end
          function headers:getAtIndex(name, index) return cookie end
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
    """Return which of *entries* a request with this Cookie header comes to."""

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
    """The whole header goes where nothing else is in it; else one of two filters takes ours out."""
    entry: Any = {"match": {"prefix": "/", "headers": [{"name": ":path"}]}, "route": {}}
    if signed:
        entry["typed_per_filter_config"] = {"envoy.filters.http.jwt_authn": {}}
    entries: Any = list(without_own_cookies(entry, signed=signed))

    def treated(cookies: str | None) -> tuple[bool, list[str]]:
        one = entries[chosen(entries, cookies)]
        return "request_headers_to_remove" in one, sorted(one.get("typed_per_filter_config", {}))

    reads = ["envoy.filters.http.jwt_authn"] if signed else []
    for cookies, wanted in (
        (f"{OURS}=t", (True, ["sealgate.lone-session"] if signed else [])),
        (f"{OURS}=t; a=1", (False, [*reads, "sealgate.hide-cookie"])),
        (f"a=1; {OURS}=t", (False, [*reads, "sealgate.hide-cookie"])),
        (f"a=1; {OURS}=t; __Host-id=2", (False, [*reads, "sealgate.hide-cookie"])),
        (f"{OURS}-form=f; {OURS}=t", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t; {OURS}-form=f", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t; {OURS}=t", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t,a=1", (False, [*reads, "sealgate.own-cookies"])),
        (f"x={OURS}=t", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t; {OURS}X=1", (False, [*reads, "sealgate.own-cookies"])),
        (f'{OURS}=t; a="1"', (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t; a-seal=1", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t; a", (False, [*reads, "sealgate.own-cookies"])),
        (f"{OURS}=t;a=1", (False, [*reads, "sealgate.own-cookies"])),
        # Nothing of ours, so it does not matter what runs.
        (None, (False, [*reads, "sealgate.own-cookies"] if signed else [])),
        ("a=1", (False, [*reads, "sealgate.own-cookies"] if signed else [])),
    ):
        assert treated(cookies) == wanted, cookies

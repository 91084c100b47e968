"""
The strictest reading: what holds for every path, and that Lua and patterns agree.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.patterns import PRINTABLE, doubtful, simple
from sealgate.gateway.translate.readings import lua_program
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inspect, Route
from sealgate.policy.leftovers import Leftover
from sealgate.policy.routing import (
    Refusal,
    could_be_read_as,
    is_plain,
    is_stricter,
    judge,
    serving_route,
    specificity,
    split_target,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
SITES = (
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/typo3"), CONFIDENTIAL),
        Route(Door("/", query="__typo3_install"), CONFIDENTIAL),
        Route(Door("/typo3/install.php"), CONFIDENTIAL),
        Route(Door("/typo3/sysext/*/Resources/Public"), PUBLIC),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/wp-admin"), CONFIDENTIAL),
        Route(Door("/wp-login.php"), CONFIDENTIAL),
        Route(Door("/", query="rest_route", query_value="/wp/v2/users"), CONFIDENTIAL),
        Route(Door("/wp-admin/admin-ajax.php", exact=True), PUBLIC),
    ),
    (
        Route(Door("/"), RESTRICTED),
        Route(Door("/a", exact=True), SECRET),
        Route(Door("/a/*/c"), CONFIDENTIAL),
        Route(Door("/a/b"), PUBLIC),
        Route(Door("/A/B/C"), SECRET),
        Route(Door("/a", query="x.y"), CONFIDENTIAL),
        Route(Door("/a/b/c", query="x.y", query_value="1"), SECRET),
    ),
    (
        Route(Door("/"), PUBLIC, inspect=Inspect.ENFORCE),
        Route(Door("/a"), PUBLIC, payment=True, scripts=("'self'",)),
        Route(Door("/A/b"), PUBLIC, SECRET),
        Route(Door("/x.php"), PUBLIC),
        Route(Door("/b", query="x.y"), CONFIDENTIAL),
        Route(Door("/typo3"), RESTRICTED, payment=True),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/a"), PUBLIC, leftovers=(Leftover.DUMPS, Leftover.LOGS)),
        Route(Door("/a/b"), PUBLIC, leftovers=tuple(Leftover)),
        Route(Door("/a/b/c"), PUBLIC),
    ),
)
# What paths, and the attempts to hide one, are made of.
PIECES = (
    *("/", "/", "/", "//", "\\", "%2f", "%5C", "%252f", ".", "..", "%2e", "./", "../", ";", ";x=1"),
    *("typo3", "TYPO3", "%74ypo3", "%2574ypo3", "install.php", "sysext", "core", "Resources"),
    *("Public", "wp-admin", "wp-login.php", "admin-ajax.php", "a", "b", "c", "A", "B", "%61"),
    *(
        "index.php",
        "x.PHP",
        ".php",
        "x",
        "%",
        "%zz",
        "%00",
        "%0a",
        "%c2",
        "%85",
        "%30a",
        "%u000d",
        "#",
        "%3f",
        " ",
        "%20",
        "+",
        "~",
    ),
    *("?", "?", "&", "=", "__typo3_install", "..typo3[install", "%5f%5Ftypo3.install", "[a]"),
    *("rest_route", "=/wp/v2/users", "=%2Fwp//v2/users", "x.y", "x_y", "=1", "\xff", "é", "\x01"),
)
BYTES = st.binary(max_size=2).map(lambda data: data.decode("utf-8", "surrogateescape"))
TARGETS = st.lists(st.sampled_from(PIECES) | BYTES, max_size=12).map(
    lambda pieces: "/" + "".join(pieces)
)


@cache
def refused_in_lua(site: int, serving: Route) -> Callable[[bytes], Any]:
    """
    Return the compiled judgement of the route *serving*, run by the Lua that Envoy runs.
    """
    runtime = LuaRuntime(encoding=None)
    runtime.execute(lua_program(SITES[site], serving).encode())
    found: Callable[[bytes], Any] = runtime.globals()[b"refused"]
    return found


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=600, deadline=None)
def test_lua_says_what_the_specification_says(target: str, site: int) -> None:
    """
    The compiled judgement refuses exactly what the specification refuses.
    """
    serving = serving_route(SITES[site], target)
    wanted = isinstance(judge(SITES[site], target), Refusal)
    assert refused_in_lua(site, serving)(target.encode("utf-8", "surrogateescape")) is wanted


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=600, deadline=None)
def test_what_the_patterns_let_pass_is_never_refused(target: str, site: int) -> None:
    """
    A request that Envoy routes without asking Lua has no reading in a stricter class.
    """
    routes = SITES[site]
    serving = serving_route(routes, target)
    by_path = [r for r in routes if r.door.query is None]
    pattern = doubtful(serving, routes, path_route=serving_route(by_path, target))
    if re.fullmatch(PRINTABLE, target) and not re.fullmatch(pattern, target):
        assert judge(routes, target) is serving


NAMES = st.lists(
    st.sampled_from(
        (
            *(
                *"/..~#-_:1",
                "bak",
                "BAK",
                "sql",
                "gz",
                "tar",
                "zip",
                "log",
                "php",
                "txt",
                "old",
                "x",
            ),
            *(
                ".env",
                ".well-known",
                ".git",
                "config",
                "error_log",
                "backup",
                "dump",
                "db3",
                "a",
                "b",
            ),
            *("%2e", "%2E", "%252e", "%7e", "%23", "%20", ";x", "//", "..", "\\", "html", "?", "c"),
        )
    ),
    max_size=7,
).map(lambda pieces: "/" + "".join(pieces))


@given(target=NAMES, site=st.sampled_from((0, len(SITES) - 1)))
@settings(max_examples=1500, deadline=None)
def test_leftovers_are_refused_alike_everywhere(target: str, site: int) -> None:
    """
    What the specification takes for a leftover, Lua refuses, and no pattern lets pass.
    """
    routes = SITES[site]
    serving = serving_route(routes, target)
    wanted = isinstance(judge(routes, target), Refusal)
    assert refused_in_lua(site, serving)(target.encode()) is wanted
    by_path = serving_route([r for r in routes if r.door.query is None], target)
    usual = simple(serving, routes, path_route=by_path)
    if usual is not None and re.fullmatch(usual, target):
        assert not wanted
    doubt = doubtful(serving, routes, path_route=by_path)
    if re.fullmatch(PRINTABLE, target) and not re.fullmatch(doubt, target):
        assert not wanted


# Like usual targets, with one thing in them that is not.
NEARLY_USUAL = st.lists(
    st.sampled_from(
        (
            *(*"/.?&=-~_;+\\", "typo3", "Typo3", "wp-admin", "WP-Admin", "wp-login.php", "PHP"),
            *("install", "sysext", "a", "b", "B", "c", "index.php", "__typo3_install"),
            *(
                "rest_route",
                "%5f",
                "%c3",
                "%A9",
                "%c2",
                "%85",
                "%0a",
                "é",
                "\xff",
                "\n",
                "main.min.css",
                "Resources",
                "x",
            ),
        )
    ),
    max_size=8,
).map(lambda pieces: "/" + "".join(pieces))


@given(target=NEARLY_USUAL | TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=1500, deadline=None)
def test_what_looks_usual_has_one_reading(target: str, site: int) -> None:
    """
    The quick pattern lets nothing pass that the thorough ones would hold back.
    """
    routes = SITES[site]
    serving = serving_route(routes, target)
    by_path = [r for r in routes if r.door.query is None]
    usual = simple(serving, routes, path_route=serving_route(by_path, target))
    if usual is not None and re.fullmatch(usual, target):
        assert judge(routes, target) is serving


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=400, deadline=None)
def test_plain_path_is_decided_by_its_letters(target: str, site: int) -> None:
    """
    On a plain path only a nearer door, spelled in another case, can be stricter.
    """
    path, _ = split_target(target)
    by_path = [r for r in SITES[site] if r.door.query is None]
    serving = serving_route(by_path, path)
    nearer = [
        r
        for r in by_path
        if is_stricter(r, serving)
        and specificity(r) > specificity(serving)
        and could_be_read_as(r.door, path)
    ]
    if is_plain(path) and not nearer:
        answer = judge(by_path, path)
        assert answer is serving or (isinstance(answer, Refusal) and answer.leftover)


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=300, deadline=None)
def test_refusal_names_a_stricter_route(target: str, site: int) -> None:
    """
    The answer is the literal route, or a refusal that names a stricter one.
    """
    answer = judge(SITES[site], target)
    if isinstance(answer, Refusal):
        assert answer.stricter is None or is_stricter(answer.stricter, answer.serving)
    else:
        assert answer is serving_route(SITES[site], target)


@given(path=st.lists(st.sampled_from(["a", "typo3", "x.css", "B"]), max_size=5))
def test_ordinary_paths_cost_nobody_anything(path: list[str]) -> None:
    """
    A path of ordinary names below no locked door is never refused.
    """
    if not path or path[0] != "typo3":
        assert judge(SITES[0], "/" + "/".join(path)) is SITES[0][0]

from __future__ import annotations

import pytest

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import Request, carried, fits
from sealgate.policy.inventory import Door, Route
from sealgate.policy.routing import (
    MAX_AMBIGUOUS_BYTES,
    RouteRefusal,
    can_be_one,
    could_be_read_as,
    is_plain,
    judge,
    matches,
    readings,
    serving_route,
    specificity,
    split_target,
)

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
FRONT = Route(Door("/"), PUBLIC)
BACKEND = Route(Door("/typo3"), CONFIDENTIAL)
INSTALL = Route(Door("/", query="__typo3_install"), CONFIDENTIAL)
ASSETS = Route(Door("/typo3/sysext/*/Resources/Public"), PUBLIC)
TYPO3 = (FRONT, BACKEND, INSTALL, ASSETS)
USERS = Route(Door("/", query="rest_route", query_value="/wp/v2/users"), CONFIDENTIAL)
LOGIN = Route(Door("/wp-login.php"), CONFIDENTIAL)
AJAX = Route(Door("/wp-admin/admin-ajax.php", exact=True), PUBLIC)
WORDPRESS = (FRONT, Route(Door("/wp-admin"), CONFIDENTIAL), LOGIN, USERS, AJAX)

# Each of these is a spelling under which some server, language or CMS finds the backend.
VARIANTS = (
    "/TYPO3/",
    "/Typo3",
    "/%74ypo3/",
    "/%54YPO3/",
    "/%2574ypo3/",
    "/typo3%2f",
    "/typo3%2Findex.php",
    "//typo3/",
    "/.//typo3/",
    "/./typo3",
    "/x/../typo3/",
    "/x/%2e%2e/typo3/",
    "/x/..%2ftypo3/",
    "/x/%252e%252e/typo3/",
    "/typo3;x=1/",
    "/;x/typo3",
    "/x;/../typo3/",
    "\\typo3",
    "/\\typo3\\",
    "/%5ctypo3",
    "/typo3./",
    "/typo3%20",
    "/typo3%00.css",
    "/typo3%3fx",
    "/typo3%23x",
    "/index.php/typo3/",
    "/INDEX.PHP/typo3",
    "/sub/index.php/typo3",
    "/index.php//typo3/",
    "//shop.example/typo3/",
    "/\\shop.example/typo3",
)


@pytest.mark.parametrize("path", VARIANTS)
def test_variant_is_refused(path: str) -> None:
    """A spelling that some server reads as the backend is refused on the public route."""
    path = path if path.startswith("/") else f"/{path}"
    answer = judge(TYPO3, Request(path))
    assert isinstance(answer, RouteRefusal)
    assert answer.serving is FRONT
    assert answer.stricter is BACKEND


@pytest.mark.parametrize(
    ("target", "route"),
    [
        ("/", FRONT),
        ("/typo3temp/assets/a.css", FRONT),
        ("/typo3conf", FRONT),
        ("/news/typo3", FRONT),
        ("/index.php/news", FRONT),
        ("/%C3%BCber-uns", FRONT),
        ("/a//b", FRONT),
        ("/typo3", BACKEND),
        ("/typo3/", BACKEND),
        ("/typo3/module/web?id=1", BACKEND),
        ("/typo3/../index.php", BACKEND),
        ("/typo3/sysext/core/Resources/Public/a.js", ASSETS),
        ("/typo3/sysext/core/Resources/Private/a.js", BACKEND),
        ("/?__typo3_install", INSTALL),
        ("/index.php?a=1&__typo3_install=", INSTALL),
        ("/typo3?__typo3_install", BACKEND),
        ("/?q=__typo3_install", FRONT),
    ],
)
def test_literal_route_serves(target: str, route: Route) -> None:
    """A request that can be read in one way only is served by its literal route."""
    assert judge(TYPO3, Request(target)) is route


@pytest.mark.parametrize(
    "query",
    [
        "..typo3_install",
        "%5f%5Ftypo3_install=1",
        "%255f_typo3_install",
        "+__typo3_install",
        "%20__typo3_install",
        "__typo3.install=1",
        "__typo3+install",
        "__typo3[install",
        "__typo3_install[]=1",
        "__typo3_install%5b%5d",
        "__typo3_install%00x",
        "__TYPO3_INSTALL",
        "a=1;__typo3_install",
    ],
)
def test_parameter_variant_is_refused(query: str) -> None:
    """A name that PHP or another server turns into the parameter is refused."""
    assert isinstance(judge(TYPO3, Request(f"/?{query}")), RouteRefusal)


@pytest.mark.parametrize(
    ("query", "refused"),
    [
        ("rest_route=%2Fwp%2Fv2%2Fusers", True),
        ("rest_route=/WP/v2/users", True),
        ("rest_route=//wp//v2/users/1", True),
        ("rest_route=+/wp/v2/users", True),
        ("rest.route=/wp/v2/users", True),
        ("rest_route=/wp/v2/posts", False),
        ("rest_route=users", False),
    ],
)
def test_parameter_value_is_read(query: str, refused: bool) -> None:  # noqa: FBT001  # a case
    """A door with a value is judged by every reading of the value."""
    assert isinstance(judge(WORDPRESS, Request(f"/?{query}")), RouteRefusal) is refused


def test_literal_value_opens_its_own_route() -> None:
    """The parameter with its value as declared is served by the locked route."""
    assert judge(WORDPRESS, Request("/?rest_route=/wp/v2/users/1")) is USERS


def test_exact_door_is_not_its_children() -> None:
    """An exact door means its path alone; below it, the wider door holds."""
    assert judge(WORDPRESS, Request("/wp-admin/admin-ajax.php")) is AJAX
    assert judge(WORDPRESS, Request("/wp-admin/admin-ajax.php/x")).door.path == "/wp-admin"  # type: ignore[union-attr]  # a route, or this fails


def test_script_of_its_own_is_locked_with_path_info() -> None:
    """What stands behind a locked script is part of it."""
    assert judge(WORDPRESS, Request("/wp-login.php/x")) is LOGIN
    assert isinstance(judge(WORDPRESS, Request("/WP-LOGIN.PHP")), RouteRefusal)


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("/admin.php/pub", True),
        ("/ADMIN.php/pub", True),
        ("/admin.php;x/pub", True),
        ("/admin%2ephp/pub", True),
        ("/x.php/pub", False),
        ("/folder/pub", False),
        ("/tool.php/pub", False),
        ("/exact.php/x", True),
        ("/exact.php/tool.php/pub", True),
    ],
)
def test_no_folder_is_a_locked_script(target: str, refused: bool) -> None:  # noqa: FBT001  # a case
    """Who passes PATH_INFO runs the script, so only a route that writes it out opens what is behind."""
    routes = (
        FRONT,
        Route(Door("/*/pub"), PUBLIC),
        Route(Door("/admin.php"), CONFIDENTIAL, admit=("group:a",)),
        Route(Door("/tool.php"), CONFIDENTIAL, admit=("group:a",)),
        Route(Door("/tool.php/pub"), PUBLIC),
        Route(Door("/exact.php", exact=True), CONFIDENTIAL, admit=("group:a",)),
    )
    assert isinstance(judge(routes, Request(target)), RouteRefusal) is refused


def test_long_ambiguous_path_is_refused_unread() -> None:
    """A path too long to be read in every way is refused, unless it has one way only."""
    long = "/a" * MAX_AMBIGUOUS_BYTES
    assert judge(TYPO3, Request(long)) is FRONT
    assert judge(TYPO3, Request(f"{long}/%20x")) == RouteRefusal(FRONT, None)


def test_stricter_route_needs_no_reading() -> None:
    """Where the serving route is the strictest, no spelling can land higher."""
    assert judge(TYPO3, Request("/typo3/%2e%2e/%2e%2e")) is BACKEND


@pytest.mark.parametrize("path", ["/", "/a", "/a/", "/A.php", "/.well-known/x", "/a.b/c~d", "/@"])
def test_plain(path: str) -> None:
    """An ordinary path is plain."""
    assert is_plain(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "/%41",
        "/a;b",
        "/a\\b",
        "//a",
        "/a/../b",
        "/.",
        "/a./b",
        "/a ",
        "/a.PHP/b",
        "/é",
        "/#",
    ],
)
def test_not_plain(path: str) -> None:
    """Whatever some server may read in another way is not plain."""
    assert not is_plain(path)


def test_plain_path_in_another_case_could_be_the_door() -> None:
    """Case and a last slash are what a plain path leaves open."""
    assert could_be_read_as(BACKEND.door, "/TYPO3/x/")
    assert could_be_read_as(Door("/a", exact=True), "/A/")
    assert not could_be_read_as(BACKEND.door, "/typo3temp")


def test_readings_are_cut_at_the_depth_that_matters() -> None:
    """Nothing below the deepest door is kept."""
    assert readings("/a/b/c/d", 1) == {("a", "b")}


def test_only_ascii_is_folded() -> None:
    """A byte outside ASCII means itself, in whatever encoding it was meant."""
    assert readings("/\u00c9", 1) == {("\u00c3\u0089",)}


def test_split_target_keeps_later_question_marks() -> None:
    """The query begins at the first question mark."""
    assert split_target("/a?b?c") == ("/a", "b?c")


def test_matches_needs_whole_segments() -> None:
    """A door matches segments, never a part of one."""
    assert matches(BACKEND.door, ("typo3", "x"), folded=False)
    assert not matches(BACKEND.door, ("typo3x",), folded=False)
    assert not matches(BACKEND.door, ("TYPO3",), folded=False)
    assert not matches(Door("/A"), ("A",), folded=True)  # readings are folded already
    assert matches(Door("/A"), ("a",), folded=True)


def test_door_without_parameter_is_open_to_any_query() -> None:
    """A door by path alone does not look at the query."""
    assert fits(BACKEND.door, carried(Request("/?x"), overrides=False))


def test_serving_route_prefers_the_more_specific_door() -> None:
    """The longer door wins, then the one with fewer wildcards, then the exact one."""
    wild = Route(Door("/a/*"), PUBLIC)
    named = Route(Door("/a/b"), CONFIDENTIAL)
    exact = Route(Door("/a/b", exact=True), RESTRICTED)
    routes = (FRONT, wild, named, exact)
    assert serving_route(routes, "/a/c") is wild
    assert serving_route(routes, "/a/b") is exact
    assert serving_route(routes, "/a/b/c") is named
    assert specificity(exact) > specificity(named) > specificity(wild) > specificity(FRONT)


def test_a_star_at_the_end_of_a_segment_stands_for_its_rest() -> None:
    """It fits whatever begins so, and is less specific than the segment in full."""
    maps = Route(Door("/maps-*"), CONFIDENTIAL)
    one = Route(Door("/maps-of-us"), PUBLIC)
    wild = Route(Door("/*"), RESTRICTED)
    routes = (FRONT, maps, one, wild)
    assert serving_route(routes, "/maps-1.xml/x") is maps
    assert serving_route(routes, "/maps-") is maps
    assert serving_route(routes, "/maps-of-us") is one
    assert serving_route(routes, "/maps") is wild
    assert isinstance(judge(routes, Request("/MAPS-1.xml")), RouteRefusal)
    assert specificity(one) > specificity(maps) > specificity(wild)


@pytest.mark.parametrize(
    ("one", "other", "fit"),
    [
        *(("a", "a", True), ("a", "b", False), ("*", "a", True), ("a*", "ab", True)),
        *(("a*", "b", False), ("a*", "ab*", True), ("a*", "*", True), ("ac*", "ab*", False)),
    ],
)
def test_whether_one_segment_can_fit_two(one: str, other: str, fit: bool) -> None:  # noqa: FBT001  # a column of the table
    """The order of the two says nothing."""
    assert can_be_one(one, other) is fit
    assert can_be_one(other, one) is fit

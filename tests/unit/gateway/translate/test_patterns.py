from __future__ import annotations

import re

import pytest

from sealgate.gateway.translate.patterns import (
    PRINTABLE,
    doubtful,
    literal_path,
    simple,
    target_with_query,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
FRONT = Route(Door("/"), PUBLIC)
BACKEND = Route(Door("/typo3"), CONFIDENTIAL)
INSTALL = Route(Door("/", query="__typo3_install"), CONFIDENTIAL)


def test_below_the_strictest_only_odd_spellings_are_doubtful() -> None:
    """Where no route is stricter, a name is never doubted, but what may hide a control character is."""
    for route, others in ((BACKEND, (FRONT, BACKEND)), (FRONT, (FRONT,))):
        pattern = doubtful(route, others, path_route=route)
        assert not re.fullmatch(pattern, "/typo3/A/b.css?c=%0a")
        assert re.fullmatch(pattern, "/typo3/%0a")


@pytest.mark.parametrize(
    "target",
    ["/", "/a/b.css?v=1", "/typo3temp/x", "/a.php?x=%20", "/a.well-known/x", "/?a[b]=1", "/A%"],
)
def test_ordinary_targets_are_not_doubtful(target: str) -> None:
    """What sites are usually asked for goes without Lua; a percent sign in a path does not."""
    pattern = doubtful(FRONT, (FRONT, BACKEND, INSTALL), path_route=FRONT)
    assert (re.fullmatch(pattern, target) is not None) is (target == "/A%")


@pytest.mark.parametrize(
    "target",
    [
        *("/TYPO3", "//x", "/a;b", "/a/..", "/a.", "/x.php/y", "/?a&%5f_typo3+install"),
        # The digits of "%5f" are encoded themselves.
        *("/?%25%35%66_typo3_install", "/?a&%%35f_typo3_install", "/?%25%35f_typo3_install"),
    ],
)
def test_ambiguous_targets_are_doubtful(target: str) -> None:
    """What some server may read as the backend is asked about."""
    pattern = doubtful(FRONT, (FRONT, BACKEND, INSTALL), path_route=FRONT)
    assert re.fullmatch(pattern, target)


@pytest.mark.parametrize(
    ("target", "is_simple"),
    [
        *(("/", True), ("/index.html", True), ("/a/", True), ("/a/b/Main-1.min.css?v=1&w", True)),
        *(("/Index.html", False), ("/a/b.php/c", False), ("/a//b", False), ("/a/.b", False)),
        *(("/a.", False), ("/a?b_c", False), ("/a?b.c", False), ("/a?b+c", False)),
        *(("/error_log/", False), ("/a/access_log/", False), ("/a_b/c/", True), ("/a//", False)),
        *(("/%e3%81%82/%C3%9C.html", True), ("/%c2%85", False), ("/%c0%ae", False)),
        *(("/%61", False), ("/a;b", False), ("/\xff", False), ("/a\n", False), ("*", False)),
    ],
)
def test_usual_targets_are_simple(target: str, is_simple: bool) -> None:  # noqa: FBT001  # a table
    """Words, one dotted name at the end, and a query of letters and digits."""
    pattern = simple(FRONT, (FRONT, BACKEND, INSTALL), path_route=FRONT)
    assert pattern is not None
    assert (re.fullmatch(pattern, target) is not None) is is_simple


def test_doors_that_usual_targets_could_hide_have_no_quick_way() -> None:
    """A door with capitals, or a parameter of letters only, could be meant by a usual target."""
    capital = Route(Door("/Admin"), CONFIDENTIAL)
    assert simple(FRONT, (FRONT, capital), path_route=FRONT) is None
    foreign = Route(Door("/\u00fcber"), CONFIDENTIAL)
    assert simple(FRONT, (FRONT, foreign), path_route=FRONT) is None
    letters = Route(Door("/", query="q"), CONFIDENTIAL)
    assert simple(FRONT, (FRONT, letters), path_route=FRONT) is None
    deep = Route(Door("/a/b"), CONFIDENTIAL)
    pattern = simple(FRONT, (FRONT, deep), path_route=FRONT)
    assert pattern is not None
    assert not re.fullmatch(pattern, "/a/B")


def test_printable_is_ascii_without_space() -> None:
    """RE2 reads UTF-8; what is none is held back before it."""
    assert re.fullmatch(PRINTABLE, "/~!")
    assert not re.fullmatch(PRINTABLE, "/ ")
    assert not re.fullmatch(PRINTABLE, "/\u00e9")


def test_literal_patterns_take_whole_segments() -> None:
    """A wildcard stands for one segment, and names end where they end."""
    wild = literal_path(Door("/a/*/c.d"))
    assert re.fullmatch(wild, "/a/b/c.d/e")
    assert not re.fullmatch(wild, "/a/b/b/c.d")
    assert not re.fullmatch(wild, "/a/b/cxd")
    assert not re.fullmatch(literal_path(Door("/a/*", exact=True)), "/a/b/c")
    for door in (Door("/*"), Door("/*", exact=True)):
        assert re.fullmatch(literal_path(door), "/a")
        assert not re.fullmatch(literal_path(door), "/")
    name = target_with_query(Door("/", query="n"))
    assert re.fullmatch(name, "/x?a=1&n")
    assert re.fullmatch(name, "/?n=1&b")
    assert not re.fullmatch(name, "/?nn")
    value = target_with_query(Door("/p", query="n", query_value="/v"))
    assert re.fullmatch(value, "/p?n=/v/1")
    assert not re.fullmatch(value, "/q?n=/v")

"""What a request finds in a match tree is what a list of the groups would have led it to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.gateway.translate.match_tree import Group, match_tree
from tests.match_trees import found_in

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject

NOWHERE: JSONObject = {"name": "nowhere"}
BELOW_A: JSONObject = {"path_separated_prefix": "/a"}


def found(target: str, *matches: JSONObject) -> str:
    """Return the number of the group of *matches* at which *target* is served."""
    groups = [
        Group(one, [{"name": str(number), "match": one}]) for number, one in enumerate(matches)
    ]
    entries: list[Any] = found_in(match_tree(groups, NOWHERE), target) or []
    # Those that Envoy would not take for it at last.
    path = re.split("[?#]", target)[0]
    return next(str(e["name"]) for e in entries if e.get("match", {}).get("path", path) == path)


@pytest.mark.parametrize(
    ("target", "at"),
    [
        ("/a", "0"),
        ("/a?x", "0"),
        ("/a#x", "0"),
        ("/a/x", "1"),
        ("/a/b", "1"),
        ("/ab", "2"),
        ("/ab/c", "2"),
        ("/", "2"),
        ("*", "nowhere"),
        ("", "nowhere"),
    ],
)
def test_a_path_is_found_with_its_query_and_without_what_begins_alike(target: str, at: str) -> None:
    """One for a path alone stands before one for all below it, and "/ab" lies not at "/a"."""
    assert found(target, {"path": "/a"}, BELOW_A, {"prefix": "/"}) == at


def test_where_a_longer_path_goes_on_otherwise_the_shorter_one_serves() -> None:
    """A miss below the longest prefix leads back to the next."""
    doors: tuple[JSONObject, ...] = ({"path": "/a/b"}, {"path_separated_prefix": "/a/c"}, BELOW_A)
    assert [found(path, *doors) for path in ("/a/b", "/a/b/x", "/a/bc", "/a/c/x", "/a/cd")] == [
        *("0", "2", "2", "1", "2")
    ]


def test_what_stands_first_is_found_first_also_where_it_is_shorter() -> None:
    """As pages of the gateway, which no door of a site takes away."""
    longer: JSONObject = {"path_separated_prefix": "/a/b"}
    assert found("/a/b", BELOW_A, longer) == "0"
    assert found("/a", BELOW_A, {"path": "/a"}) == "0"


def test_a_pattern_stands_where_it_stood() -> None:
    """Behind what is written out before it, and before what comes after it."""
    any_b: JSONObject = {"safe_regex": {"regex": "/[^/]*/b"}, "headers": [_begins("/")]}
    doors: tuple[JSONObject, ...] = ({"path": "/a/b"}, any_b, BELOW_A)
    assert [found(path, *doors) for path in ("/a/b", "/c/b?x", "/a/b/c", "/a/c")] == [
        *("0", "1", "2", "2")
    ]


def test_other_conditions_are_asked_with_the_path() -> None:
    """A page that is only read is not found by another method, and an inverted question is inverted."""
    reads: JSONObject = {"name": ":method", "string_match": {"exact": "GET"}}
    others: JSONObject = {**reads, "invert_match": True}
    for asked, at in ((reads, "0"), (others, "1")):
        assert found("/a", {"path": "/a", "headers": [asked]}, BELOW_A) == at


def test_entries_of_one_path_stay_in_their_order() -> None:
    """Envoy tries them in turn."""
    first: list[JSONObject] = [{"name": "quick"}, {"name": "judged"}]
    groups = [Group({"path": "/a"}, first), Group(BELOW_A, [{"name": "below"}])]
    names: list[Any] = [one["name"] for one in found_in(match_tree(groups, NOWHERE), "/a") or []]
    assert names == ["quick", "judged", "below"]


def test_without_a_group_everybody_is_served_alike() -> None:
    """There is nothing to look up."""
    assert found_in(match_tree([], NOWHERE), "/a") == [NOWHERE]


def _begins(path: str) -> JSONObject:
    return {"name": ":path", "string_match": {"prefix": path}}

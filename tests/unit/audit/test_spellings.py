"""Other spellings of a locked path, and that the policy refuses each of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.spellings import query_spellings, spellings
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import Request
from sealgate.policy.inventory import Door, Route
from sealgate.policy.routing import RouteRefusal, judge

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PATHS = st.lists(
    st.text(LETTERS + "0123456789-_", min_size=2, max_size=8).filter(lambda s: s[0] in LETTERS),
    min_size=1,
    max_size=3,
).map(lambda segments: "/" + "/".join(segments))


def shut(door: Door, target: str) -> bool:
    """Return whether the policy refuses *target*, or demands the locked route's key for it."""
    routes = (Route(Door("/"), PUBLIC), Route(door, CONFIDENTIAL))
    verdict = judge(routes, Request(target))
    return isinstance(verdict, RouteRefusal) or verdict.classification == CONFIDENTIAL


def test_the_path_of_the_issue() -> None:
    """``/typo3`` has more than twenty other spellings, the well-known ones among them."""
    found = spellings("/typo3")
    assert len(found) >= 20
    assert {
        "/TYPO3",
        "/%74ypo3",
        "/%2574ypo3",
        "//typo3",
        "/./typo3",
        "/x/../typo3",
        "/typo3;x",
        "/\\typo3",
        "/index.php/typo3/",
        "/typo3.",
        "/%2ftypo3",
    } <= set(found)


@given(PATHS)
def test_every_spelling_is_another_one(path: str) -> None:
    """Each is a request target that stands once, and never the path itself."""
    found = spellings(path)
    assert len(found) >= 20
    assert len(set(found)) == len(found)
    assert path not in found
    assert all(target.startswith("/") for target in found)
    assert all(target.isascii() and not set(target) & set(" \r\n") for target in found)


@given(PATHS)
def test_the_policy_shuts_every_spelling(path: str) -> None:
    """No spelling is read as a public page: audit and gateway agree on what is the same."""
    assert [t for t in spellings(path) if not shut(Door(path), t)] == []


def test_the_policy_shuts_every_spelling_of_a_query() -> None:
    """The same of a door that a parameter opens."""
    door = Door("/", query="__typo3_install")
    found = query_spellings("/", "__typo3_install", None)
    assert len(found) >= 8
    assert [t for t in found if not shut(door, t)] == []


@pytest.mark.parametrize("value", ["/wp/v2/users", None])
def test_query_spellings_differ(value: str | None) -> None:
    """Each spelling of a query stands once."""
    found = query_spellings("/", "rest_route", value)
    assert len(set(found)) == len(found)


def test_the_root() -> None:
    """A site that is locked as a whole has other spellings too."""
    assert "/" not in spellings("/")
    assert len(spellings("/")) > 5

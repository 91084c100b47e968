"""What holds for every configuration: two routes that mean the same requests are told."""

from __future__ import annotations

import sys
from itertools import product
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sealgate.config.reader import Lines, Notes
from sealgate.config.routes import Overlaps
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Route
from sealgate.policy.routing import door_segments, matches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

PUBLIC, RESTRICTED, *_ = DEFAULT_MODEL.classes
SEGMENTS = ("a", "A", "b", "*", "a*", "b*")
# For each two segments that can fit one, one of these does.
WITNESSES = ("a", "b", "az", "bz")

DOORS = st.builds(
    Door,
    st.lists(st.sampled_from(SEGMENTS), max_size=2).map(lambda them: "/" + "/".join(them)),
    methods=st.sampled_from([(), ("POST",)]),
)
ROUTES = st.lists(st.builds(Route, DOORS, st.sampled_from([PUBLIC, RESTRICTED])), max_size=6)


def told(routes: Sequence[Route]) -> list[str]:
    """Return what is told of each pair of *routes*, a word each."""
    notes = Notes("sealgate.toml", Lines(""))
    overlaps = Overlaps()
    for route in routes:
        overlaps.check(notes, (), route)
    words = {"already": "already", "take": "same", "overlaps": "overlaps"}
    return [
        next(word for sign, word in words.items() if sign in fault.message.split())
        for fault in notes.faults
    ]


def kinds(door: Door) -> tuple[int, int, int]:
    """Return how many segments are written out, begun, and open: what tells how specific it is."""
    segments = door_segments(door)
    opened = segments.count("*")
    begun = sum(segment.endswith("*") for segment in segments) - opened
    return len(segments) - opened - begun, begun, opened


def expected(routes: Sequence[Route]) -> list[str]:
    """Return the same, pair by pair, by requests that both doors fit."""
    found = []
    for index, route in enumerate(routes):
        for other in routes[:index]:
            if route.door == other.door:
                found.append("already")
                break
            one, two = route.door, other.door
            if kinds(one) != kinds(two) or one.methods != two.methods:
                continue
            if one.path.lower() == two.path.lower():
                found += ["same"] if route.classification != other.classification else []
            elif any(
                matches(one, path, folded=True) and matches(two, path, folded=True)
                for path in product(WITNESSES, repeat=len(door_segments(one)))
            ):
                found.append("overlaps")
    return found


@given(ROUTES)
def test_each_pair_that_means_the_same_requests_is_told(routes: list[Route]) -> None:
    """No pair more, and none less, whatever else is declared."""
    assert told(routes) == expected(routes)


def test_many_routes_cost_as_many_calls() -> None:
    """Ten times the routes are ten times the work, where no path has a ``*``."""

    def work(count: int) -> int:
        routes = [Route(Door(f"/page-{index}"), PUBLIC) for index in range(count)]
        calls = 0

        def count_one(_frame: FrameType, _event: str, _argument: object) -> None:
            nonlocal calls
            calls += 1

        before = sys.getprofile()
        sys.setprofile(count_one)
        try:
            told(routes)
        finally:
            sys.setprofile(before)
        return calls

    assert work(1000) <= 12 * work(100)

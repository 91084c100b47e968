from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.admission.crowding import displaced


def test_the_oldest_of_the_largest_makes_room() -> None:
    """A crowd from one place loses its oldest; one of that crowd is turned away itself."""
    waiting = {1: "a", 2: "b", 3: "b", 4: "b"}
    assert displaced(waiting, "c") == 2
    assert displaced(waiting, "a") == 2
    assert displaced(waiting, "b") is None
    assert displaced({}, "a") is None
    assert displaced({1: "a", 2: "b"}, "c") == 1
    assert displaced({1: "a", 2: "b"}, "a") is None


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.sampled_from("abcdefghij"))
def test_nobody_loses_a_place_to_a_larger_crowd(places: list[str], place: str) -> None:
    """Who has to leave comes from where more wait than where the new one comes from."""
    gone = displaced(dict(enumerate(places)), place)
    if gone is None:
        assert places.count(place) >= max(map(places.count, places))
    else:
        assert places.count(places[gone]) > places.count(place)
        assert places.index(places[gone]) == gone

"""What was begun is taken once, and nobody pushes out what others began."""

import pytest

from sealgate.identity.begun import Begun, digest, is_of_browser


def test_it_is_taken_once() -> None:
    """By its very key."""
    out: Begun[str] = Begun(10, 10)
    out.give("key", "value", "192.0.2.1")
    assert out.take("other") is None
    assert out.take("key") == "value"
    assert out.take(b"key") is None
    assert len(out) == 0


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::{n:x}", "::ffff:192.0.2.9", "odd"])
def test_an_address_pushes_out_its_own(address: str) -> None:
    """A network of IPv6 is one, as it is for everything that is counted by address."""
    out: Begun[int] = Begun(100, 3)
    out.give("mine", -1, "192.0.2.1")
    for number in range(50):
        out.give(f"theirs {number}", number, address.format(n=number))
    assert len(out) == 4
    assert out.take("mine") == -1
    assert [out.take(f"theirs {number}") for number in (46, 47, 49)] == [None, 47, 49]


def test_where_all_are_too_many_the_greediest_loses() -> None:
    """Not whoever began first."""
    out: Begun[str] = Begun(5, 4)
    out.give("mine", "mine", "192.0.2.1")
    for place in ("192.0.2.2", "192.0.2.3"):
        for number in range(4):
            out.give(f"{place} {number}", place, place)
    assert len(out) == 5
    assert out.take("mine") == "mine"


def test_a_key_that_is_given_again_counts_for_the_last() -> None:
    """And takes one place."""
    out: Begun[int] = Begun(5, 4)
    out.give("key", 1, "192.0.2.1")
    out.give("key", 2, "192.0.2.2")
    assert len(out) == 1
    assert out.take("key") == 2


def test_a_browser_is_told_by_its_cookie() -> None:
    """No cookie is no browser's, also where nothing was kept."""
    assert is_of_browser(digest("cookie"), "cookie")
    assert not is_of_browser(digest("cookie"), "other")
    assert not is_of_browser(digest(""), "")
    assert not is_of_browser("", "cookie")

"""When certificates are renewed, when failed attempts are repeated, and what is an alarm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.gateway.renewal import (
    DAY,
    FIRST_RETRY_SECONDS,
    HOUR,
    LONGEST_RETRY_SECONDS,
    LONGEST_RETRY_WITHOUT,
    Life,
    Window,
    complaint,
    renew_at,
    retry_at,
)

NOW = 1_800_000_000.0
LIFE = Life(NOW, NOW + 90 * DAY)
SHARES = st.floats(0, 1)
LENGTHS = st.floats(1, 400 * DAY)


@given(LENGTHS, SHARES)
def test_more_than_a_third_of_the_life_is_left_at_the_renewal(length: float, share: float) -> None:
    """However long a certificate lives, it is renewed after its middle and before two thirds."""
    at = renew_at(Life(NOW, NOW + length), share=share)
    assert NOW + length * 0.59 < at < NOW + length * 2 / 3 + 1e-3


@given(LENGTHS, SHARES, st.floats(-100 * DAY, 500 * DAY), st.floats(0, 100 * DAY))
def test_the_authority_may_hasten_and_never_delay(
    length: float, share: float, start: float, width: float
) -> None:
    """The suggested window brings a renewal forward, and never puts it off."""
    life = Life(NOW, NOW + length)
    window = Window(NOW + start, NOW + start + width)
    at = renew_at(life, share=share, window=window)
    assert at <= renew_at(life, share=share)
    assert at <= window.end or at == renew_at(life, share=share)


def test_a_window_of_the_past_is_now() -> None:
    """An authority that revokes at once suggests a window that has gone by."""
    assert renew_at(LIFE, share=0.5, window=Window(NOW - DAY, NOW - HOUR)) < NOW


def test_a_window_that_ends_before_it_starts_says_nothing() -> None:
    """What cannot be is not followed."""
    assert renew_at(LIFE, share=0.5, window=Window(NOW, NOW - DAY)) == renew_at(LIFE, share=0.5)


@given(failures=st.integers(1, 10_000), share=SHARES, has=st.booleans())
def test_attempts_are_bounded_both_ways(failures: int, share: float, *, has: bool) -> None:
    """No authority is asked more than five times an hour for one name, nor left for days."""
    wait = retry_at(NOW, failures, share=share, has_certificate=has) - NOW
    longest = LONGEST_RETRY_SECONDS if has else LONGEST_RETRY_WITHOUT
    assert FIRST_RETRY_SECONDS * 0.74 < wait < longest * 1.26


def test_attempts_grow_rarer() -> None:
    """Each failure doubles the wait."""
    waits = [retry_at(NOW, n, share=0.5, has_certificate=True) - NOW for n in range(1, 6)]
    assert waits == [600, 1200, 2400, 4800, 9600]


def test_an_hour_of_failures_is_below_the_authoritys_limit() -> None:
    """Let's Encrypt counts five failed validations an hour."""
    at, attempts = NOW, 0
    while at < NOW + HOUR:
        attempts += 1
        at = retry_at(at, attempts, share=0.0, has_certificate=False)
    assert attempts < 5


def test_the_authority_is_obeyed_when_it_says_when() -> None:
    """Retry-After is a lower bound."""
    later = NOW + 2 * DAY
    assert retry_at(NOW, 1, share=0, has_certificate=True, not_before=later) == later
    assert retry_at(NOW, 1, share=0.5, has_certificate=True, not_before=NOW) == NOW + 600
    # A number that a slip made must not keep us away for ever.
    assert retry_at(NOW, 1, share=0, has_certificate=True, not_before=1e22) == NOW + 8 * DAY


@pytest.mark.parametrize(
    ("now", "life", "failures", "shown", "says"),
    [
        (NOW, LIFE, 0, True, ""),
        (NOW, LIFE, 2, True, ""),
        (NOW, LIFE, 3, True, "the renewal failed 3 times, and 90 days are left: no answer"),
        (NOW + 71 * DAY, LIFE, 0, True, ""),
        (NOW + 80 * DAY, LIFE, 0, True, "the renewal is overdue, and 10 days are left"),
        (NOW + 80 * DAY, LIFE, 1, True, "the renewal failed once, and 10 days are left: no answer"),
        (NOW + 89.5 * DAY, LIFE, 9, True, "12 hours are left"),
        (NOW + 90 * DAY - 90, LIFE, 9, True, "1 minutes are left"),
        (NOW + 91 * DAY, LIFE, 0, True, "has ended"),
        (NOW, LIFE, 0, False, "another certificate"),
        (NOW, None, 0, True, "not issued a certificate yet, and a stand-in"),
        (NOW, None, 1, True, "a stand-in is shown: no answer"),
    ],
)
def test_what_is_told(
    now: float, life: Life | None, failures: int, *, shown: bool, says: str
) -> None:
    """One failure with much life left is not for a person; everything worse is."""
    said = complaint(now, life, failures, "no answer" if failures else "", shown=shown)
    assert says in said
    assert bool(said) == bool(says)

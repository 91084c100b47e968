"""At once, then after a growing pause, then never."""

from __future__ import annotations

from sealgate.serve.crashes import CRASH_WINDOW_SECONDS, MAX_CRASHES, Crashes


def pauses(times: list[float]) -> list[float]:
    """Return the pause after a crash at each of *times*, each followed by a start."""
    crashes = Crashes()
    found = []
    for now in times:
        crashes.note(now)
        pause = next(p for p in (0.0, 0.5, 1.0, 2.0, 4.0) if crashes.may_start(now + p))
        crashes.started()
        found.append(pause)
    return found


def test_the_pause_grows() -> None:
    """One crash may be bad luck; more of them need time."""
    assert pauses([0.0, 1.0, 2.0, 3.0]) == [0.0, 0.5, 1.0, 2.0]


def test_long_ago_is_forgotten() -> None:
    """After a quiet time the next start is at once again."""
    apart = CRASH_WINDOW_SECONDS + 1
    assert pauses([apart * n for n in range(10)]) == [0.0] * 10


def test_enough_is_enough() -> None:
    """The fifth within the window is one too many, none before."""
    crashes = Crashes()
    assert [crashes.note(float(n)) for n in range(MAX_CRASHES)] == [False] * 4 + [True]
    assert crashes.count == MAX_CRASHES


def test_a_crash_is_pending_until_the_start() -> None:
    """So that one crash is noted once, however often somebody looks."""
    crashes = Crashes()
    assert crashes.may_start(0.0)
    seen = [crashes.is_pending]
    crashes.note(1.0)
    seen.append(crashes.is_pending)
    crashes.started()
    seen.append(crashes.is_pending)
    assert seen == [False, True, False]

"""How many examples Hypothesis looks at: some in every run of the tests, all of them in ``make soak``."""

from __future__ import annotations

from hypothesis import settings

# The profile of Hypothesis that ``make soak`` takes.
SOAK = "soak"
_SHARE = 4


def examples(count: int) -> int:
    """Return *count* in ``make soak``, otherwise a quarter of it."""
    return count if settings.get_current_profile_name() == SOAK else count // _SHARE

"""
When to start a crashed Envoy again, and when to give up.

Decides only; times are seconds of a clock that never goes back, and are passed in.
"""

from __future__ import annotations

from collections import deque

# So many crashes within this time end the gateway.
MAX_CRASHES = 5
CRASH_WINDOW_SECONDS = 60.0
# The pause before the second start; it doubles from then on.
FIRST_PAUSE_SECONDS = 0.5


class Crashes:
    """The crashes of late, and the pause that they lead to."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=MAX_CRASHES)
        self._restart_at: float | None = None

    @property
    def count(self) -> int:
        """Return how many there were, at most :data:`MAX_CRASHES` are known."""
        return len(self._at)

    @property
    def is_pending(self) -> bool:
        """Return whether the last crash is noted and the start after it is still to come."""
        return self._restart_at is not None

    def note(self, now: float) -> bool:
        """Note a crash; return whether it is one too many."""
        self._at.append(now)
        recent = sum(now - at < CRASH_WINDOW_SECONDS for at in self._at)
        # The first start after a long time is at once: one crash may be bad luck.
        pause = FIRST_PAUSE_SECONDS * 2 ** (recent - 2) if recent > 1 else 0.0
        self._restart_at = now + pause
        return recent >= MAX_CRASHES

    def may_start(self, now: float) -> bool:
        """Return whether the pause is over."""
        return self._restart_at is None or now >= self._restart_at

    def started(self) -> None:
        """Note that a start is tried; another crash is a new one."""
        self._restart_at = None

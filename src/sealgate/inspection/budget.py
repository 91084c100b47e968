"""
What one body may cost: beyond it, it is refused.

A budget that lets the rest pass unseen would be a way to get anything past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.inspection.model import BodyRefusal, BodyRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.model import BodyLimits

WINDOW = 64 * 1024


def over(reason: str) -> BodyRefusedError:
    """Return the fault of a body that asks for too much."""
    return BodyRefusedError(BodyRefusal.BUDGET, reason)


class Candidates:
    """
    How many candidates one text may have: at most *most* of each of so many *anchors*.

    They are counted by whoever confirms them, for that is the innermost loop: per anchor,
    *spent* are those in the window of the text at hand, and *windows* says which that is.
    By places of the text, so that it does not matter in which pieces it came.
    """

    __slots__ = ("most", "spent", "windows")

    def __init__(self, most: int, anchors: int) -> None:
        self.most = most
        self.spent = [0] * anchors
        self.windows = [0] * anchors

    def copy(self) -> Candidates:
        """Return the same account, to go on by itself."""
        other = Candidates(self.most, 0)
        other.spent, other.windows = list(self.spent), list(self.windows)
        return other


class Budget:
    """The account of one body, in bytes and time. *clock* tells processor seconds of this thread."""

    __slots__ = ("_bytes", "_clock", "_limits", "_seconds")

    def __init__(self, limits: BodyLimits, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._clock = clock
        self._bytes = 0
        self._seconds = 0.0

    def take_bytes(self, count: int) -> None:
        """
        Take *count* more bytes of the body, decoded.

        Raises:
            BodyRefusedError: it is too large.
        """
        self._bytes += count
        if self._bytes > self._limits.body_bytes:
            raise over(f"the body is over {self._limits.body_bytes} bytes")

    def started(self) -> float:
        """Return the time at which work begins, for :meth:`take_time`."""
        return self._clock()

    def take_time(self, since: float) -> None:
        """
        Take the processor time *since* then.

        Raises:
            BodyRefusedError: the body takes too long for its size.
        """
        self._seconds += self._clock() - since
        limits = self._limits
        if self._seconds > limits.cpu_seconds + self._bytes / limits.bytes_per_second:
            raise over("reading the body takes too long for its size")

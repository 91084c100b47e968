"""
What one body may cost: beyond it, it is refused.

A budget that lets the rest pass unseen would be a way to get anything past.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.inspection.model import Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.model import Limits

WINDOW = 64 * 1024


def over(reason: str) -> RefusedError:
    """
    Return the fault of a body that asks for too much.
    """
    return RefusedError(Refusal.BUDGET, reason)


class Budget:
    """
    The account of one body. *clock* tells processor seconds of this thread.

    Candidates are counted by whoever confirms them, for that is the innermost loop: per
    anchor, *spent* are those in the window of the body at hand, *windows* says which that
    is, and *most* how many there may be. By places of the body, so that it does not matter
    in which pieces it came.
    """

    __slots__ = ("_bytes", "_clock", "_limits", "_seconds", "most", "spent", "windows")

    def __init__(self, limits: Limits, clock: Callable[[], float], anchors: int) -> None:
        self._limits = limits
        self._clock = clock
        self._bytes = 0
        self._seconds = 0.0
        self.spent = [0] * anchors
        self.windows = [0] * anchors
        self.most = limits.candidates

    def take_bytes(self, count: int) -> None:
        """
        Take *count* more bytes of the body, decoded.

        Raises:
            RefusedError: it is too large.
        """
        self._bytes += count
        if self._bytes > self._limits.body_bytes:
            raise over(f"the body is over {self._limits.body_bytes} bytes")

    def started(self) -> float:
        """
        Return the time at which work begins, for :meth:`take_time`.
        """
        return self._clock()

    def take_time(self, since: float) -> None:
        """
        Take the processor time *since* then.

        Raises:
            RefusedError: the body takes too long for its size.
        """
        self._seconds += self._clock() - since
        limits = self._limits
        if self._seconds > limits.cpu_seconds + self._bytes / limits.bytes_per_second:
            raise over("reading the body takes too long for its size")

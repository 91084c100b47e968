"""
Who makes room when too many wait at the door.

Whoever holds most places without signing in loses the oldest of them, so that nobody keeps
others out by holding all. Pure.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


def displaced(waiting: Mapping[T, str], place: str) -> T | None:
    """
    Return which of *waiting* has to leave for one that comes from *place*.

    *waiting* are connections that have not signed in, or hold a data port that they do not use,
    the oldest first, each with the place that it comes from
    (:func:`sealgate.identity.throttle.prefix`). ``None``: the new one is turned away, because
    nobody holds more than its own place does.
    """
    held = Counter(waiting.values())
    if not held:
        return None
    largest, count = held.most_common(1)[0]
    if held[place] >= count:
        return None
    return next(one for one, whose in waiting.items() if whose == largest)

"""
How much a store has room for: its quota, less files, kept parts and what is on its way.

Without the last two, a quota would bound only what was finished: parts stay for days.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """
    What bounds one upload: *most* plain bytes, because of what is *told*.

    *room* is how much the quota left when it began, ``None`` without one; all uploads share it.
    """

    most: int
    told: str
    room: int | None = None


class Taken:
    """
    What the uploads of this process have taken and no record or note counts yet.

    Safe for several threads. Other processes count their own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: dict[str, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Return the plain bytes of all of them."""
        return self._total

    def take(self, object_id: str, size: int, room: int) -> bool:
        """Count *size* bytes for an upload; return whether that and the others fit into *room*."""
        with self._lock:
            total = self._total - self._sizes.get(object_id, 0) + size
            if total > room:
                return False
            self._sizes[object_id], self._total = size, total
            return True

    def leave(self, object_id: str) -> None:
        """Count it no more: it is a file, a kept part, or gone."""
        with self._lock:
            self._total -= self._sizes.pop(object_id, 0)

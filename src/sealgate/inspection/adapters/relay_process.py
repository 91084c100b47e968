"""
A relay process as its parent sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.child_process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.adapters.relay_plan import RelayPlan
    from sealgate.inspection.model import Sighting

# A relay that does not answer within this is stuck: it is ended, and what waits for it fails.
STUCK_SECONDS = 5.0
_MODULE = "sealgate.inspection.adapters.relay_worker"

Seen = list[tuple["Sighting", int]]


class RelayProcess(ChildProcess):
    """
    One process for *plan*; *seen* takes what it found.
    """

    def __init__(self, plan: RelayPlan, seen: Callable[[Seen], None]) -> None:
        self._seen = seen
        self._asked_at: float | None = None
        super().__init__("a relay", _MODULE, plan, plan.listeners)

    def works(self, now: float) -> bool:
        """
        Return whether it lives and answers; asks it again. *now* is monotonic.

        Never waits: call it every second or so.
        """
        if not self.is_running():
            return False
        self.hear()
        if self._asked_at is not None:
            return now - self._asked_at <= STUCK_SECONDS
        # One that cannot be told is one that does not answer.
        self._asked_at = now
        self.tell("status")
        return True

    def status(self) -> dict[str, Any]:
        """
        Return what is known of it, without asking.
        """
        return {"pid": self.pid if self.is_running() else None}

    def _take(self, kind: str, content: Any) -> None:
        if kind == "seen":
            self._seen(content)
        elif kind == "ok":
            self._asked_at = None
        else:
            super()._take(kind, content)

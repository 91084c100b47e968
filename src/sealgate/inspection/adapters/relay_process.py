"""
A relay process as its parent sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.child_process import WatchedProcess
from sealgate.inspection.adapters.relay_plan import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.adapters.relay_plan import RelayPlan
    from sealgate.inspection.model import Sighting

_MODULE = "sealgate.inspection.adapters.relay_worker"

Seen = list[tuple["Sighting", int]]


class RelayProcess(WatchedProcess):
    """
    One process for *plan*; *seen* takes what it found.
    """

    def __init__(self, plan: RelayPlan, seen: Callable[[Seen], None]) -> None:
        self._seen = seen
        super().__init__("a relay", _MODULE, plan, plan.listeners)

    def status(self) -> dict[str, Any]:
        """
        Return what is known of it, without asking.
        """
        return {"pid": self.pid if self.is_running() else None}

    def _take(self, kind: str, content: Any) -> None:
        if kind == "seen":
            try:
                seen = [read(one) for one in content]
            except (ValueError, TypeError):
                raise self._distrusted() from None
            self._seen(seen)
        else:
            super()._take(kind, content)

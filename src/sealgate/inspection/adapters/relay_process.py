"""A relay process as its parent sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sealgate.child_process import READY_SECONDS, WatchedProcess
from sealgate.inspection.adapters.relay_plan import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.adapters.relay_plan import RelayPlan
    from sealgate.inspection.model import Sighting

MODULE = "sealgate.inspection.adapters.relay_worker"

# A look at a body takes less at once (the limits of a policy), and whoever waits for one that
# is stuck is a visitor.
SILENT_SECONDS = 1.25

Seen = list[tuple["Sighting", int]]


class RelayProcess(WatchedProcess):
    """One process for *plan*; *seen* takes what it found."""

    silent_seconds = SILENT_SECONDS

    def __init__(self, plan: RelayPlan, seen: Callable[[Seen], None]) -> None:
        self._seen = seen
        self._load = (0, 0)
        self.is_ready = False
        """Whether it was heard to serve."""
        self._ready_by = time.monotonic() + READY_SECONDS
        super().__init__("a relay", MODULE, plan, plan.listeners)

    def await_ready(self) -> None:
        """
        Return once it serves.

        Raises:
            GatewayError: it ended, or is not ready in time; then it does not run.
        """
        super().await_ready()
        self.is_ready = True

    def works(self, now: float) -> bool:
        """Return whether it lives and answers, or is about to serve. *now* is monotonic."""
        if not self.is_ready:
            self.hear()
        if self.is_ready:
            return super().works(now)
        return now < self._ready_by and self.is_running() and not self.is_stopped()

    @property
    def connections(self) -> int:
        """Return how many connections it had when it last answered."""
        return self._load[0]

    @property
    def passed(self) -> int:
        """Return how much had come to it from the gateway when it last answered."""
        return self._load[1]

    def _take(self, kind: str, content: Any) -> None:
        if kind == "seen":
            try:
                seen = [read(one) for one in content]
            except (ValueError, TypeError):
                raise self._distrusted() from None
            self._seen(seen)
        elif kind == "ready":
            self.is_ready = True
        elif kind == "ok":
            match content:
                case {"connections": int() as connections, "passed": int() as passed}:
                    self._load = connections, passed
                case _:
                    raise self._distrusted()
            super()._take(kind, content)
        else:
            super()._take(kind, content)

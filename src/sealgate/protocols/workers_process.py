"""A server process as its parent sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.child_process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.workers_plan import ServedDrops, WorkerPlan

MODULE = "sealgate.protocols.workers"


class WorkerProcess(ChildProcess):
    """One process for *plan*; *tell* takes its lines for a person."""

    def __init__(self, plan: WorkerPlan, tell: Callable[[str], None]) -> None:
        self._tell = tell
        called = f"the {plan.kind.name} server"
        handed = [one for descriptors in plan.listeners.values() for one in descriptors]
        super().__init__(called, MODULE, plan, handed, needed=(plan.kind.server,))

    def begin(self) -> None:
        """
        Have one that waits take whoever comes; returns once it does.

        Raises:
            GatewayError: it cannot, or does not answer.
        """
        self.ask("begin")

    def renew(self, served: ServedDrops) -> None:
        """
        Have it go by *served*; returns once it does.

        Raises:
            GatewayError: it cannot, or does not answer.
        """
        self.ask("serve", served)

    def recheck(self) -> None:
        """
        Have it judge open sessions again; returns once it has.

        Raises:
            GatewayError: it does not answer.
        """
        self.ask("recheck")

    def status(self) -> dict[str, Any]:
        """
        Return what it says of itself.

        Raises:
            GatewayError: it does not answer.
        """
        told: dict[str, Any] = self.ask("status")
        return told

    def _take(self, kind: str, content: Any) -> None:
        if kind == "tell":
            self._tell(content)
        else:
            super()._take(kind, content)

"""
The process that signs answers as its parent sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.child_process import ChildProcess

if TYPE_CHECKING:
    from sealgate.inspection.adapters.signer_plan import SignerPlan
    from sealgate.signing.keys import SigningKey

# One that does not answer within this is stuck: it is ended, and what waits for it fails.
STUCK_SECONDS = 5.0
_MODULE = "sealgate.inspection.adapters.signer_worker"


class SignerProcess(ChildProcess):
    """
    One process for *plan*.
    """

    def __init__(self, plan: SignerPlan) -> None:
        self._asked_at: float | None = None
        super().__init__("the signer of answers", _MODULE, plan, plan.listeners)

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
        self._asked_at = now
        self.tell("status")
        return True

    def renew(self, keys: tuple[tuple[SigningKey, ...], ...]) -> None:
        """
        Have it go by *keys*, one set per policy, from the next answer on.
        """
        self.tell("keys", keys)

    def _take(self, kind: str, content: object) -> None:
        if kind == "ok":
            self._asked_at = None
        else:
            super()._take(kind, content)

"""The process that signs answers as its parent sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.child_process import WatchedProcess

if TYPE_CHECKING:
    from sealgate.inspection.adapters.signer_plan import SignerPlan
    from sealgate.signing.keys import SigningKey

_MODULE = "sealgate.inspection.adapters.signer_worker"


class SignerProcess(WatchedProcess):
    """One process for *plan*."""

    def __init__(self, plan: SignerPlan) -> None:
        super().__init__("the signer of answers", _MODULE, plan, plan.listeners)

    def renew(self, keys: tuple[tuple[SigningKey, ...], ...]) -> None:
        """Have it go by *keys*, one set per policy, from the next answer on."""
        self.tell("keys", keys)

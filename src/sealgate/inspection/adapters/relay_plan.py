"""
What a relay process is told by its parent: plain values that pickle carries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.inspection.model import Policy


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """
    Everything that one relay process needs.

    *listeners* are descriptors of listening Unix sockets, one per policy, in that order.
    """

    policies: tuple[Policy, ...]
    listeners: tuple[int, ...]

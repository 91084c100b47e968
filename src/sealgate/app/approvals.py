"""What the register knows of approvals, as an audit compares it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.register.adapters.store import Register
    from sealgate.register.model import Approval


def approved_digests(register: Register, asset: str) -> Mapping[str, frozenset[str]]:
    """
    Return which digests were approved of *asset*, by the script's name: the newest by each name.

    What was approved before does not hold any more: a script that goes back to an old
    version, with the old version's faults, is told.

    Raises:
        SourceError: the register cannot be read.
    """
    newest: dict[str, Approval] = {}
    found: dict[str, set[str]] = {}
    for one in register.approvals(asset):
        # What was approved at one moment belongs together; the order is that of the register,
        # because a clock may be set back.
        if one.item in newest and newest[one.item].approved_at != one.approved_at:
            found[one.item] = set()
        newest[one.item] = one
        found.setdefault(one.item, set()).add(one.digest)
    return {item: frozenset(digests) for item, digests in found.items()}

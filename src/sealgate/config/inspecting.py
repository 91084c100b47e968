"""``inspect`` of a route: whether bodies are looked into on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import nearest, quoted
from sealgate.policy.inventory import Inspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.config.reader import Table
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Route


def read_inspect(table: Table) -> Inspect | None:
    """Return what the route in *table* says of its bodies, ``None`` for nothing; a fault is noted there."""
    text = table.text("inspect")
    if text is None:
        return None
    known = [item.value for item in Inspect]
    if text not in known:
        table.fault(
            "inspect",
            f"inspect {quoted(text)} must be one of {', '.join(known)}",
            nearest(text, known, "inspect = {}") or 'inspect = "observe"',
        )
        return None
    return Inspect(text)


def enforced_beside(declared: Sequence[Route], classification: Classification) -> Inspect:
    """Return what holds for a preset's door of *classification*: ``enforce`` where a *declared* one does."""
    enforced = any(
        r.inspect is Inspect.ENFORCE and r.classification == classification for r in declared
    )
    return Inspect.ENFORCE if enforced else Inspect.OFF

"""
What a relay process is told by its parent, as values that pickle carries, and what it tells.

The latter is plain data, which the parent reads as what it is: said by a process that reads what
strangers send.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealgate.detect.catalogue import Kind
from sealgate.inspection.model import BodyRefusal, Sighting

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


def written(sighting: Sighting, times: int) -> dict[str, Any]:
    """Return *sighting*, which stands for so many messages, as plain data."""
    return {
        "asset": sighting.asset,
        "place": sighting.place,
        "outgoing": sighting.outgoing,
        "kept_back": sighting.kept_back,
        "counts": dict(sighting.counts),
        "refusal": sighting.refusal,
        "times": times,
    }


def read(content: Any) -> tuple[Sighting, int]:
    """
    Return what *content*, from :func:`written`, says.

    Raises:
        ValueError: it is nothing of the kind.
    """
    match content:
        case {
            "asset": str(asset),
            "place": str(place),
            "outgoing": bool(outgoing),
            "kept_back": bool(kept_back),
            "counts": dict(counts),
            "refusal": None | str() as refusal,
            "times": int(times),
            **others,
        } if not others and all(type(count) is int for count in counts.values()):
            kinds = {Kind(kind): count for kind, count in counts.items()}
            why = BodyRefusal(refusal) if refusal is not None else None
            return Sighting(asset, place, outgoing, kept_back, kinds, why), times
    raise ValueError("this is no sighting")

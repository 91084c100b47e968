"""What the tables of one database hold together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.assess.model import KindFound, Missed, Tallied

if TYPE_CHECKING:
    from sealgate.detect.catalogue import Kind


def together(tables: Sequence[Tallied]) -> Tallied:
    """Return the sum of *tables*: each kind with all its values, and that something is unseen."""
    merged: dict[Kind, KindFound] = {}
    for found in (kind for table in tables for kind in table.kinds):
        other = merged.get(found.kind)
        if other is None:
            merged[found.kind] = replace(found, where=())
            continue
        merged[found.kind] = replace(
            other,
            count=other.count + found.count,
            records=other.records + found.records,
            confidence=max(other.confidence, found.confidence),
            estimated=other.estimated or found.estimated,
            at_least=other.at_least or found.at_least,
        )
    return Tallied(
        kinds=tuple(sorted(merged.values(), key=lambda k: (-k.count, k.kind))),
        missed=_unseen(tables),
        rows=sum(table.rows or 0 for table in tables),
        bytes_read=sum(table.bytes_read for table in tables),
    )


def _unseen(tables: Sequence[Tallied]) -> tuple[Missed, ...]:
    missed = [m for table in tables for m in table.missed]
    if not missed:
        return ()
    reason = "tables of it could not be looked at"
    return (Missed(reason, partly=all(m.partly for m in missed)),)

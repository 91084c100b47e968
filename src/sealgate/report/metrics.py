"""
Figures in the text format that Prometheus reads (version 0.0.4).

Pure. A figure never carries a name of a person, an address or a path: only sites, doors,
kinds and counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """Whether a figure only grows, or goes both ways."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Family:
    """
    One figure: its *name*, what it means, and its values by their labels.

    Times are in seconds since the epoch, sizes in bytes.
    """

    name: str
    kind: Kind
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...] = field(default=())


def gauge(name: str, meaning: str, value: float) -> Family:
    """Return a figure without labels that goes both ways."""
    return Family(name, Kind.GAUGE, meaning, (({}, value),))


def exposition(families: Iterable[Family]) -> str:
    """Return *families* as Prometheus reads them; one without values is left out."""
    lines: list[str] = []
    for family in families:
        if not family.samples:
            continue
        lines.append(f"# HELP {family.name} {_escaped(family.meaning)}")
        lines.append(f"# TYPE {family.name} {family.kind.value}")
        lines += [f"{family.name}{_labels(labels)} {_number(v)}" for labels, v in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escaped(value, quotes=True)}"' for name, value in labels.items())
    return f"{{{pairs}}}"


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    return str(int(value)) if value == int(value) else repr(float(value))

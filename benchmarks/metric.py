"""One line of a benchmark's result, and how the benchmarks print and keep theirs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Path(__file__).resolve().parents[1] / "build" / "benchmarks"


@dataclass(frozen=True)
class Metric:
    """
    One line of the result; without *target* nothing is demanded.

    *quartiles* lie around a value that is a median. A *value* is infinite where there is none:
    what was measured was refused, or did not end.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    at_most: bool = False
    quartiles: tuple[float, float] | None = None

    @property
    def is_met(self) -> bool:
        """Return whether the value reaches the target, or with *at_most* keeps below it."""
        if self.target is None:
            return True
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def verdict(self) -> str:
        """Return ``met``, ``missed``, or ``-`` where nothing is demanded."""
        if self.target is None:
            return "-"
        return "met" if self.is_met else "missed"


def report(benchmark: str, metrics: Iterable[Metric], file: Path | None = None) -> list[Metric]:
    """
    Print each as ``name value unit target verdict`` when it is there, then write and return all.

    A median is followed by its quartiles, as ``low..high``.

    They are written to *file*, or to ``build/benchmarks/BENCHMARK.json``.
    """
    found = []
    for one in metrics:
        target = "-" if one.target is None else f"{one.target:g}"
        spread = "" if one.quartiles is None else f" {one.quartiles[0]:.3f}..{one.quartiles[1]:.3f}"
        print(one.name, f"{one.value:.3f}", one.unit, target, one.verdict + spread, flush=True)
        found.append(one)
    written = file or FOLDER / f"{benchmark}.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(json.dumps([*map(as_json, found)], indent=2) + "\n", encoding="utf-8")
    return found


def as_json(one: Metric) -> dict[str, object]:
    """Return *one* as every benchmark writes it; a value that is not there is ``None``."""
    return {
        "metric": one.name,
        "value": round(one.value, 4) if math.isfinite(one.value) else None,
        "unit": one.unit,
        "target": one.target,
        "at_most": one.at_most,
        "met": one.is_met,
        "quartiles": one.quartiles,
    }

"""
Rounds of short slices: every engine is asked in turn, in one order and then in the other.

A neighbour on the machine takes time, caches and network from whoever is asked at that
moment. Short slices, and many rounds, make that alike for all; a ratio is the median over
the rounds of two figures of one round, and its quartiles tell how far the rounds agree.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gateway.engines import LOAD_CORE, SERVER_CORE
from benchmarks.metric import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from benchmarks.gateway.engines import Engine

SLICE_SECONDS = 0.5
_FOREVER_SECONDS = 3600
_TRIES = 6
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Figure:
    """
    What one engine did in one slice.

    *rate* in units a second, *cpu_us* of its own processor time per unit. *busy* is its share
    of one core: below 0.9 it waited, for the load or for a neighbour, and whoever waits wakes
    up more often per unit. *kernel_us* is what the kernel's own thread did for the network on
    that core, per unit, which is in nobody's processor time.
    """

    rate: float
    cpu_us: float
    busy: float
    kernel_us: float


def measured(engines: Sequence[Engine], load: Callable[[], tuple[int, float]]) -> Figure:
    """Return what *engines* together did for *load*, which returns units and seconds."""
    before, kernel = sum(one.cpu_seconds() for one in engines), _kernel_seconds()
    began = time.monotonic()
    count, seconds = load()
    wall = time.monotonic() - began
    kernel = _kernel_seconds() - kernel
    cpu = sum(one.cpu_seconds() for one in engines) - before
    return Figure(count / seconds, cpu / count * 1e6, cpu / wall, kernel / count * 1e6)


def wrk(seconds: float, *arguments: str) -> tuple[int, float]:
    """
    Ask with wrk for *seconds*; return how many requests were answered, and the time it took.

    wrk itself knows whole seconds only, so it is interrupted, and then reports as usual. On a
    machine that is so busy that nothing was answered, it asks on for twice as long.

    Raises:
        SystemExit: an answer was no 2xx or 3xx, or there was none in all that time.
    """
    patience = seconds
    for _ in range(_TRIES):
        command = ["timeout", "--signal=INT", "--preserve-status", str(patience)]
        command += ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-d{_FOREVER_SECONDS}s", *arguments]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", text)
        if found is None or "Non-2xx" in text:
            break
        if int(found[1]):
            return int(found[1]), float(found[2]) * _UNITS[found[3]]
        patience *= 2
    message = f"{' '.join(arguments)}: refused, or no answer\n{text}"
    raise SystemExit(message)


def in_turn(names: Sequence[str], round_number: int) -> Sequence[str]:
    """Return *names* in the order of a round: every other one is turned round."""
    return names[::-1] if round_number % 2 else names


def ratios(
    name: str, one: Sequence[Figure], other: Sequence[Figure], target: float | None
) -> Iterator[Metric]:
    """Yield how *one* does against *other*, by processor time and by rate; above 1 is better."""
    pairs = list(zip(one, other, strict=True))
    yield middle(f"{name}-cpu", [b.cpu_us / a.cpu_us for a, b in pairs], "ratio", target)
    yield middle(f"{name}-rate", [a.rate / b.rate for a, b in pairs], "ratio", target)


def absolute(figures: Mapping[str, Sequence[Figure]]) -> Iterator[Metric]:
    """Yield what each engine took and did, and what tells whether it was disturbed."""
    for name, found in figures.items():
        slug = name.replace(" ", "-")
        yield middle(f"{slug}-cpu", [f.cpu_us for f in found], "us")
        yield middle(f"{slug}-rate", [f.rate for f in found], "1/s")
        yield middle(f"{slug}-busy", [f.busy for f in found], "cores")
        yield middle(f"{slug}-kernel", [f.kernel_us for f in found], "us")


def middle(name: str, values: Sequence[float], unit: str, target: float | None = None) -> Metric:
    """Return the median of *values* with their quartiles."""
    if len(values) == 1:
        return Metric(name, values[0], unit, target)
    low, half, high = statistics.quantiles(values, n=4, method="inclusive")
    return Metric(name, half, unit, target, quartiles=(low, high))


def _kernel_seconds() -> float:
    # Under load, packets are handled by this thread and not where they were sent.
    for process in Path("/proc").glob("[0-9]*/comm"):
        if process.read_text().strip() == f"ksoftirqd/{SERVER_CORE}":
            return int((process.parent / "schedstat").read_text().split()[0]) / 1e9
    return 0.0

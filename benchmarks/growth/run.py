"""
How costs grow: every row at several sizes, and the exponent that its costs follow.

A cost is processor time, as the kernel counts it for the processes that serve, or a count:
neither waits for a neighbour on the machine. The exponent is the slope of the logarithm of the
cost over that of the size, between the two largest sizes and over all: 1 grows as the size does,
2 as its square. Rows that compare with a peer come from the benchmark of that peer, in short.

Prints ``name value unit target met|missed``, then a table, and writes the same as JSON to
``build/benchmarks/growth.json`` or the file that ``--json`` names. Needs nginx and wrk; the
rows of peers need what their benchmarks need.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.growth import commands, files, renewal, routes, sites, users  # noqa: E402  # found only once ROOT is on the path
from benchmarks.growth.serving import RefusedError  # noqa: E402  # as above
from benchmarks.metric import Metric, report  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SIZES = (1, 10, 100, 1000)
ONCE = (1,)
_MOST_SAID = 200


@dataclass(frozen=True)
class Row:
    """
    One cost: what *cost* returns for a size, in *unit*.

    *wanted* holds for every size up to *up_to*: at most so much, or with *at_least* so much. What
    *grows* has an exponent; a ratio has none.
    """

    name: str
    sizes: tuple[int, ...]
    cost: Callable[[int], float]
    unit: str
    wanted: float | None = None
    up_to: int = max(SIZES)
    at_least: bool = False
    grows: bool = True

    def metric(self, size: int) -> Metric:
        """Measure at *size*."""
        try:
            value = self.cost(size)
        # The last two are how other benchmarks say that something does not work.
        except (RefusedError, SystemExit, AssertionError) as error:
            print(f"{self.name} at {size}: {str(error)[:_MOST_SAID]}", file=sys.stderr)
            value = -math.inf if self.at_least else math.inf
        target = self.wanted if size <= self.up_to else None
        return Metric(f"{self.name}-{size}", value, self.unit, target, at_most=not self.at_least)


def _to_peer(name: str, _: int) -> float:
    return files.to_peer(name)


ROWS = (
    Row("routes-load", SIZES, routes.load_seconds, "s", 0.2),
    Row("routes-translate", SIZES, lambda n: routes.translated(n).seconds, "s"),
    Row("routes-files", SIZES, lambda n: routes.translated(n).files_mib, "MiB"),
    Row("routes-envoy", (*SIZES, 300), lambda n: routes.translated(n).envoy_mib, "MiB", 60, 300),
    Row(
        *("routes-request", SIZES, lambda n: routes.translated(n).request, "ratio", 0.9),
        at_least=True,
        grows=False,
    ),
    Row("sites-start", SIZES, lambda n: sites.measured(n).started.seconds, "s", 20),
    Row("sites-files", SIZES, lambda n: sites.measured(n).started.files_mib, "MiB"),
    Row("sites-inotify", SIZES, lambda n: sites.measured(n).started.instances, "instances", 64),
    Row("sites-watches", SIZES, lambda n: sites.measured(n).started.watches, "watches"),
    Row("sites-add", SIZES, lambda n: sites.added(n).seconds, "s", 5),
    Row("sites-add-envoy", SIZES, lambda n: sites.added(n).envoy, "s", 2),
    Row("users-start", SIZES, lambda n: users.measured(n).started, "s", 5, 20_000),
    Row("users-change", SIZES, users.changed, "s", 1, 5000),
    Row("users-files", SIZES, lambda n: users.measured(n).files_mib, "MiB"),
    Row("users-add", SIZES, lambda n: users.measured(n).adding, "s"),
    Row("renewal-sign-in", ONCE, lambda n: renewal.measured(n).sign_in * 1e3, "ms", 0.3),
    Row("renewal-envoy", ONCE, lambda n: renewal.measured(n).envoy * 1e3, "ms"),
    Row("command-help", ONCE, lambda _: commands.to_click("help"), "ratio", 3),
    Row("command-plan", ONCE, lambda _: commands.to_click("plan"), "ratio", 6),
    Row("command-user-list", ONCE, lambda _: commands.to_click("user-list"), "ratio", 6),
    # A thousand takes minutes to fill, and is measured where --sizes asks for it.
    Row("sftp-list", SIZES[:-1], files.list_seconds, "s", 1.5),
    *(
        Row(name, ONCE, partial(_to_peer, name), "ratio", least, at_least=True)
        for name, least in (
            ("sftp-small-up", 0.55),
            ("sftp-small-down", 0.8),
            ("ftps-large-up-proftpd", 0.9),
            ("ftps-large-down-proftpd", 0.9),
            ("ftps-small-up-proftpd", 0.8),
            ("ftps-small-down-proftpd", 0.8),
        )
    ),
)
#: What takes longer than this program may: what is wanted, and what measures it.
ELSEWHERE = (
    ("signed-in request to bare Envoy", ">= 0.85", 'make bench-access ARGS="signed"'),
    ("answers of 10 MiB to bare Envoy", ">= 0.97", 'make bench-access ARGS="relay"'),
    ("locked request to Envoy that asks for certificates", ">= 0.85", "make bench-gateway"),
)


def exponent(costs: Sequence[tuple[int, float]]) -> float:
    """
    Return the slope of the logarithm of the cost over that of the size, by least squares.

    Infinite where one of *costs* is: what is refused at a size grows without bound.
    """
    if any(not math.isfinite(cost) for _, cost in costs):
        return math.inf
    found = [(math.log(size), math.log(cost)) for size, cost in costs if cost > 0]
    if len(found) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*found, strict=True)).slope


def measured(rows: Sequence[Row], sizes: Sequence[int] | None) -> Iterator[Metric]:
    """Yield each of *rows* at each of its sizes, or of *sizes*, and how it grows."""
    for row in rows:
        chosen = row.sizes if sizes is None or row.sizes == ONCE else sizes
        costs = []
        for size in sorted(chosen):
            one = row.metric(size)
            costs.append((size, one.value))
            yield one
        if row.grows and len(costs) > 1:
            yield Metric(f"{row.name}-exponent", exponent(costs[-2:]), "exponent")
            yield Metric(f"{row.name}-exponent-over-all", exponent(costs), "exponent")


def table(rows: Sequence[Row], found: Sequence[Metric]) -> Iterator[str]:
    """Yield the lines of a table of *found*: a row for each of *rows*, a column for each size."""
    metrics = {one.name: one for one in found}
    sizes = sorted({size for row in rows for size in row.sizes} | _sizes_in(rows, metrics))
    sizes = [size for size in sizes if any(f"{row.name}-{size}" in metrics for row in rows)]
    last = ("exponent", "over all", "wanted", "")
    yield _line(("row", "unit", *map(str, sizes), *last))
    for row in rows:
        here = [metrics.get(f"{row.name}-{size}") for size in sizes]
        more = [metrics.get(f"{row.name}-{name}") for name in ("exponent", "exponent-over-all")]
        judged = [one for one in here if one is not None and one.target is not None]
        wanted = f"{'>=' if row.at_least else '<='} {row.wanted:g}" if judged else "-"
        met = "" if not judged else "met" if all(one.is_met for one in judged) else "missed"
        cells = ["" if one is None else f"{one.value:.3g}" for one in (*here, *more)]
        yield _line((row.name, row.unit, *cells, wanted, met))


def _sizes_in(rows: Sequence[Row], metrics: dict[str, Metric]) -> set[int]:
    ends = {name.removeprefix(f"{row.name}-") for row in rows for name in metrics}
    return {int(end) for end in ends if end.isdecimal()}


def _line(cells: Sequence[str]) -> str:
    first, unit, *more = cells
    return f"{first:18} {unit:10}" + "".join(f"{cell:>9}" for cell in more)


def main() -> int:
    """Measure, print and write; the exit code tells nothing of the figures."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description="how costs grow")
    parser.add_argument("--rows", nargs="+", metavar="NAME", choices=names, help=", ".join(names))
    parser.add_argument(
        "--sizes", nargs="+", type=int, metavar="SIZE", help="instead of each row's"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write, if elsewhere")
    given = parser.parse_args()
    rows = [row for row in ROWS if given.rows is None or row.name in given.rows]
    found = report("growth", measured(rows, given.sizes), given.json)
    print()
    print(*table(rows, found), sep="\n")
    if given.rows is None:
        print(*(f"{what}, {wanted}: {where}" for what, wanted, where in ELSEWHERE), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

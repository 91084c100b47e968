"""
What access and inspection at the gateway cost, part by part, against bare Envoy.

Prints ``name value unit target met|missed`` for each, and writes the same to
``build/benchmarks/access.json``. Needs nginx, wrk and openssl.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.access import entering, load, relay, signed  # noqa: E402  # found only once ROOT is on the path
from benchmarks.metric import Metric, report  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


PARTS: dict[str, Callable[[Path, argparse.Namespace], Iterator[Metric]]] = {
    "entering": lambda folder, given: entering.measure(folder, given.rounds, given.seconds),
    "signed": lambda folder, given: signed.measure(folder, given.rounds, given.seconds),
    "relay": lambda folder, given: relay.measure(folder, given.rounds, given.seconds),
    "load": lambda folder, given: load.measure(folder, given.minutes),
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="measure access and inspection")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of load, while memory is watched"
    )
    arguments = parser.parse_args()
    report("access", _measured(arguments.parts, arguments))


def _measured(parts: Sequence[str], given: argparse.Namespace) -> Iterator[Metric]:
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="sealgate-bench-", dir=_memory(part)) as folder:
            yield from PARTS[part](Path(folder), given)


def _memory(part: str) -> str | None:
    # What nginx serves should not come from a disk; what is kept for minutes should lie on one.
    if part == "load":
        return None
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a fresh folder in it


if __name__ == "__main__":
    main()

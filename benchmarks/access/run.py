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

from benchmarks.access import entering, relay, signed  # noqa: E402  # found only once ROOT is on the path
from benchmarks.metric import Metric, report  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


PARTS: dict[str, Callable[[Path, int, int], Iterator[Metric]]] = {
    "entering": entering.measure,
    "signed": signed.measure,
    "relay": relay.measure,
}


def main() -> None:
    """
    Measure, print and write.
    """
    parser = argparse.ArgumentParser(description="measure access and inspection")
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round")
    arguments = parser.parse_args()
    report("access", _measured(arguments.parts, rounds=arguments.rounds, seconds=arguments.seconds))


def _measured(parts: Sequence[str], *, rounds: int, seconds: int) -> Iterator[Metric]:
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="sealgate-bench-", dir=_memory()) as folder:
            yield from PARTS[part](Path(folder), rounds, seconds)


def _memory() -> str | None:
    # What nginx serves should not come from a disk.
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a fresh folder in it


if __name__ == "__main__":
    main()

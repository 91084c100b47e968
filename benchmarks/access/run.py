"""
What access and inspection at the gateway cost, part by part, against bare Envoy.

Every part yields ``name value unit least``; a line is printed for each, with its verdict,
and all are written to ``build/benchmarks/access.json``. Needs nginx, wrk and openssl.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.access import relay, signed  # noqa: E402  # found only once ROOT is on the path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OUTPUT = ROOT / "build" / "benchmarks" / "access.json"

Metric = tuple[str, float, str, float | None]
"""Name, value, unit, and the least that is wanted."""

PARTS: dict[str, Callable[[Path, int, int], Iterator[Metric]]] = {
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
    rows = []
    for part in arguments.parts:
        with tempfile.TemporaryDirectory(prefix="sealgate-bench-", dir=_memory()) as folder:
            for name, value, unit, least in PARTS[part](
                Path(folder), arguments.rounds, arguments.seconds
            ):
                met = least is None or value >= least
                wanted = "-" if least is None else f"{least:g}"
                print(name, f"{value:.3f}", unit, wanted, "met" if met else "missed", flush=True)
                rows.append(
                    {
                        "metric": name,
                        "value": round(value, 4),
                        "unit": unit,
                        "target": least,
                        "met": met,
                    }
                )
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(rows, indent=1) + "\n")


def _memory() -> str | None:
    # What nginx serves should not come from a disk.
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a fresh folder in it


if __name__ == "__main__":
    main()

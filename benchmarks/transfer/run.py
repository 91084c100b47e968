"""
How fast files travel: sealed SFTP against OpenSSH, sealed FTPS against ProFTPD and vsftpd.

Everything of this folder, one part after the other; each part tells how it measures. Prints
``name value target met|missed`` and writes the same to ``build/benchmarks/transfer.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.transfer import ftps, sftp  # noqa: E402  # found only once ROOT is on the path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

OUTPUT = ROOT / "build" / "benchmarks" / "transfer.json"
_MIB = 1 << 20


class Measured(Protocol):
    """What both parts return."""

    @property
    def name(self) -> str:
        """Return what was measured."""

    @property
    def value(self) -> float:
        """Return the ratio to the peer."""

    @property
    def ours(self) -> float:
        """Return our own median."""

    @property
    def theirs(self) -> float:
        """Return the peer's."""

    @property
    def unit(self) -> str:
        """Return the unit of both."""

    @property
    def target(self) -> float:
        """Return the least ratio that is wanted."""

    @property
    def is_met(self) -> bool:
        """Return whether it is reached."""


def main() -> int:
    """Measure, print and write; the exit code tells nothing of the figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--large-mib", type=int, default=512)
    options.add_argument("--at-once-mib", type=int, default=100)
    options.add_argument("--only", choices=["sftp", "ftps"])
    chosen = options.parse_args()
    parts: dict[str, Callable[[], Sequence[Measured]]] = {
        "sftp": lambda: sftp.measure(
            large_bytes=chosen.large_mib * _MIB,
            rounds=chosen.rounds,
            at_once_bytes=chosen.at_once_mib * _MIB,
        ),
        "ftps": lambda: ftps.measure(large_bytes=chosen.large_mib * _MIB, rounds=chosen.rounds),
    }
    written = {}
    for part, measure in parts.items():
        if chosen.only not in {None, part}:
            continue
        for one in measure():
            verdict = "met" if one.is_met else "missed"
            print(
                f"{one.name:32} {one.value:7.2f}  target {one.target:4}  {verdict:6} "
                f"({one.ours:.2f} to {one.theirs:.2f} {one.unit})"
            )
            written[one.name] = {
                "value": one.value,
                "ours": one.ours,
                "theirs": one.theirs,
                "unit": one.unit,
                "target": one.target,
                "met": one.is_met,
            }
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(written, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

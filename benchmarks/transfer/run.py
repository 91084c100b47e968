"""
How fast files travel: sealed SFTP against OpenSSH, sealed FTPS against ProFTPD and vsftpd.

Everything of this folder, one part after the other; each part tells how it measures. Prints
``name value unit target met|missed`` and writes the same to ``build/benchmarks/transfer.json``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.metric import Metric, report  # noqa: E402  # found only once ROOT is on the path
from benchmarks.transfer import ftps, sftp  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_MIB = 1 << 20


def main() -> int:
    """Measure, print and write; the exit code tells nothing of the figures."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--large-mib", type=int, default=512)
    options.add_argument("--at-once-mib", type=int, default=100)
    options.add_argument("--only", choices=["sftp", "ftps"])
    chosen = options.parse_args()
    parts: dict[str, Callable[[], Sequence[sftp.Ratio | ftps.Ratio]]] = {
        "sftp": lambda: sftp.measure(
            large_bytes=chosen.large_mib * _MIB,
            rounds=chosen.rounds,
            at_once_bytes=chosen.at_once_mib * _MIB,
        ),
        "ftps": lambda: ftps.measure(large_bytes=chosen.large_mib * _MIB, rounds=chosen.rounds),
    }
    wanted = [measure for part, measure in parts.items() if chosen.only in {None, part}]
    report("transfer", (metric for measure in wanted for one in measure() for metric in told(one)))
    return 0


def told(one: sftp.Ratio | ftps.Ratio) -> Iterator[Metric]:
    """Yield the ratio to the peer, and the medians of both that it was made of."""
    yield Metric(one.name, one.value, "ratio", one.target)
    yield Metric(f"{one.name}-ours", one.ours, one.unit)
    yield Metric(f"{one.name}-theirs", one.theirs, one.unit)


if __name__ == "__main__":
    sys.exit(main())

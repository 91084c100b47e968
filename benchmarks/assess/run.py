"""
How fast data is found, with presidio-analyzer on the same file beside it, and in how much memory.

One process on one core, processor time, best of three. Text is measured in the engine,
tables in a whole assessment: reading, finding, judging columns, and starting the engine.
The peer reads a slice of the same file, as it would take hours for the whole. Memory is
the peak of ``sealgate assess`` on a file of 2 GiB whose first half is one line.

Prints ``name value unit target met|missed`` and writes the same to
``build/benchmarks/assess.json``. Makes ``build/bench-venv`` for the peer by itself.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.assess import corpus, tables  # noqa: E402 - found only once ROOT is on the path
from benchmarks.metric import Metric, report  # noqa: E402 - as above
from benchmarks.peers import peer_program  # noqa: E402 - as above
from sealgate.app.assess import assess  # noqa: E402 - as above
from sealgate.detect.scanner import Scanner  # noqa: E402 - as above

MIB = 1 << 20
TEXT_SIZE = 32 * MIB
CHUNK = MIB
TABLE_SIZE = 32 * MIB
TABLE_ROWS = 150_000
BIG_SIZE = 2048 * MIB
ROUNDS = 3


def scan(scanner: Scanner, data: bytes) -> tuple[float, collections.Counter[str]]:
    """Return the processor seconds for *data* in chunks, and the matches by kind."""
    kinds: collections.Counter[str] = collections.Counter()
    began = time.process_time()
    stream = scanner.stream()
    for at in range(0, len(data), CHUNK):
        kinds.update(m.kind.value for m in stream.feed(data[at : at + CHUNK]))
    kinds.update(m.kind.value for m in stream.close())
    spent = time.process_time() - began
    assert stream.unconfirmed == 0
    return spent, kinds


def engine(name: str, target: float, scanner: Scanner) -> list[Metric]:
    """Measure the engine on the text called *name*."""
    data = corpus.text(name, TEXT_SIZE)
    runs = [scan(scanner, data) for _ in range(ROUNDS)]
    kinds = runs[0][1]
    note(f"{name}: {dict(kinds.most_common())}")
    return [
        Metric(f"assess-{name}", len(data) / 1e6 / min(r[0] for r in runs), "MB/s", target),
        Metric(f"assess-{name}-density", sum(kinds.values()) / (len(data) / 1024), "values/KiB"),
    ]


def table(path: Path) -> tuple[float, int]:
    """Return the processor seconds for assessing the table at *path*, and its rows."""
    spent = []
    for _ in range(ROUNDS):
        began = time.process_time()
        run = assess([str(path)], inventory=None, register=None, now=0.0)
        spent.append(time.process_time() - began)
    (first, *_) = run.assessments
    note(f"{path.name}: { ({k.kind.value: k.count for k in first.kinds}) }")
    return min(spent), first.rows or 0


def dense_tables() -> list[Metric]:
    """Measure an assessment of customers in each format, and of numbers."""
    metrics = []
    with tempfile.TemporaryDirectory() as folder:
        for name, ending, write, target in (
            ("csv", ".csv", tables.customers_csv, 25),
            ("jsonl", ".jsonl", tables.customers_jsonl, 22),
            ("numbers", ".csv", tables.measurements_csv, 28),
        ):
            path = Path(folder) / f"{name}{ending}"
            write(path, TABLE_SIZE)
            spent, rows = table(path)
            size = path.stat().st_size / 1e6
            metrics.append(Metric(f"assess-table-{name}", size / spent, "MB/s", target))
            metrics.append(Metric(f"assess-table-{name}-rows", rows / spent, "rows/s"))
            path.unlink()
        path = Path(folder) / "sqlite"
        tables.customers_sqlite(path, TABLE_ROWS)
        spent, rows = table(path)
        metrics.append(Metric("assess-table-sqlite", rows / spent, "rows/s", 80_000))
    return metrics


def peer(seconds: float) -> list[Metric]:
    """Measure presidio-analyzer on a slice of the mixed text, and the engine on the same slice."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.txt"
        path.write_bytes(corpus.text("mixed", 4 * MIB))
        command = [
            peer_program("python"),
            str(Path(__file__).with_name("peer.py")),
            str(path),
            str(seconds),
        ]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        result = json.loads(done.stdout)
        data = path.read_bytes()[: result["bytes"]]
    scanner = Scanner()
    spent, kinds = min((scan(scanner, data) for _ in range(ROUNDS)), key=lambda r: r[0])
    ours, theirs = len(data) / 1e6 / spent, result["bytes"] / 1e6 / result["seconds"]
    note(f"presidio, {len(data)} bytes of mixed: {result['kinds']}")
    note(f"sealgate, the same bytes: {dict(kinds.most_common())}")
    return [
        Metric("presidio-mixed-slice", theirs, "MB/s"),
        Metric("assess-mixed-slice", ours, "MB/s"),
        Metric("assess-over-presidio", ours / theirs, "ratio"),
    ]


def memory(size: int) -> list[Metric]:
    """Measure the peak memory of ``sealgate assess`` on a file of *size* bytes."""
    with tempfile.TemporaryDirectory() as folder:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        if free < size + 512 * MIB:
            msg = f"benchmark: {free // MIB} MiB free in {folder}, {size // MIB + 512} MiB needed"
            raise SystemExit(msg)
        path = Path(folder) / "big.txt"
        lines, rare = corpus.text("quiet", 16 * MIB), corpus.text("mixed", MIB)
        one_line = lines.replace(b"\n", b" ")
        with path.open("wb") as file:
            while file.tell() < size:
                file.write(one_line if file.tell() < size // 2 else lines)
                file.write(rare if file.tell() > size // 2 else rare.replace(b"\n", b" "))
        began = time.monotonic()
        command = [
            str(Path(sys.executable).with_name("sealgate")),
            "assess",
            str(path),
            "--format",
            "json",
        ]
        child = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        errors = child.stderr.read() if child.stderr else b""
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - began
        code = os.waitstatus_to_exitcode(status)
        if code not in {0, 10}:
            msg = f"benchmark: sealgate assess ended with {code}: {errors.decode(errors='replace')}"
            raise SystemExit(msg)
        written = path.stat().st_size
    return [
        Metric("assess-2gib-memory", usage.ru_maxrss / 1024, "MiB", 200, at_most=True),
        Metric("assess-2gib-throughput", written / 1e6 / wall, "MB/s"),
    ]


def note(text: str) -> None:
    """Tell the reader something that is no metric."""
    print(text, file=sys.stderr)


def main() -> int:
    """Run the parts, print and write the metrics."""
    parser = argparse.ArgumentParser(description="How fast data is found.")
    parser.add_argument("--peer-seconds", type=float, default=20.0)
    parser.add_argument("--skip-peer", action="store_true", help="leave presidio out")
    parser.add_argument("--skip-memory", action="store_true", help="leave the 2 GiB file out")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})

    began = time.process_time()
    scanner = Scanner()
    metrics = [Metric("assess-engine-start", (time.process_time() - began) * 1000, "ms")]
    metrics += engine("quiet", 100, scanner)
    metrics += engine("mixed", 25, scanner)
    metrics += dense_tables()
    if not options.skip_peer:
        metrics += peer(options.peer_seconds)
    if not options.skip_memory:
        metrics += memory(BIG_SIZE)

    report("assess", metrics)
    return 0


if __name__ == "__main__":
    sys.exit(main())

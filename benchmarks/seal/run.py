"""
How fast files are sealed and opened, beside the ``age`` program, pyrage and the bare cipher.

Every round runs each engine in turn on the same file of 1 GiB in memory (tmpfs); a ratio
is the median over the rounds. Files are written anew each time, so everybody pays for
fresh pages. "Stream" writes to /dev/null instead: what a reader of the pipe waits for. The clock and the processor are both
told: one says how long somebody waits, the other what it costs.

Prints ``name value unit target met|missed`` and writes the same to
``build/benchmarks/seal.json``. Needs age.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.metric import Metric, report  # noqa: E402  # found only once ROOT is on the path

WORKER = Path(__file__).with_name("worker.py")
SEALGATE = str(Path(sys.executable).with_name("sealgate"))
MEMORY = "/dev/shm"  # noqa: S108  # a file system in memory, not a place for secrets
MIB = 1 << 20
# Memory engines need the file twice, in and out, and the sealed one.
ROOM = 4


@dataclass(frozen=True)
class Spent:
    """What one run took: seconds by the clock, of all processors, and MiB at most."""

    wall: float
    cpu: float
    memory: float = 0.0


def run(*command: str, stdout: int = subprocess.DEVNULL) -> Spent:
    """Run *command* to its end."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE)
    errors = child.stderr.read() if child.stderr else b""
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    if child.stderr:
        child.stderr.close()
    if status != 0:
        msg = f"benchmark: {command[0]} failed: {errors.decode(errors='replace')}"
        raise SystemExit(msg)
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def timed(*arguments: str) -> Spent:
    """Run the worker that times itself."""
    command = [sys.executable, str(WORKER), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    return Spent(told["wall"], told["cpu"])


def one_round(folder: Path, recipient: str, size: int) -> dict[str, Spent]:
    """Run every engine once."""
    key, plain, sealed, out = (str(folder / n) for n in ("key", "plain", "sealed", "out"))
    pyrage = (sys.executable, str(WORKER.with_name("peer.py")))
    spent: dict[str, Spent] = {}

    def fresh(name: str, *command: str, to: str = out) -> None:
        Path(to).unlink(missing_ok=True)
        spent[name] = run(*command)

    fresh("seal", SEALGATE, "seal", "-r", recipient, "-o", sealed, plain, to=sealed)
    fresh("age-seal", "age", "-r", recipient, "-o", out, plain)
    fresh("pyrage-seal", *pyrage, "seal", recipient, plain, out)
    fresh("open", SEALGATE, "open", "-i", key, "-o", out, sealed)
    fresh("age-open", "age", "-d", "-i", key, "-o", out, sealed)
    fresh("pyrage-open", *pyrage, "open", key, sealed, out)
    Path(out).unlink()
    spent["stream-seal"] = run(SEALGATE, "seal", "-r", recipient, "-o", "-", plain)
    spent["age-stream-seal"] = run("age", "-r", recipient, "-o", "-", plain)
    spent["stream-open"] = run(SEALGATE, "open", "-i", key, "-o", "-", sealed)
    spent["age-stream-open"] = run("age", "-d", "-i", key, "-o", "-", sealed)
    spent["pyrage-stream-seal"] = run(*pyrage, "seal", recipient, plain, "-")
    spent["pyrage-stream-open"] = run(*pyrage, "open", key, sealed, "-")
    for name in ("bare", "engine-seal", "engine-open"):
        spent[name] = timed(name, str(size))
    spent["random"] = timed("random", sealed, key)
    Path(sealed).unlink()
    return spent


def summarise(rounds: list[dict[str, Spent]], size: int, reads: int) -> list[Metric]:
    """Return the metrics of all *rounds*."""

    def ratio(theirs: str, ours: str, what: str) -> float:
        of = operator.attrgetter(what)
        return statistics.median([float(of(r[theirs])) / float(of(r[ours])) for r in rounds])

    def best(name: str) -> float:
        return min(r[name].wall for r in rounds)

    megabytes = size / 1e6
    metrics = [
        Metric(f"{name}-rate", megabytes / best(name), "MB/s")
        for name in rounds[0]
        if name != "random"
    ]
    for verb in ("seal", "open"):
        for peer in ("age", "pyrage"):
            theirs = f"{peer}-{verb}"
            metrics.append(Metric(f"{verb}-over-{peer}", ratio(theirs, verb, "wall"), "ratio", 2.5))
            metrics.append(Metric(f"{verb}-over-{peer}-cpu", ratio(theirs, verb, "cpu"), "ratio"))
            ours, theirs = f"stream-{verb}", f"{peer}-stream-{verb}"
            metrics.append(Metric(f"{ours}-over-{peer}", ratio(theirs, ours, "wall"), "ratio"))
            metrics.append(Metric(f"{ours}-over-{peer}-cpu", ratio(theirs, ours, "cpu"), "ratio"))
        ours = f"stream-{verb}"
        engine = ratio("bare", f"engine-{verb}", "cpu")
        metrics.append(Metric(f"engine-{verb}-over-bare", engine, "ratio", 0.7))
        metrics.append(Metric(f"{verb}-over-bare", ratio("bare", verb, "wall"), "ratio"))
        memory = max(r[verb].memory for r in rounds)
        metrics.append(Metric(f"{verb}-memory", memory, "MiB", 64, at_most=True))
        metrics.append(
            Metric(f"{ours}-memory", max(r[ours].memory for r in rounds), "MiB", 64, at_most=True)
        )
    metrics.append(
        Metric("random-4k", reads / min(r["random"].wall for r in rounds), "reads/s", 20_000)
    )
    metrics.append(Metric("random-4k-cpu", reads / min(r["random"].cpu for r in rounds), "reads/s"))
    return metrics


def note(text: str) -> None:
    """Tell the reader something that is no metric."""
    print(text, file=sys.stderr)


def main() -> int:
    """Run the rounds, print and write the metrics."""
    parser = argparse.ArgumentParser(description="How fast files are sealed and opened.")
    parser.add_argument("--mib", type=int, default=1024, help="the size of the file")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = options.mib * MIB
    memory = MEMORY if Path(MEMORY).is_dir() else None
    rounds: list[dict[str, Spent]] = []
    with tempfile.TemporaryDirectory(dir=memory) as name:
        folder = Path(name)
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        if free < ROOM * size:
            msg = f"benchmark: {free // MIB} MiB free in {folder}, {ROOM * size // MIB} needed"
            raise SystemExit(msg)
        with (folder / "plain").open("wb") as file:
            for _ in range(options.mib):
                file.write(os.urandom(MIB))
        subprocess.run(["age-keygen", "-o", str(folder / "key")], check=True, capture_output=True)
        (recipient,) = [
            line.rpartition(" ")[2]
            for line in (folder / "key").read_text().splitlines()
            if line.startswith("# public key: ")
        ]
        for number in range(options.rounds):
            rounds.append(one_round(folder, recipient, size))
            spent = ", ".join(f"{n} {s.wall:.2f}/{s.cpu:.2f}" for n, s in rounds[-1].items())
            note(f"round {number + 1}, seconds by the clock/of the processor: {spent}")

    report("seal", summarise(rounds, size, reads=20_000))
    return 0


if __name__ == "__main__":
    sys.exit(main())

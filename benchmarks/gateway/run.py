"""
How fast the gateway is, against Envoy with a minimal configuration and against Caddy.

Every round asks each engine in turn, so that a busy machine troubles all alike; a
ratio is the median over the rounds of two neighbours' figures. The gateway has one
core, the load and the site behind it the other. CPU per request is the figure to
trust: rates also tell what else the machine did.

Prints ``name value unit target met|missed`` and writes the same to
``build/benchmarks/gateway.json``. Needs nginx, wrk, ab and openssl.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.gateway.engines import (  # noqa: E402  # found only once ROOT is on the path
    LOAD_CORE,
    NAME,
    Engine,
    make_keys,
    start_bare,
    start_caddy,
    start_sealgate,
    start_site,
)
from benchmarks.gateway.service import measure_service  # noqa: E402  # as above
from benchmarks.metric import Metric, report  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONNECTIONS = 16
_USUAL_PORT = ("-H", f"Host: {NAME}")  # as on 443: names with a port take another look
LOCKED_REQUESTS_PER_SECOND = 8000


@dataclass(frozen=True)
class Figure:
    """
    What one engine did under one load: rate, and processor time per unit.
    """

    rate: float
    cpu_us: float


def _run(*command: str) -> str:
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command], capture_output=True, text=True, check=True
    )
    return done.stdout


def _measured(engine: Engine, load: Callable[[], int], seconds: float) -> Figure:
    before = engine.cpu_seconds()
    count = load()
    return Figure(count / seconds, (engine.cpu_seconds() - before) / count * 1e6)


def public(engine: Engine, seconds: int) -> Figure:
    """
    Ask for 1 KiB over connections that are kept.
    """

    def load() -> int:
        url = f"https://{NAME}:{engine.port}/index.html"
        text = _run("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *_USUAL_PORT, url)
        assert "Non-2xx" not in text, text
        return _number(r"(\d+) requests in", text)

    return _measured(engine, load, seconds)


def locked(engine: Engine, seconds: int, certificate: Path) -> Figure:
    """
    Ask for 1 KiB behind a client certificate, over connections that are kept.

    With ab, because wrk shows no certificate; so the minimal Envoy is asked with ab too.
    """
    took: list[float] = []

    def load() -> int:
        count = str(seconds * LOCKED_REQUESTS_PER_SECOND)
        url = f"https://{NAME}:{engine.port}/typo3/index"
        text = _run(
            *("ab", "-q", "-k", "-c", str(CONNECTIONS), "-n", count, "-E", str(certificate)),
            *(*_USUAL_PORT, url),
        )
        assert "Non-2xx" not in text, text
        assert _number(r"Failed requests:\s+(\d+)", text) == 0, text
        took.append(float(re.findall(r"taken for tests:\s+([\d.]+)", text)[0]))
        return _number(r"Complete requests:\s+(\d+)", text)

    figure = _measured(engine, load, 1)
    return Figure(figure.rate / took[0], figure.cpu_us)


def handshake(engine: Engine, seconds: int) -> Figure:
    """
    Make new connections without resumption, X25519MLKEM768 and TLS 1.3.
    """

    def load() -> int:
        text = _run(
            *("openssl", "s_time", "-new", "-tls1_3", "-time", str(seconds)),
            *("-connect", f"127.0.0.1:{engine.port}"),
        )
        return _number(r"(\d+) connections in \d+ real seconds", text)

    return _measured(engine, load, seconds)


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    assert found, text
    return int(found[0])


def _ratio(one: Sequence[Figure], other: Sequence[Figure], *, by_rate: bool) -> float:
    if by_rate:
        pairs = [a.rate / b.rate for a, b in zip(one, other, strict=True)]
    else:
        pairs = [b.cpu_us / a.cpu_us for a, b in zip(one, other, strict=True)]
    return statistics.median(pairs)


def _measure(folder: Path, rounds: int, seconds: int) -> list[Metric]:
    fingerprint = make_keys(folder)
    with contextlib.ExitStack() as stack:

        def running(engine: Engine) -> Engine:
            stack.callback(_end, engine)
            return engine

        site = running(start_site(folder))
        bare = running(start_bare(folder, site))
        sealgate = running(start_sealgate(folder, site, fingerprint))
        caddy = running(start_caddy(folder, site))
        asking = running(start_bare(folder, site, asks=True))
        figures: dict[str, list[Figure]] = {}

        def note(name: str, figure: Figure) -> None:
            figures.setdefault(name, []).append(figure)

        pair = folder / "client-pair.pem"
        for number in range(rounds + 1):
            for engine in (bare, sealgate, caddy):
                note(f"public {engine.name}", public(engine, seconds))
            for engine in (bare, sealgate):
                note(f"locked {engine.name}", locked(engine, seconds, pair))
            for engine in (bare, sealgate, asking):
                note(f"handshake {engine.name}", handshake(engine, seconds))
            if number == 0:
                figures.clear()  # the first round warms up
        memory = sealgate.resident_mib()
        service = measure_service(folder, site)
    return [
        *_ratios(figures),
        Metric("serve-ready", service.ready_seconds, "s", 3.0, at_most=True),
        Metric("serve-idle-memory", service.idle_mib, "MiB", 150.0, at_most=True),
        *_absolute(figures),
        Metric("envoy-rss", memory, "MiB"),
    ]


def _end(engine: Engine) -> None:
    engine.process.terminate()
    try:
        engine.process.wait(5)
    except subprocess.TimeoutExpired:
        engine.process.kill()
        engine.process.wait()


def _ratios(figures: dict[str, list[Figure]]) -> list[Metric]:
    compared = (
        ("public-to-bare", "public sealgate", "public bare", 0.97),
        ("locked-to-bare", "locked sealgate", "locked bare", 0.88),
        ("public-to-caddy", "public sealgate", "public caddy", 1.3),
        ("handshake-to-bare", "handshake sealgate", "handshake bare", 1.0),
        # No target: what is left of the ratio above when both ask for a certificate.
        ("handshake-to-asking", "handshake sealgate", "handshake asking", None),
    )
    metrics = []
    for name, one, other, target in compared:
        for by_rate in (False, True):
            value = _ratio(figures[one], figures[other], by_rate=by_rate)
            by = "rate" if by_rate else "cpu"
            metrics.append(Metric(f"{name}-{by}", value, "ratio", target))
    return metrics


def _absolute(figures: dict[str, list[Figure]]) -> list[Metric]:
    metrics = []
    for name, found in figures.items():
        slug = name.replace(" ", "-")
        metrics.append(Metric(f"{slug}-cpu", statistics.median(f.cpu_us for f in found), "us"))
        metrics.append(Metric(f"{slug}-rate", statistics.median(f.rate for f in found), "1/s"))
    return metrics


def main() -> None:
    """
    Measure, print and write.
    """
    parser = argparse.ArgumentParser(description="compare gateways")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2, help="of each load in each round")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sealgate-bench-") as folder:
        metrics = _measure(Path(folder), arguments.rounds, arguments.seconds)
    report("gateway", metrics)


if __name__ == "__main__":
    main()

"""
How fast the gateway is, against Envoy with a minimal configuration and against Caddy.

Every round asks each engine for half a second, in turn, so that a busy machine troubles
all alike (:mod:`benchmarks.rounds`). The gateway has one core, the load and the site
behind it the other. CPU per request is the figure to trust: rates also tell what else the
machine did.

Prints ``name value unit target met|missed low..high`` and writes the same to
``build/benchmarks/gateway.json``. Needs nginx, wrk, ab and openssl.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.gateway.engines import (  # noqa: E402  # found only once ROOT is on the path
    LOAD_CORE,
    NAME,
    Engine,
    bound_samples,
    make_keys,
    start_bare,
    start_caddy,
    start_sealgate,
    start_site,
)
from benchmarks.gateway.service import measure_service  # noqa: E402  # as above
from benchmarks.metric import Metric, report  # noqa: E402  # as above
from benchmarks.rounds import (  # noqa: E402  # as above
    SLICE_SECONDS,
    Figure,
    absolute,
    in_turn,
    measured,
    ratios,
    wrk,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS = 16
_USUAL_PORT = ("-H", f"Host: {NAME}")  # as on 443: names with a port take another look
LOCKED_REQUESTS_PER_SECOND = 8000
HANDSHAKE_SECONDS = 1  # openssl s_time knows whole ones


def _run(*command: str) -> str:
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, *command], capture_output=True, text=True, check=True
    )
    return done.stdout


def public(engine: Engine, seconds: float) -> Figure:
    """Ask for 1 KiB over connections that are kept."""
    url = f"https://{NAME}:{engine.port}/index.html"
    return measured([engine], lambda: wrk(seconds, f"-c{CONNECTIONS}", *_USUAL_PORT, url))


def locked(engine: Engine, seconds: float, certificate: Path) -> Figure:
    """
    Ask for 1 KiB behind a client certificate, over connections that are kept.

    With ab, because wrk shows no certificate; so the minimal Envoy is asked with ab too.
    """

    def load() -> tuple[int, float]:
        count = str(round(seconds * LOCKED_REQUESTS_PER_SECOND))
        url = f"https://{NAME}:{engine.port}/typo3/index"
        text = _run(
            *("ab", "-q", "-k", "-c", str(CONNECTIONS), "-n", count, "-E", str(certificate)),
            *(*_USUAL_PORT, url),
        )
        assert "Non-2xx" not in text, text
        assert _number(r"Failed requests:\s+(\d+)", text) == 0, text
        took = float(re.findall(r"taken for tests:\s+([\d.]+)", text)[0])
        return _number(r"Complete requests:\s+(\d+)", text), took

    return measured([engine], load)


def handshake(engine: Engine) -> Figure:
    """Make new connections for a second without resumption, X25519MLKEM768 and TLS 1.3."""

    def load() -> tuple[int, float]:
        text = _run(
            *("openssl", "s_time", "-new", "-tls1_3", "-time", str(HANDSHAKE_SECONDS)),
            *("-connect", f"127.0.0.1:{engine.port}"),
        )
        return _number(r"(\d+) connections in \d+ real seconds", text), HANDSHAKE_SECONDS

    return measured([engine], load)


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    assert found, text
    return int(found[0])


def _measure(folder: Path, rounds: int, seconds: float) -> list[Metric]:
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
        pair = folder / "client-pair.pem"
        kept: dict[str, Callable[[], Figure]] = {
            **{f"public {e.name}": partial(public, e, seconds) for e in (bare, sealgate, caddy)},
            **{f"locked {e.name}": partial(locked, e, seconds, pair) for e in (bare, sealgate)},
        }
        new: dict[str, Callable[[], Figure]] = {
            f"handshake {e.name}": partial(handshake, e) for e in (bare, sealgate, asking)
        }
        warm = {name: load() for name, load in (*kept.items(), *new.items())}
        bound_samples(folder, warm["public sealgate"].rate)
        figures: dict[str, list[Figure]] = {name: [] for name in (*kept, *new)}
        for number in range(rounds):
            for name in in_turn(list(kept), number):
                figures[name].append(kept[name]())
            # Each takes a whole second, so they are asked every other time: once in either order.
            if number % 2 == 0:
                for name in in_turn(list(new), number // 2):
                    figures[name].append(new[name]())
        memory = sealgate.resident_mib()
        service = measure_service(folder, site)
    return [
        *_ratios(figures),
        Metric("serve-ready", service.ready_seconds, "s", 3.0, at_most=True),
        Metric("serve-idle-memory", service.idle_mib, "MiB", 150.0, at_most=True),
        *absolute(figures),
        Metric("envoy-rss", memory, "MiB"),
    ]


def _end(engine: Engine) -> None:
    if engine.relay is not None:
        engine.relay.kill()
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
    return [
        metric
        for name, one, other, target in compared
        for metric in ratios(name, figures[one], figures[other], target)
    ]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description="compare gateways")
    parser.add_argument("--rounds", type=int, default=28)
    parser.add_argument("--seconds", type=float, default=SLICE_SECONDS, help="of each slice")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sealgate-bench-") as folder:
        metrics = _measure(Path(folder), arguments.rounds, arguments.seconds)
    report("gateway", metrics)


if __name__ == "__main__":
    main()

"""
What inspection costs: Envoy alone, with an enforcing relay behind it, and with ext_proc.

Envoy and who reads share one core; nginx and the load have the other. Every round asks all
in turn, and a ratio is the median over the rounds of two neighbours' figures. ext_proc has
the same detector in the same language (see ``ext_proc.py``), but neither masks nor blocks.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sealgate
from benchmarks.assess import corpus
from benchmarks.gateway.engines import (
    LOAD_CORE,
    NAME,
    SERVER_CORE,
    Engine,
    cpu_seconds,
    free_port,
    make_keys,
    start_bare,
)
from benchmarks.metric import Metric
from benchmarks.peers import peer_program
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.inspection.model import Policy, RelayUpstream, above
from sealgate.policy.classification import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECTIONS = 16
START_SECONDS = 10.0
_KIB = 1024
# What each engine did in one round.
Round = dict[str, "Result"]


@dataclass(frozen=True)
class Workload:
    """One kind of answer: its *path*, and its size in bytes as it is read."""

    name: str
    path: str
    plain_bytes: int


@dataclass(frozen=True)
class Result:
    """What one engine did: answers, and processor time of Envoy and relay, per second."""

    rate: float
    refused: int
    cpu_us: float


def page(size: int) -> bytes:
    """Return a page of *size* bytes: markup around prose, and nothing that is looked for."""
    rng = random.Random(7)  # noqa: S311  # the same page each time
    parts, have = [b"<!doctype html><html><body>"], 0
    while have < size:
        part = f'<div class="row"><p id="p{have}">{corpus.sentence(rng)}</p></div>\n'.encode()
        parts.append(part)
        have += len(part)
    return b"".join(parts)[:size]


def dense(size: int) -> bytes:
    """Return *size* bytes of cells with 16 digits, of which one in ten passes for a card."""
    rng = random.Random(7)  # noqa: S311  # the same each time
    cells = (b"<i>%d</i>" % (4 * 10**15 + rng.randrange(10**15)) for _ in range(size // 23))
    return b"\n".join(cells)[:size]


def write_pages(folder: Path) -> tuple[Workload, ...]:
    """Write what nginx serves."""
    folder.mkdir()
    clean = page(100 * _KIB)
    bodies = {
        "1k": clean[:_KIB],
        "100k": clean,
        "10m": page(10 * _KIB * _KIB),
        "gzip": gzip.compress(clean, 6),
        "dense": dense(100 * _KIB),
    }
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    sizes = {name: len(body) for name, body in bodies.items()} | {"gzip": len(clean)}
    return tuple(Workload(name, f"/{name}", size) for name, size in sizes.items())


def start_site(folder: Path) -> Engine:
    """Start nginx over the pages in *folder*, on the load's core."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
worker_processes 1; daemon off; master_process off;
error_log {folder}/nginx.err; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2;
  fastcgi_temp_path {folder}/n3; uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  sendfile on; open_file_cache max=100;
  server {{ listen 127.0.0.1:{port}; root {folder}/pages; default_type text/html;
    location ~ /gzip$ {{ add_header Content-Encoding gzip; }} }}
}}
"""
    )
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen(["taskset", "-c", LOAD_CORE, nginx, "-c", f"{folder}/nginx.conf"])
    return Engine("nginx", _awaited(port, process), process)


def _awaited(port: int, process: subprocess.Popen[bytes]) -> int:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return port
        time.sleep(0.02)
    process.kill()
    raise SystemExit("an engine did not start")


@dataclass
class Inspected:
    """Envoy, and the process that reads for it."""

    envoy: Engine
    reader: RelayProcess | subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        """Return where Envoy listens."""
        return self.envoy.port

    def cpu_seconds(self) -> float:
        """Return the processor time of both so far."""
        return self.envoy.cpu_seconds() + cpu_seconds(self.reader.pid)

    def end(self) -> None:
        """End both."""
        self.envoy.process.terminate()
        self.envoy.process.wait(5)
        self.reader.kill()


def start_inspected(folder: Path, site: Engine, *, scans: bool = True) -> Inspected:
    """
    Start a relay that enforces the class "public", and the minimal Envoy before it.

    One that does not scan tells what the second hop alone costs.
    """
    kinds = above(DEFAULT_MODEL.weakest, DEFAULT_MODEL) if scans else frozenset()
    path = folder / f"relay-{int(scans)}.sock"
    policy = Policy("route localhost/", True, RelayUpstream("127.0.0.1", site.port), kinds, kinds)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(256)
        relay = RelayProcess(RelayPlan((policy,), (listener.fileno(),)), lambda _seen: None)
        relay.await_ready()
    subprocess.run(
        ["taskset", "-apc", SERVER_CORE, str(relay.pid)], check=True, capture_output=True
    )
    config: Any = json.loads((folder / "bare.json").read_text())
    port = free_port()
    static = config["static_resources"]
    static["listeners"][0]["address"]["socket_address"]["port_value"] = port
    endpoints = static["clusters"][0]["load_assignment"]["endpoints"]
    endpoints[0]["lb_endpoints"][0]["endpoint"]["address"] = {"pipe": {"path": str(path)}}
    return Inspected(_envoy(folder / f"inspected-{int(scans)}.json", config, port), relay)


def _envoy(file: Path, config: object, port: int) -> Engine:
    file.write_text(json.dumps(config))
    command = [find_envoy().path, "--config-path", str(file), "--concurrency", "1"]
    process = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command, "--log-level", "error", "--disable-hot-restart"]
    )
    return Engine(file.stem, _awaited(port, process), process)


def start_ext_proc(folder: Path) -> Inspected:
    """Start the gRPC service, and the minimal Envoy that hands it the bodies of answers."""
    ours = free_port()
    reader = subprocess.Popen(
        [
            *("taskset", "-c", SERVER_CORE, peer_program("python")),
            *(str(Path(__file__).with_name("ext_proc.py")), f"127.0.0.1:{ours}"),
        ],
        env={"PYTHONPATH": str(Path(sealgate.__file__).parents[1]), "PATH": os.environ["PATH"]},
    )
    _awaited(ours, reader)
    config: Any = json.loads((folder / "bare.json").read_text())
    port = free_port()
    static = config["static_resources"]
    static["listeners"][0]["address"]["socket_address"]["port_value"] = port
    [site] = static["clusters"]
    service = json.loads(json.dumps(site).replace(f": {_port_of(site)}", f": {ours}"))
    service["name"] = "reader"
    options = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    service["typed_extension_protocol_options"] = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": options,
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    static["clusters"].append(service)
    manager = static["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    kind = "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor"
    reading = {
        "@type": kind,
        "grpc_service": {"envoy_grpc": {"cluster_name": "reader"}},
        "processing_mode": {
            "request_header_mode": "SKIP",
            "response_header_mode": "SKIP",
            "response_body_mode": "STREAMED",
        },
    }
    manager["http_filters"].insert(0, {"name": "reader", "typed_config": reading})
    return Inspected(_envoy(folder / "ext-proc.json", config, port), reader)


def _port_of(cluster: Any) -> int:
    [endpoint] = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    port: int = endpoint["endpoint"]["address"]["socket_address"]["port_value"]
    return port


def asked(engine: Engine | Inspected, workload: Workload, seconds: int) -> Result:
    """Ask *engine* for one kind of answer, over connections that are kept."""
    before = engine.cpu_seconds()
    url = f"https://{NAME}:{engine.port}{workload.path}"
    text = subprocess.run(
        ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    count = int(re.findall(r"(\d+) requests in", text)[0])
    refused = re.findall(r"Non-2xx or 3xx responses: (\d+)", text)
    cpu = (engine.cpu_seconds() - before) / max(count, 1) * 1e6
    return Result(count / seconds, int(refused[0]) if refused else 0, cpu)


def measure(folder: Path, rounds: int, seconds: int) -> Iterator[Metric]:
    """Yield the metrics: name, value, unit and the least that is wanted."""
    workloads = write_pages(folder / "pages")
    make_keys(folder)
    site = start_site(folder)
    bare = start_bare(folder, site)
    inspected, unread = start_inspected(folder, site), start_inspected(folder, site, scans=False)
    handed = start_ext_proc(folder)
    engines: dict[str, Engine | Inspected] = {
        "bare": bare,
        "unread": unread,
        "inspected": inspected,
        "ext-proc": handed,
    }
    found: dict[str, list[Round]] = {}
    try:
        for number in range(rounds + 1):
            for workload in workloads:
                results = {name: asked(one, workload, seconds) for name, one in engines.items()}
                if number:  # the first round warms up
                    found.setdefault(workload.name, []).append(results)
    finally:
        for one in (inspected, unread, handed):
            one.end()
        for engine in (bare, site):
            engine.process.terminate()
            engine.process.wait(5)
    for workload in workloads:
        yield from _metrics(workload, found[workload.name])


_LEAST_MB = {"100k": 350.0, "10m": 350.0, "gzip": 200.0, "dense": 10.0}


def _metrics(workload: Workload, rounds: Sequence[Round]) -> Iterator[Metric]:
    name = workload.name
    middle = statistics.median

    def rate(one: str, other: str) -> float:
        return middle(r[one].rate / r[other].rate for r in rounds)

    def cpu(one: str, other: str) -> float:
        return middle(r[other].cpu_us / r[one].cpu_us for r in rounds)

    small = name == "1k"
    yield Metric(
        f"inspected-{name}-to-bare-rate", rate("inspected", "bare"), "ratio", 0.5 if small else None
    )
    yield Metric(f"inspected-{name}-to-bare-cpu", cpu("inspected", "bare"), "ratio")
    yield Metric(
        f"inspected-{name}-to-ext-proc-rate",
        rate("inspected", "ext-proc"),
        "ratio",
        8.0 if small else None,
    )
    yield Metric(f"inspected-{name}-to-ext-proc-cpu", cpu("inspected", "ext-proc"), "ratio")
    yield Metric(f"unread-{name}-to-bare-rate", rate("unread", "bare"), "ratio")
    speed = middle(r["inspected"].rate * workload.plain_bytes / 1e6 for r in rounds)
    yield Metric(f"inspected-{name}-speed", speed, "MB/s", _LEAST_MB.get(name))
    # What one core would give if nobody else were on it: rates also tell what else ran.
    alone = middle(workload.plain_bytes / r["inspected"].cpu_us for r in rounds)
    yield Metric(f"inspected-{name}-speed-by-cpu", alone, "MB/s", _LEAST_MB.get(name))
    for label in rounds[0]:
        yield Metric(f"{label}-{name}-rate", middle(r[label].rate for r in rounds), "1/s")
        yield Metric(f"{label}-{name}-cpu", middle(r[label].cpu_us for r in rounds), "us")
    refused = sum(r["inspected"].refused for r in rounds)
    yield Metric(f"inspected-{name}-refused", float(refused), "count")

"""What routes cost: to read, to translate, and in Envoy that runs by them."""

from __future__ import annotations

import contextlib
import statistics
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.gateway import engines
from benchmarks.growth.serving import in_memory, kept
from benchmarks.processes import own_mib
from benchmarks.rounds import SLICE_SECONDS, in_turn, measured, wrk
from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.gateway.adapters.files import write_files
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from sealgate.policy.assets import route_asset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sealgate.policy.inventory import Inventory

_BEST_OF = 3
_ROUNDS = 4
_CONNECTIONS = 16
_MIB = 1 << 20


def written(folder: Path, count: int, https: int, upstream: int) -> Path:
    """Write a configuration of one site with *count* routes, every other one locked."""
    make_country_database(folder / "country.mmdb")
    lines = ['[access]\ncountries = ["DE"]\ngeo_database = "country.mmdb"']
    lines += [f'[listen]\nhttps = "127.0.0.1:{https}"\nhttp = "127.0.0.1:{engines.free_port()}"']
    lines += [f'[[site]]\ndomains = ["localhost"]\nupstream = "http://127.0.0.1:{upstream}"']
    lines += ['[[site.route]]\npath = "/"\nclass = "public"\ninspect = "off"']
    for number in range(1, count):
        lines += [f'[[site.route]]\npath = "/area-{number}"']
        locked = 'class = "confidential"\nadmit = ["group:staff"]'
        lines += [locked if number % 2 else 'class = "public"\ninspect = "off"']
    config = folder / "sealgate.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


@cache
def load_seconds(count: int) -> float:
    """Return the processor time of reading a configuration of *count* routes, best of three."""
    with in_memory() as folder:
        config = str(written(folder, count, 443, 8080))
        return min(_timed(lambda: load(config)) for _ in range(_BEST_OF))


@dataclass(frozen=True)
class Translated:
    """Seconds of the processor to translate, and the MiB of Envoy's files and of Envoy."""

    seconds: float
    files_mib: float
    envoy_mib: float
    request: float


@cache
def translated(count: int) -> Translated:
    """
    Return what *count* routes cost when half of them are locked.

    *request* is what a public request to the last public route takes of Envoy with one route, over what it
    takes of Envoy with all.
    """
    with in_memory() as folder, contextlib.ExitStack() as held:
        engines.make_keys(folder)
        site = held.enter_context(kept(engines.start_site(folder)))
        seconds, many = _started(folder / "many", count, site, held)
        _, one = _started(folder / "one", 1, site, held)
        files = sum(path.stat().st_size for path in (folder / "many" / "run").rglob("*.json"))
        asked = {"one": (one, "/"), "many": (many, _last_public(count))}
        memory = own_mib(many.process.pid)
        costs: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(_ROUNDS + 1):
            for name in in_turn(list(asked), number):
                engine, path = asked[name]
                costs[name].append(_request(engine, path))
        pairs = list(zip(costs["one"], costs["many"], strict=True))[1:]
        ratio = statistics.median(less / more for less, more in pairs)
        return Translated(seconds, files / _MIB, memory, ratio)


def _last_public(count: int) -> str:
    number = (count - 1) // 2 * 2
    return f"/area-{number}" if number else "/"


def _started(
    folder: Path, count: int, site: engines.Engine, held: contextlib.ExitStack
) -> tuple[float, engines.Engine]:
    (folder / "run").mkdir(parents=True)
    port = engines.free_port()
    inventory = load(str(written(folder, count, port, site.port)))
    material = _material(folder, inventory)
    seconds = min(_timed(lambda: translate(inventory, material)) for _ in range(_BEST_OF))
    write_files(str(folder / "run"), translate(inventory, material).files)
    command = engines.envoy_command(folder / "run" / "bootstrap.json")
    engine = engines.started("sealgate", port, command, engines.SERVER_CORE, folder)
    return seconds, held.enter_context(kept(engine))


def _material(folder: Path, inventory: Inventory) -> Material:
    keys = folder.parent
    locked = [
        route_asset(site, route).id
        for site in inventory.sites
        for route in site.routes
        if route.admit
    ]
    return Material(
        str(folder / "run"),
        {"localhost": CertificateFiles(str(keys / "server.pem"), str(keys / "server.key"))},
        str(keys / "authority.pem"),
        dict.fromkeys(locked, ("ab" * 32,)),
        str(folder / "country.mmdb"),
    )


def _request(engine: engines.Engine, path: str) -> float:
    url = f"https://{engines.NAME}:{engine.port}{path}"
    host = ("-H", f"Host: {engines.NAME}")
    return measured([engine], lambda: wrk(SLICE_SECONDS, f"-c{_CONNECTIONS}", *host, url)).cpu_us


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began

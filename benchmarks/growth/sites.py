"""What sites with certificates of the local CA cost: to start with them, and to add one more."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.gateway.engines import free_port
from benchmarks.growth.serving import RefusedError, in_memory, once, serving
from sealgate.app.reload import NotRunning, reload
from sealgate.config.load import load
from sealgate.errors import SealgateError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Started:
    """What a start with the sites took of all processors, and what Envoy watches and runs by."""

    seconds: float
    instances: int
    watches: int
    files_mib: float


@dataclass(frozen=True)
class Added:
    """What one site more took: seconds of all processors, of Envoy, and by the clock."""

    seconds: float
    envoy: float
    wall: float


@dataclass(frozen=True)
class Sites:
    """Both; *added* is why not, where it was refused."""

    started: Started
    added: Added | str


@once
def measured(count: int) -> Sites:
    """
    Start with *count* sites, whose certificates the local CA made before, and add one.

    Raises:
        RefusedError: it does not start.
    """
    with in_memory() as home:
        listen = f'https = "127.0.0.1:{free_port()}"\nhttp = "127.0.0.1:{free_port()}"'
        _write(home, count, listen)
        with serving(home):  # the local CA and its certificates are made once
            pass
        with serving(home) as running:
            instances, watches = running.watches()
            before = running.at_rest()
            files = sum(path.stat().st_size for path in (home / ".sealgate/envoy").rglob("*.json"))
            started = Started(running.started.all, instances, watches, files / (1 << 20))
            inventory = load(str(_write(home, count + 1, listen)))
            began = time.monotonic()
            try:
                answer = reload(inventory)
            except SealgateError as error:
                return Sites(started, str(error))
            wall = time.monotonic() - began
            assert not isinstance(answer, NotRunning)
            taken = running.at_rest().since(before)
            return Sites(started, Added(taken.all, taken.envoy, wall))


def added(count: int) -> Added:
    """
    Return what one site beside *count* took.

    Raises:
        RefusedError: it was refused.
    """
    found = measured(count).added
    if isinstance(found, str):
        raise RefusedError(found)
    return found


def _write(home: Path, count: int, listen: str) -> Path:
    upstream = "http://127.0.0.1:9"  # nobody is asked
    sites = (
        f'[[site]]\ndomains = ["s{number}.localhost"]\nupstream = "{upstream}"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\ninspect = "off"\n'
        for number in range(count)
    )
    config = home / "sealgate.toml"
    config.write_text(f"[listen]\n{listen}\n" + "".join(sites))
    return config

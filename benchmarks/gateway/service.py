"""What ``sealgate serve`` itself costs: the time until it serves, and memory while idle."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.gateway.engines import free_port

if TYPE_CHECKING:
    from benchmarks.gateway.engines import Engine

_PATIENCE_SECONDS = 30.0
_IDLE_SECONDS = 2.0


@dataclass(frozen=True)
class Service:
    """Seconds from the command to the ready file, and MiB of Python and Envoy together."""

    ready_seconds: float
    idle_mib: float


def measure_service(folder: Path, site: Engine) -> Service:
    """
    Start the command on a public site in front of *site*, look, and stop it.

    The local CA is made before: it is made once in the life of an installation.
    """
    home = folder / "service"
    home.mkdir()
    (home / "sealgate.toml").write_text(
        f'[listen]\nhttps = "127.0.0.1:{free_port()}"\nhttp = "127.0.0.1:{free_port()}"\n'
        f'[[site]]\ndomains = ["localhost"]\nupstream = "http://127.0.0.1:{site.port}"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    _start_and_stop(home)
    return _start_and_stop(home)


def _start_and_stop(home: Path) -> Service:
    ready = home / "ready.json"
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "sealgate", "serve", "--ready-file", str(ready)],
        cwd=home,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not ready.exists():
            assert process.poll() is None, "serve ended before it was ready"
            assert time.monotonic() - began < _PATIENCE_SECONDS, "serve was not ready in time"
            time.sleep(0.005)
        took = time.monotonic() - began
        time.sleep(_IDLE_SECONDS)
        return Service(took, sum(_resident_mib(pid) for pid in (process.pid, *children(process))))
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the process ids of what *process* started."""
    tasks = Path(f"/proc/{process.pid}/task")
    return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]


def _resident_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)

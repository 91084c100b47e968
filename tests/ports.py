"""
Ports for servers that tests start by number.

The kernel hands port numbers from its own range to every outgoing connection, so a port of
that range that was free a moment ago may be somebody's by the time a server listens there.
The ports here lie below that range. Each process of one run (pytest-xdist) hands out a part
of its own, each port once, from a random one on, so that runs beside each other seldom look
at the same.
"""

from __future__ import annotations

import itertools
import os
import random
import socket
from typing import TYPE_CHECKING, Any

from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

_FIRST, _LAST = 20_000, 30_999
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_COUNT = (_LAST - _FIRST + 1) // _PROCESSES
# One that takes the place of one that crashed goes on counting.
_OWN_FIRST = _FIRST + _PROCESS % _PROCESSES * _COUNT
_NEXT = itertools.count(random.SystemRandom().randrange(_COUNT))


def free_port(*hosts: str) -> int:
    """Return a port that nobody listens on, on any of *hosts* (127.0.0.1 when none is given)."""
    for number in itertools.islice(_NEXT, _COUNT):
        port = _OWN_FIRST + number % _COUNT
        if all(_is_free(host, port) for host in hosts or ("127.0.0.1",)):
            return port
    raise AssertionError("no port is free on all hosts")


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as other:
        try:
            other.bind((host, port))
        except OSError:
            return False
    return True


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether connections to *port* are accepted."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def await_listener(
    port: int, process: subprocess.Popen[Any] | None = None, log: Path | None = None
) -> None:
    """Wait until *process* accepts connections on *port*; when it does not, show its *log*."""

    def ended() -> bool:
        return process is not None and process.poll() is not None

    found = wait_until(lambda: ended() or listens(port)) and not ended()
    said = "" if log is None or found else log.read_text("utf-8", "replace")
    assert found, f"nothing listens on {port}: {said}"

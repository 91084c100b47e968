"""Strangers at the door of the SSH server: they take no place from others, and no memory."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path

from sealgate.identity.throttle import MOST_ENTRIES, Throttle
from tests.unit.protocols.ssh.ssh_plain import PlainAuthenticator, PlainFiles
from tests.unit.protocols.ssh.ssh_served import HOST, ssh_served
from tests.waiting import PATIENCE_SECONDS


def _knock(port: int, source: str) -> socket.socket:
    one = socket.create_connection(
        (HOST, port), timeout=PATIENCE_SECONDS, source_address=(source, 0)
    )
    one.settimeout(PATIENCE_SECONDS)
    return one


def test_one_address_keeps_nobody_out(tmp_path: Path) -> None:
    """A crowd that never signs in loses its oldest connection to somebody from elsewhere."""
    door = PlainAuthenticator(PlainFiles(tmp_path))
    with (
        ssh_served(tmp_path / "server", door, max_unauthenticated=3) as served,
        contextlib.ExitStack() as held,
    ):
        crowd = [held.enter_context(_knock(served.port, "127.0.0.2")) for _ in range(3)]
        for one in crowd:
            assert one.recv(8) == b"SSH-2.0-"
        with _knock(served.port, "127.0.0.2") as late:
            assert late.recv(11) == b"Not allowed"
        with _knock(served.port, "127.0.0.3") as other:
            assert other.recv(8) == b"SSH-2.0-"
            with contextlib.suppress(ConnectionResetError):
                while crowd[0].recv(4096):
                    pass
            crowd[1].setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert crowd[1].recv(4096) != b""


def test_long_names_take_no_memory() -> None:
    """Names that are too long for anybody are counted, and not kept."""
    throttle = Throttle()
    for number in range(200):
        throttle.attempt("x" * 100_000 + str(number), f"2001:db8:0:{number:x}::1", 1.0)
    held = {name for name, _ in throttle._pairs} | set(throttle._names)
    assert sum(map(sys.getsizeof, held)) < 1000
    assert len(throttle) < MOST_ENTRIES
    waits = [throttle.attempt("y" * 1000 + str(n), "192.0.2.1", 1.0) for n in range(10)]
    assert waits[-1] > 0

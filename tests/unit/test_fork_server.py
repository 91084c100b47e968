"""The process that others are forked from, for real: asked, killed, and looked at from outside."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.errors import GatewayError
from sealgate.fork_server import ForkServer
from tests.processes import lives
from tests.waiting import wait_until

# It tells over its descriptor what it is, and waits until that hangs up.
FORKED = """
import gc, json, os, signal, socket, sys, threading

def main():
    link = socket.socket(fileno=int(sys.argv[1]))
    link.send(json.dumps({
        "argv": sys.argv,
        "open": sorted(int(n) for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")),
        "leader": os.getsid(0) == os.getpid(),
        "threads": threading.active_count(),
        "collects": gc.isenabled(),
    }).encode())
    link.recv(1)
    return 0
"""


@pytest.fixture(name="server")
def _server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    (tmp_path / "forked_by_a_test.py").write_text(FORKED)
    (tmp_path / "broken_in_a_test.py").write_text("import no_such_module_anywhere\n")
    (tmp_path / "ending_in_a_test.py").write_text("raise SystemExit(3)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer()
    yield server
    server.close()


def test_a_process_gets_its_descriptors_and_no_others(server: ForkServer) -> None:
    """Under the numbers that they have here, also where the server uses these itself."""
    many = [socket.socketpair() for _ in range(8)]
    try:
        one, _ = server.fork("forked_by_a_test", [pair[1].fileno() for pair in many])
        told = json.loads(many[0][0].recv(4096))
        numbers = [pair[1].fileno() for pair in many]
        assert told["argv"] == ["forked_by_a_test", str(numbers[0])]
        assert told["open"] == sorted([0, 1, 2, *numbers])
        assert (told["leader"], told["threads"], told["collects"]) == (True, 1, True)
        shown = Path(f"/proc/{one.pid}/cmdline").read_bytes()
        assert shown.rstrip(b"\0") == b"sealgate: forked_by_a_test"
        assert one.is_running()
    finally:
        for pair in many:
            pair[0].close()
            pair[1].close()
    wait_until(lambda: not one.is_running())
    # Nobody waits for it but the server, which does.
    wait_until(lambda: not Path(f"/proc/{one.pid}").exists())
    one.kill()


def test_as_many_descriptors_as_there_are(server: ForkServer) -> None:
    """A relay has one for each policy; the kernel passes 253 at once. Places that are taken change."""
    ours, theirs = socket.socketpair()
    numbers = [theirs.fileno()]
    try:
        numbers += [os.dup(theirs.fileno()) for _ in range(700)]
        # The other way round, each comes where another one is to be.
        order = [numbers[0], *reversed(numbers[1:])]
        first, parent = server.fork("forked_by_a_test", order)
        assert json.loads(ours.recv(65536))["open"] == sorted([0, 1, 2, *numbers])
        second, same = server.fork("forked_by_a_test", [numbers[0]])
        assert same == parent
        assert first.is_running()
        first.kill()
        second.kill()
    finally:
        ours.close()
        theirs.detach()
        for number in numbers:
            os.close(number)


def test_one_that_was_killed_is_started_again(server: ForkServer) -> None:
    """Whoever asks next gets a process of a new one."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        first, parent = server.fork("forked_by_a_test", [theirs.fileno()])
        os.kill(parent, signal.SIGKILL)
        second, new = server.fork("forked_by_a_test", [theirs.fileno()])
        assert new != parent
        assert second.is_running()
        first.kill()
        second.kill()
        assert not lives(first.pid)
        assert not lives(second.pid)


def test_a_module_that_cannot_be_imported_is_an_error(server: ForkServer) -> None:
    """The reason reaches who asked, and the server goes on."""
    with pytest.raises(GatewayError, match="no_such_module_anywhere"):
        server.fork("broken_in_a_test", [0])
    with pytest.raises(GatewayError, match="SystemExit: 3"):
        server.fork("ending_in_a_test", [0])
    one, _ = server.fork("forked_by_a_test", [0])
    one.kill()


def test_what_is_loaded_ahead_is_there_and_what_cannot_be_is_told_later(server: ForkServer) -> None:
    """Nobody waits for it, and a module that fails does not end the server."""
    server.load(["ending_in_a_test", "broken_in_a_test", "forked_by_a_test"])
    one, _ = server.fork("forked_by_a_test", [0])
    one.kill()
    with pytest.raises(GatewayError, match="no_such_module_anywhere"):
        server.fork("broken_in_a_test", [0])


def test_one_that_cannot_be_started_is_an_error(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python that ends at once is asked twice."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(GatewayError, match="the server that forks processes does not answer"):
        server.fork("forked_by_a_test", [0])


def test_it_has_one_thread_whatever_it_imported() -> None:
    """What forks must not have another, which might hold a lock that the copy waits for."""
    modules = (
        "sealgate.protocols.workers",
        "sealgate.signin.adapters.child",
        "sealgate.inspection.adapters.relay_worker",
        "sealgate.inspection.adapters.signer_worker",
    )
    code = f"import os, {', '.join(modules)}; print(len(os.listdir('/proc/self/task')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"

"""
Attacks on running file servers, over the wire, by strangers and by people who may come in.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.peers.served import free_port, wait_until
from tests.peers.transferred import FilePlace, file_place

HOST = "127.0.0.1"
DROPS = """
[[drop]]
name = "inbox"
class = "restricted"
store = "file:stores/inbox"
admit = ["group:partners", "group:readers"]

[[drop]]
name = "partners"
class = "confidential"
store = "file:stores/partners"
admit = ["group:partners"]

[[tunnel]]
name = "console"
class = "confidential"
target = "127.0.0.1:{port}"
admit = ["group:partners"]
"""


class Echo:
    """
    A service on loopback that says everything back.
    """

    def __init__(self) -> None:
        """
        Listen.
        """
        self._socket = socket.create_server((HOST, 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads: list[threading.Thread] = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                thread = threading.Thread(target=self._speak, args=(peer,))
                thread.start()
                self._threads.append(thread)

    def _speak(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            while data := peer.recv(65536):
                peer.sendall(data)

    def close(self) -> None:
        """
        End.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)


@dataclass
class Ground:
    """
    A running ``sealgate serve`` and a service behind its tunnel.
    """

    place: FilePlace
    echo: Echo
    taken: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """
    Serve once for all tests here.
    """
    echo = Echo()
    try:
        with file_place(tmp_path_factory.mktemp("attacked")) as place:
            place.write(DROPS.format(port=echo.port))
            with place.serving():
                yield Ground(place, echo)
    finally:
        echo.close()


@contextlib.contextmanager
def tunnel(ground: Ground, name: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """
    Give the local port of ``ssh -N -L`` to the declared service.
    """
    port = free_port()
    command = ["ssh", "-F", "none", *ground.place.ssh_options(name), "-N"]
    command += ["-L", f"{HOST}:{port}:{HOST}:{ground.echo.port}", HOST]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(port), 10)
            yield port, process
        finally:
            process.kill()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=2) as one:
        one.sendall(b"x")
        return one.recv(1) == b"x"
    return False


@pytest.mark.peer("openssh-client")
def test_a_revoked_key_ends_its_tunnels(ground: Ground) -> None:
    """
    When ``key revoke`` returns, what is open over the key ends, and nothing new is opened.
    """
    place = ground.place
    place.add("carla", "partners")
    with tunnel(ground, "carla") as (port, process):
        with socket.create_connection((HOST, port), timeout=10) as one:
            one.sendall(b"hello")
            assert one.recv(5) == b"hello"
            shown = place.sealgate("key", "list").stdout
            assert "carla" in shown
            done = place.sealgate("key", "revoke", "carla")
            assert done.returncode == 0, done.stderr
            with contextlib.suppress(OSError):
                one.sendall(b"again")
                assert one.recv(5) == b""
        assert not _answers(port)
        assert process.poll() is None

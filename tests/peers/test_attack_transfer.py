"""Attacks on running file servers, over the wire, by strangers and by people who may come in."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from benchmarks.processes import with_descendants
from sealgate.identity.adapters.store import IdentityStore
from tests.peers.transferred import PASSPHRASE, PASSWORD, FilePlace, file_place
from tests.ports import free_port
from tests.waiting import wait_until

HOST = "127.0.0.1"
IBAN = "DE89370400440532013000"
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

[[tunnel]]
name = "log"
class = "restricted"
target = "127.0.0.1:{log}"
admit = ["group:partners"]
"""


class Echo:
    """A service on loopback that says everything back."""

    def __init__(self) -> None:
        """Listen."""
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
        """End."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)


@dataclass
class Ground:
    """A running ``sealgate serve`` and a service behind each of its tunnels."""

    place: FilePlace
    echo: Echo
    log: Echo
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Serve once for all tests here."""
    echo, log = Echo(), Echo()
    try:
        with file_place(tmp_path_factory.mktemp("attacked")) as place:
            place.write(DROPS.format(port=echo.port, log=log.port))
            with place.serving() as serving:
                yield Ground(place, echo, log, serving.process)
            # Of the file that was changed from outside, below.
            assert "changed" in serving.said or "cannot be opened" in serving.said
            assert IBAN not in serving.said
    finally:
        echo.close()
        log.close()


@contextlib.contextmanager
def tunnel(ground: Ground, name: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Give the local port of ``ssh -N -L`` to the declared service."""
    port = free_port()
    command = ["ssh", "-F", "none", *ground.place.ssh_options(name), "-N"]
    command += ["-L", f"{HOST}:{port}:{HOST}:{ground.echo.port}", HOST]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(port))
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
    """When ``key revoke`` returns, what is open over the key ends, and nothing new is opened."""
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


def test_a_changed_password_ends_its_tunnels(ground: Ground) -> None:
    """Whoever learnt the old one loses what is open over it, and opens nothing new there."""
    place = ground.place
    place.add("dora", "partners")
    target, origin = (HOST, ground.log.port), (HOST, 1)
    with paramiko.Transport((HOST, place.sftp)) as transport:
        transport.start_client(timeout=30)
        transport.auth_password("dora", PASSWORD)
        channel = transport.open_channel("direct-tcpip", target, origin, timeout=30)
        channel.settimeout(30)
        channel.sendall(b"hello")
        assert channel.recv(5) == b"hello"
        with IdentityStore(place.database) as people:
            people.credentials.set_password(
                "dora", "another five words", by="test", now=time.time()
            )
        assert channel.recv(1) == b""
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", target, origin, timeout=30)


def test_keys_are_in_memory_and_nowhere_else(ground: Ground) -> None:
    """Not in a core file, a command line or an environment, nor in any file of the place."""
    place, pid = ground.place, ground.process.pid
    ours = with_descendants(pid)
    assert len(ours) == 4  # serve, what forks its processes, and two that serve files
    for one in ours:
        limits = Path(f"/proc/{one}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), one
        for name in ("cmdline", "environ"):
            content = Path(f"/proc/{one}/{name}").read_bytes()
            for secret in (PASSPHRASE, PASSWORD, "AGE-SECRET-KEY"):
                assert secret.encode() not in content, (one, name)
    put = place.sftp_batch("put anna.pub inbox/x", "put anna.pub partners/x")
    assert put.returncode == 0, put.stderr
    content = (place.folder / "anna.pub").read_bytes()
    for path in sorted(place.folder.rglob("*")):
        if path.is_file() and path.name != "anna.pub":
            held = path.read_bytes()
            assert PASSPHRASE.encode() not in held, path
            assert b"AGE-SECRET-KEY" not in held, path
            if path.is_relative_to(place.folder / "stores" / "partners"):
                assert content not in held, path
        if {place.state, place.folder / "stores"} & set(path.parents):
            mode = path.stat().st_mode
            assert mode & 0o077 == 0 or path.suffix in {".pem", ".pub", ".crt"}, (path, oct(mode))


def test_names_of_files_do_not_get_into_logs(ground: Ground) -> None:
    """A file whose name is an account number is changed from outside: nothing written tells it."""
    place = ground.place
    stores = place.folder / "stores" / "inbox" / "objects"
    before = set(stores.rglob("*"))
    put = place.sftp_batch(f"put anna.pub inbox/{IBAN}.csv")
    assert put.returncode == 0, put.stderr
    [changed] = [path for path in set(stores.rglob("*")) - before if path.is_file()]
    changed.write_bytes(bytes(len(changed.read_bytes())))
    got = place.sftp_batch(f"get inbox/{IBAN}.csv /dev/null")
    assert got.returncode != 0
    place.sftp_batch(f"rename inbox/{IBAN}.csv inbox/{IBAN}.txt", f"rm inbox/{IBAN}.txt")
    wait_until(lambda: any(event.action == "delete" for event in place.events()))
    assert IBAN not in repr(place.events())
    for log in place.state.rglob("*.jsonl"):
        assert IBAN not in log.read_text()
    assert IBAN not in (place.state / "register.sqlite").read_bytes().decode("latin-1")


@pytest.mark.peer("openssh-client")
def test_a_time_of_no_calendar_hides_no_folder(ground: Ground, tmp_path: Path) -> None:
    """One who may write sends times and sizes that no file has, by hand: others list as before."""
    place = ground.place
    command = ["ssh", "-F", "none", *place.ssh_options(), HOST, "scp -t /inbox"]
    for at, size in ((b"9" * 18, b"1"), (b"9" * 400, b"1"), (b"1", b"9" * 5000)):
        sent = b"T%b 0 0 0\nC0600 %b far%d\nA\0" % (at, size, len(at))
        subprocess.run(command, input=sent, capture_output=True, timeout=30, check=False)
    listed = place.sftp_batch("ls -l inbox", "ls -l inbox/far18")
    assert listed.returncode == 0, listed.stderr
    assert "far400" not in listed.stdout
    got = subprocess.run(
        [
            *("scp", "-O", "-p", "-F", "none"),
            *place.ssh_options(),
            f"{HOST}:inbox/far18",
            str(tmp_path),  # with -p it would get mode and time of the file: no device
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert got.returncode == 0, got.stderr
    assert (tmp_path / "far18").is_file()

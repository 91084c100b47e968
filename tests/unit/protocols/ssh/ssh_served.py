"""The SSH server in a thread, over a plain folder or whatever authenticator a test brings."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import uvloop

from sealgate.protocols.ssh.server import RunningSFTP, SSHSettings, host_keys, serve_sftp
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.protocols.model import Authenticator

HOST = "127.0.0.1"


@dataclass
class Served:
    """A server that runs, and what clients need to reach it as *name* with *key*."""

    folder: Path
    port: int
    key: Path
    fingerprint: str
    name: str = "anna"
    running: RunningSFTP | None = None
    loop: asyncio.AbstractEventLoop | None = None
    options: list[str] = field(default_factory=list)

    def ssh_options(self, *more: str) -> list[str]:
        """Return options that every OpenSSH client takes."""
        asked = [
            *more,  # OpenSSH takes the first of each
            "StrictHostKeyChecking=yes",
            f"UserKnownHostsFile={self.folder / 'known_hosts'}",
            f"IdentityFile={self.key}",
            "IdentitiesOnly=yes",
            "BatchMode=yes",
            "LogLevel=INFO",
        ]
        return ["-F", "none", *(word for one in asked for word in ("-o", one))]

    def sftp(self, *lines: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run *lines* in OpenSSH's sftp."""
        command = ["sftp", *self.ssh_options(*options), "-P", str(self.port), "-b", "-"]
        return subprocess.run(
            [*command, f"{self.name}@{HOST}"],
            input="\n".join(lines) + "\n",
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def scp(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's scp; ``HOST:`` in *words* is the server."""
        there = f"{self.name}@{HOST}:"
        words = tuple(word.replace("HOST:", there) for word in words)
        return subprocess.run(
            ["scp", *self.ssh_options(), "-P", str(self.port), *words],
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
        )

    def ssh(self, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run OpenSSH's ssh."""
        return subprocess.run(
            [
                "ssh",
                *self.ssh_options(*options),
                "-p",
                str(self.port),
                f"{self.name}@{HOST}",
                *words,
            ],
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def make_key(path: Path, kind: str = "ed25519", *options: str) -> str:
    """Make a key at *path*; return its fingerprint."""
    command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path), *options]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    shown = subprocess.run(
        ["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True
    )
    return shown.stdout.split()[1]


@contextmanager
def ssh_served(folder: Path, authenticator: Authenticator, **settings: object) -> Iterator[Served]:
    """Serve with *authenticator*; keys and known hosts lie under *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = host_keys(str(folder / "host"))
    key = folder / "id"
    fingerprint = make_key(key)
    listening = socket.create_server((HOST, 0), backlog=512)
    port = listening.getsockname()[1]
    known = "".join(
        f"[{HOST}]:{port} {line}"
        for path in keys
        for line in [subprocess.check_output(["ssh-keygen", "-yf", path], text=True)]
    )
    (folder / "known_hosts").write_text(known)
    served = Served(folder, port, key, fingerprint)
    ready, stop = threading.Event(), asyncio.Event()
    failures: list[BaseException] = []

    async def main() -> None:
        served.loop = asyncio.get_running_loop()
        served.running = await serve_sftp(
            [listening],
            authenticator,
            SSHSettings(keys, **settings),  # type: ignore[arg-type]
        )
        ready.set()
        await stop.wait()
        await served.running.close(0.5)

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:  # noqa: BLE001  # shown by the test
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="served")
    thread.start()
    try:
        assert ready.wait(PATIENCE_SECONDS)
        assert not failures, failures
        yield served
    finally:
        if served.loop is not None and not failures:
            served.loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_SECONDS)
        listening.close()
    assert not failures, failures

"""
How fast sealed SFTP is, against OpenSSH's internal-sftp that stores plainly.

One OpenSSH client, AES-256-GCM, the same files, everything in memory (/dev/shm); every
round asks both servers in turn, so that a busy machine troubles both alike, and a ratio is
the median over the rounds. Sealgate is the whole product: ``sealgate serve``, a drop of class
"confidential" sealed for the site's key, digests, the trail. sshd is a private one, started here.

Besides: 200 sessions held open at once (memory, and how soon they are set up, by a client that
costs little: ``sessions.py``), and 100 uploads at once (memory). ``measure`` is what ``benchmarks/transfer/run.py`` calls; alone this
file prints a table.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.processes import cpu_seconds, own_mib, with_descendants  # noqa: E402  # ROOT is on the path
from benchmarks.transfer.sessions import Sessions  # noqa: E402  # as above
from tests.peers.transferred import FilePlace, file_place  # noqa: E402  # as above
from tests.ports import free_port  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CIPHER = "aes256-gcm@openssh.com"
_MIB = 1 << 20
_SMALL_BYTES = 10 * 1024
_START_SECONDS = 20
_UPLOADS_AT_ONCE = 100
_SET_UP_AT_ONCE = 8
_REST_SECONDS = 0.3
_MOST_RESTS = 200
TARGETS = {
    "large-up": 0.9,
    "large-down": 0.8,
    "small-up": 0.55,
    "small-down": 0.55,
    "held-memory": 10.0,
    "held-setup": 3.0,
}


@dataclass(frozen=True)
class Ratio:
    """
    One line of the result: how many times as good as *peer* Sealgate was at *name*.

    *ours* and *theirs* are medians in *unit*.
    """

    name: str
    peer: str
    value: float
    ours: float
    theirs: float
    unit: str
    target: float

    @property
    def is_met(self) -> bool:
        """Return whether the target is reached."""
        return self.value >= self.target


@dataclass
class Server:
    """One running server: its process, how OpenSSH reaches it, and *root*, where files go."""

    name: str
    pid: int
    options: list[str]
    port: int
    user: str
    key: str
    root: str
    base_mib: float = 0.0
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def sftp(self, *lines: str) -> float:
        """Run *lines* in OpenSSH's sftp; return the seconds it took."""
        command = ["sftp", "-q", "-F", "none", "-o", f"Ciphers={CIPHER}", *self.options]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, "-b", "-", "127.0.0.1"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.perf_counter() - began
        if done.returncode:
            raise AssertionError(f"{self.name}: sftp {done.returncode}: {done.stderr[-500:]}")
        return took

    def own_mib(self) -> float:
        """Return the memory that only they have: shared pages count once, and by their share."""
        return sum(map(own_mib, with_descendants(self.pid)))

    def cpu_seconds(self) -> float:
        """Return the processor time of those that live, and of what they saw end."""
        return cpu_seconds(with_descendants(self.pid))


@contextlib.contextmanager
def sshd(folder: Path) -> Iterator[Server]:
    """Run OpenSSH's server over *folder*/sshd for whoever runs the benchmark."""
    root = folder / "sshd"
    (root / "files").mkdir(parents=True)
    for name in ("host", "id"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(root / name)]
        subprocess.run(command, check=True)
    shutil.copyfile(root / "id.pub", root / "authorized")
    port = free_port()
    user = subprocess.check_output(["id", "-un"], text=True).strip()
    (root / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {root}/host\nPidFile {root}/pid\n"
        f"AuthorizedKeysFile {root}/authorized\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin yes\nMaxStartups 1000\nSubsystem sftp internal-sftp\n"
        "PerSourcePenalties no\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", str(root / "config")], stdout=log, stderr=log
        )
    try:
        _await_port(port)
        options = ["IdentitiesOnly=yes", f"IdentityFile={root}/id", f"Port={port}"]
        options += [f"User={user}", "BatchMode=yes", "StrictHostKeyChecking=no"]
        options += ["UserKnownHostsFile=/dev/null", "GlobalKnownHostsFile=/dev/null"]
        options += ["LogLevel=ERROR"]
        words = [word for one in options for word in ("-o", one)]
        yield Server("sshd", process.pid, words, port, user, f"{root}/id", f"{root}/files")
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def sealgate(place: FilePlace, workers: int | None) -> Iterator[Server]:
    """Run ``sealgate serve``, as it comes (a process per core) or with so many *workers*."""
    workers = workers or len(os.sched_getaffinity(0))
    with place.serving("--workers", str(workers)) as serving:
        yield Server(
            "sealgate",
            serving.process.pid,
            place.ssh_options("anna"),
            place.sftp,
            "anna",
            str(place.folder / "anna"),
            "/partners",
        )


def _await_port(port: int) -> None:
    import socket  # noqa: PLC0415

    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError("sshd does not listen")


def _loads(
    folder: Path, large_bytes: int, small_files: int
) -> dict[str, Callable[[Server], float]]:
    """Make the files; return what is measured, each as a rate."""
    large = folder / "large"
    with large.open("wb") as file:
        for _ in range(large_bytes // _MIB):
            file.write(os.urandom(_MIB))
    small = folder / "small"
    small.mkdir()
    for number in range(small_files):
        (small / f"f{number}").write_bytes(os.urandom(_SMALL_BYTES))
    back = folder / "back"
    back.mkdir()
    amount = large_bytes / _MIB
    return {
        "large-up": lambda s: amount / s.sftp(f"put {large} {s.root}/large"),
        "large-down": lambda s: amount / s.sftp(f"get {s.root}/large {back}/large"),
        "small-up": lambda s: (
            small_files / s.sftp(f"-mkdir {s.root}/s", f"put {small}/* {s.root}/s/")
        ),
        "small-down": lambda s: small_files / s.sftp(f"get {s.root}/s/* {back}/"),
    }


async def _hold(server: Server, count: int) -> tuple[float, float]:
    """Hold *count* SFTP sessions; return MiB for each, and how many were set up in a second."""
    # What sessions of an earlier round have left behind is used again: one base for all.
    server.base_mib = server.base_mib or server.own_mib()
    sessions = Sessions(server.port, server.user, server.key)
    began, client = server.cpu_seconds(), time.process_time()
    took = await sessions.hold(count, _SET_UP_AT_ONCE)
    client = time.process_time() - client
    server.cpu.setdefault("held-setup", []).append((server.cpu_seconds() - began) / count)
    server.cpu.setdefault("held-setup, the client", []).append(client / count)
    grown = server.own_mib() - server.base_mib
    sessions.close()
    await _at_rest(server)
    return grown / count, count / took


async def _at_rest(server: Server) -> None:
    """Wait until *server* has let go of what was held, or the next one would pay for it."""
    seen = -1.0
    for _ in range(_MOST_RESTS):
        await asyncio.sleep(_REST_SECONDS)
        now = server.cpu_seconds()
        if now == seen:
            return
        seen = now
    raise AssertionError(f"{server.name} does not come to rest")


def _upload_at_once(server: Server, file: Path) -> float:
    """Upload *file* a hundred times at once; return the MiB by which the server grew at most."""
    before = most = server.own_mib()
    command = ["sftp", "-q", "-F", "none", "-o", f"Ciphers={CIPHER}", *server.options, "-b", "-"]
    clients = []
    for number in range(_UPLOADS_AT_ONCE):
        client = subprocess.Popen(
            [*command, "127.0.0.1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdin is not None
        client.stdin.write(f"put {file} {server.root}/at-once-{number}\n")
        client.stdin.close()
        clients.append(client)
    while any(client.poll() is None for client in clients):
        most = max(most, server.own_mib())
        time.sleep(0.2)
    for client in clients:
        assert client.stderr is not None
        with client.stderr:
            said = client.stderr.read()
        assert client.returncode == 0, said
    server.sftp(*(f"rm {server.root}/at-once-{n}" for n in range(_UPLOADS_AT_ONCE)))
    return most - before


def measure(
    *,
    large_bytes: int = 512 * _MIB,
    small_files: int = 1000,
    rounds: int = 3,
    sessions: int = 200,
    workers: int | None = None,
    at_once_bytes: int = 0,
) -> list[Ratio]:
    """Return the ratios of all loads; *at_once_bytes* each for a hundred uploads at once, 0 for none."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        (folder / "sealgate").mkdir()
        place = stack.enter_context(file_place(folder / "sealgate"))
        ours = stack.enter_context(sealgate(place, workers))
        theirs = stack.enter_context(sshd(folder))
        loads = _loads(folder, large_bytes, small_files)
        for _ in range(rounds):
            for name, load in loads.items():
                for server in (ours, theirs):
                    began = server.cpu_seconds()
                    server.rates.setdefault(name, []).append(load(server))
                    server.cpu.setdefault(name, []).append(server.cpu_seconds() - began)
            if sessions:
                for server in (ours, theirs):
                    each, rate = uvloop.run(_hold(server, sessions))
                    server.rates.setdefault("held-memory", []).append(1 / max(each, 1e-3))
                    server.rates.setdefault("held-setup", []).append(rate)
        found = [_ratio(name, ours, theirs) for name in ours.rates]
        for name, used in ours.cpu.items():
            other = theirs.cpu[name]
            print(
                f"# processor seconds, {name}: sealgate {min(used):.4f}, sshd {min(other):.4f}",
                file=sys.stderr,
            )
        if at_once_bytes:
            file = folder / "at-once"
            file.write_bytes(os.urandom(at_once_bytes))
            grown = _upload_at_once(ours, file)
            each = grown / _UPLOADS_AT_ONCE
            print(
                f"# {_UPLOADS_AT_ONCE} uploads of {at_once_bytes // _MIB} MiB at once:"
                f" {grown:.0f} MiB more, {each:.2f} each",
                file=sys.stderr,
            )
        return found


def _ratio(name: str, ours: Server, theirs: Server) -> Ratio:
    pairs = zip(ours.rates[name], theirs.rates[name], strict=True)
    units = {"large": "MiB/s", "small": "files/s", "held": "sessions/s"}
    unit = "sessions/MiB" if name == "held-memory" else units[name.partition("-")[0]]
    return Ratio(
        f"sftp-{name}",
        "OpenSSH",
        statistics.median(mine / other for mine, other in pairs),
        statistics.median(ours.rates[name]),
        statistics.median(theirs.rates[name]),
        unit,
        TARGETS[name],
    )


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--large-mib", type=int, default=512)
    options.add_argument("--small-files", type=int, default=1000)
    options.add_argument("--sessions", type=int, default=200)
    options.add_argument("--workers", type=int, help="by default one per core, as it comes")
    options.add_argument("--at-once-mib", type=int, default=0)
    chosen = options.parse_args()
    for one in measure(
        large_bytes=chosen.large_mib * _MIB,
        small_files=chosen.small_files,
        rounds=chosen.rounds,
        sessions=chosen.sessions,
        workers=chosen.workers,
        at_once_bytes=chosen.at_once_mib * _MIB,
    ):
        verdict = "met" if one.is_met else "missed"
        print(
            f"{one.name:24} {one.value:7.2f}  target {one.target:4}  {verdict:6} "
            f"({one.ours:.2f} to {one.theirs:.2f} {one.unit})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
How fast sealed FTPS is, against ProFTPD and vsftpd that store plainly.

Explicit TLS 1.3, one curl, the same files; every round asks each server in turn, so that a
busy machine troubles all alike, and a ratio is the median over the rounds. Nothing is pinned
to a core; everything lies in memory (/dev/shm). Sealgate is the whole product: ``sealgate
serve``, a drop of class "confidential" sealed for the site's key, a SHA-256 of each file, the
trail; its client comes in by certificate, as the class demands, the others' by password. Of a
large file the transfer is measured and not the sign-in before it; the time of many small files is that of curl as a whole.

``measure`` is what ``benchmarks/transfer/run.py`` calls; alone this file prints a table.
ProFTPD conflicts with vsftpd as a package, so it is downloaded and unpacked under ``build/``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.peers.transferred import PASSWORD, FilePlace, file_place  # noqa: E402  # found late
from tests.ports import free_port  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNPACKED = ROOT / "build" / "benchmarks" / "proftpd"
_PACKAGES = (
    "proftpd-core", "proftpd-mod-crypto", "libhiredis1.1.0", "libmemcached11t64",
    "libmemcachedutil2t64", "libhashkit2t64", "libpcre2-posix3",
)  # fmt: skip
_MIB = 1 << 20
_SMALL_BYTES = 10 * 1024
_START_SECONDS = 20
_FOLDER = "partners"
# curl's own clock: when the transfer was about to begin, and when it was over.
_TIMES = "%{time_pretransfer} %{time_total}"
_TARGET = 1.0
_SETTLE_SECONDS = 0.3  # children end and are counted


@dataclass(frozen=True)
class Ratio:
    """
    One line of the result: how many times as fast as *peer* Sealgate was at *name*.

    *ours* and *theirs* are medians in *unit*; *cpu* is the processor time of *peer* for the
    same work over ours, which a busy machine changes less.
    """

    name: str
    peer: str
    value: float
    ours: float
    theirs: float
    unit: str
    cpu: float
    target: float = _TARGET

    @property
    def is_met(self) -> bool:
        """Return whether the target is reached."""
        return self.value >= self.target


@dataclass
class Server:
    """One running server: its *port*, who may come in, and what curl needs to trust it."""

    name: str
    port: int
    user: str
    password: str
    ca: Path
    process: int
    extra: tuple[str, ...] = ()
    rates: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        """Return the processor time of the server and of all its processes, ended or not."""
        parents: dict[int, list[int]] = {}
        spent: dict[int, int] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
                spent[int(stat.parent.name)] = sum(int(ticks) for ticks in fields[11:15])
        wanted, total = [self.process], 0
        while wanted:
            one = wanted.pop()
            total += spent.get(one, 0)
            wanted += parents.get(one, [])
        return total / os.sysconf("SC_CLK_TCK")

    def curl(self, *arguments: str) -> float:
        """Run curl; return the seconds it took."""
        command = ["curl", "-sS", "--fail", "--ssl-reqd", "--tlsv1.3"]
        command += ["--cacert", str(self.ca), "-u", f"{self.user}:{self.password}", *self.extra]
        began = time.perf_counter()
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
        if done.returncode:
            raise AssertionError(f"{self.name}: curl {done.returncode}: {done.stderr[-500:]}")
        times = done.stdout.split()
        return float(times[1]) - float(times[0]) if _TIMES in arguments else took

    def url(self, name: str) -> str:
        """Return the URL of *name* in the folder that all servers have."""
        return f"ftp://localhost:{self.port}/{_FOLDER}/{name}"


def unpack_proftpd() -> Path:
    """Return where ProFTPD's files lie; download and unpack them when they are missing."""
    if not (UNPACKED / "usr/sbin/proftpd").exists():
        UNPACKED.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-qq", "download", *_PACKAGES], cwd=UNPACKED, check=True)
        for package in UNPACKED.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(UNPACKED)], check=True)
    return UNPACKED


@contextlib.contextmanager
def proftpd(folder: Path, chain: Path, key: Path) -> Iterator[Server]:
    """Run ProFTPD over *folder*/proftpd."""
    unpacked = unpack_proftpd()
    root = folder / "proftpd"
    (root / "home" / _FOLDER).mkdir(parents=True)
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True
    ).stdout.strip()
    (root / "passwd").write_text(f"anna:{hashed}:0:0::{root / 'home'}:/bin/sh\n")
    (root / "passwd").chmod(0o600)
    port = free_port()
    (root / "proftpd.conf").write_text(f"""
ModulePath {unpacked}/usr/lib/proftpd
LoadModule mod_xfer.c
LoadModule mod_ls.c
LoadModule mod_tls.c
ServerType standalone
DefaultAddress 127.0.0.1
Port {port}
UseIPv6 off
UseReverseDNS off
User root
Group root
RootLogin on
RequireValidShell off
AuthUserFile {root / "passwd"}
AuthOrder mod_auth_file.c
PidFile {root / "pid"}
ScoreboardFile {root / "scoreboard"}
DefaultRoot {root / "home"}
AllowOverwrite on
TransferLog none
WtmpLog off
TLSEngine on
TLSRequired on
TLSProtocol TLSv1.3
TLSECCertificateFile {chain}
TLSECCertificateKeyFile {key}
TLSVerifyClient off
""")
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": str(unpacked / "usr/lib" / f"{os.uname().machine}-linux-gnu"),
    }
    command = [str(unpacked / "usr/sbin/proftpd"), "-n", "-c", str(root / "proftpd.conf")]
    with _running(command, port, root / "log", environment) as process:
        yield Server("ProFTPD", port, "anna", PASSWORD, chain, process)


@contextlib.contextmanager
def vsftpd(folder: Path, chain: Path, key: Path) -> Iterator[Server]:
    """Run vsftpd over *folder*/vsftpd, for strangers: it knows no users of its own."""
    root = folder / "vsftpd"
    (root / "home" / _FOLDER).mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "home" / _FOLDER).chmod(0o777)
    (root / "home").chmod(0o555)
    for above in (root, folder):
        above.chmod(0o755)
    port = free_port()
    (root / "vsftpd.conf").write_text(f"""
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
seccomp_sandbox=NO
secure_chroot_dir={root / "empty"}
anonymous_enable=YES
anon_root={root / "home"}
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
no_anon_password=NO
xferlog_enable=NO
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
ssl_ciphers=ECDHE+AESGCM
rsa_cert_file={chain}
rsa_private_key_file={key}
""")
    program = shutil.which("vsftpd") or "/usr/sbin/vsftpd"
    with _running([program, str(root / "vsftpd.conf")], port, root / "log", None) as process:
        yield Server("vsftpd", port, "anonymous", "x", chain, process)


@contextlib.contextmanager
def sealgate(place: FilePlace) -> Iterator[Server]:
    """Run ``sealgate serve``."""
    with place.serving() as serving:
        key = ("--cert", f"{place.folder}/anna.crt", "--key", f"{place.folder}/anna.key")
        yield Server("sealgate", place.ftps, "anna", "", place.ca, serving.process.pid, key)


@contextlib.contextmanager
def _running(
    command: list[str], port: int, log: Path, environment: dict[str, str] | None
) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            _await_port(port, process, log)
            yield process.pid
        finally:
            process.terminate()
            process.wait(10)


def _await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text(errors="replace")[-2000:])


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

    def large_up(server: Server) -> float:
        return large_bytes / _MIB / server.curl("-w", _TIMES, "-T", str(large), server.url("large"))

    def large_down(server: Server) -> float:
        return (
            large_bytes / _MIB / server.curl("-w", _TIMES, "-o", "/dev/null", server.url("large"))
        )

    def small_up(server: Server) -> float:
        listed = folder / "up.curl"
        listed.write_text(
            "".join(
                f'upload-file = "{small}/f{number}"\nurl = "{server.url(f"f{number}")}"\n'
                for number in range(small_files)
            )
        )
        return small_files / server.curl("-K", str(listed))

    def small_down(server: Server) -> float:
        names = f"f[0-{small_files - 1}]"
        return small_files / server.curl("-o", f"{back}/#1", server.url(names))

    return {
        "large-up": large_up,
        "large-down": large_down,
        "small-up": small_up,
        "small-down": small_down,
    }


def measure(
    *, large_bytes: int = 512 * _MIB, small_files: int = 1000, rounds: int = 3
) -> list[Ratio]:
    """Return the ratios of all loads against both peers."""
    with contextlib.ExitStack() as stack:
        memory = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        folder = Path(memory)
        (folder / "sealgate").mkdir()
        place = stack.enter_context(file_place(folder / "sealgate"))
        ours = stack.enter_context(sealgate(place))
        chain, key = _certificate(folder)
        servers = [
            ours,
            stack.enter_context(proftpd(folder, chain, key)),
            stack.enter_context(vsftpd(folder, chain, key)),
        ]
        loads = _loads(folder, large_bytes, small_files)
        for _ in range(rounds):
            for name, load in loads.items():
                for server in servers:
                    before = server.cpu_seconds()
                    server.rates.setdefault(name, []).append(load(server))
                    time.sleep(_SETTLE_SECONDS)
                    spent = server.cpu_seconds() - before
                    server.cpu.setdefault(name, []).append(spent)
        return [_ratio(name, ours, peer) for name in loads for peer in servers[1:]]


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of the kind that Sealgate issues: P-256, for localhost."""
    chain, key = folder / "peer.pem", folder / "peer.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(chain)],
        check=True, capture_output=True,
    )  # fmt: skip
    return chain, key


def _ratio(name: str, ours: Server, peer: Server) -> Ratio:
    pairs = zip(ours.rates[name], peer.rates[name], strict=True)
    return Ratio(
        f"ftps-{name}-{peer.name.lower()}",
        peer.name,
        statistics.median(mine / theirs for mine, theirs in pairs),
        statistics.median(ours.rates[name]),
        statistics.median(peer.rates[name]),
        "MiB/s" if name.startswith("large") else "files/s",
        statistics.median(peer.cpu[name]) / max(statistics.median(ours.cpu[name]), 0.01),
    )


def main() -> int:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--large-mib", type=int, default=512)
    options.add_argument("--small-files", type=int, default=1000)
    chosen = options.parse_args()
    for one in measure(
        large_bytes=chosen.large_mib * _MIB,
        small_files=chosen.small_files,
        rounds=chosen.rounds,
    ):
        verdict = "met" if one.is_met else "missed"
        print(
            f"{one.name:32} {one.value:6.2f}  target {one.target}  {verdict:6} "
            f"({one.ours:.0f} to {one.theirs:.0f} {one.unit}; processor time {one.cpu:.2f})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""
How many instructions a request takes in Envoy's own code, against Envoy with a minimal configuration.

Processor time is what counts in the end, but a neighbour on the machine changes it by more
than most changes here do; instructions he does not change. callgrind counts them between two
points, so that what a start costs is out, in the thread that serves: what others do goes by
the clock, which runs fast for a program that is counted. The figure is the slope between the
first and the last requests of one connection. The kernel's are not counted.

Prints ``name value unit target met|missed`` for each, and writes the same to
``build/benchmarks/instructions.json``. Needs nginx and valgrind, and some minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.access import signed  # noqa: E402  # found only once ROOT is on the path
from benchmarks.gateway import engines  # noqa: E402  # as above
from benchmarks.metric import Metric, report  # noqa: E402  # as above
from sealgate.gateway.model import SESSION_COOKIE  # noqa: E402  # as above

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 300.0
# wrk's headers, and those of ab, with which the others are asked (benchmarks/gateway).
_AS_WRK = ("HTTP/1.1",)
_AS_AB = ("HTTP/1.0", "Connection: Keep-Alive", "User-Agent: ApacheBench/2.3", "Accept: */*")


@dataclass(frozen=True)
class Case:
    """What is asked for, of which engine."""

    name: str
    engine: str
    path: str
    form: tuple[str, ...] = _AS_WRK
    cookie: str = ""
    shows_key: bool = False

    @property
    def request(self) -> bytes:
        """Return the request as it goes over the wire."""
        version, *headers = self.form
        lines = [f"GET {self.path} {version}", f"Host: {engines.NAME}", *headers]
        lines += [f"Cookie: {self.cookie}"] if self.cookie else []
        return "\r\n".join([*lines, "", ""]).encode()


def main() -> None:
    """Count, print and write."""
    parser = argparse.ArgumentParser(description="count instructions of a request")
    parser.add_argument("--first", type=int, default=400, help="requests before the slope")
    parser.add_argument("--more", type=int, default=1200, help="requests of the slope")
    arguments = parser.parse_args()
    report("instructions", _measure(arguments.first, arguments.more))


def _measure(first: int, more: int) -> Iterator[Metric]:
    with tempfile.TemporaryDirectory(prefix="sealgate-count-") as folder:
        place = Path(folder)
        fingerprint = engines.make_keys(place)
        site = engines.start_site(place)
        locks, port, relay = engines.sealgate(place, site, fingerprint)
        try:
            token, key = signed.session()
            alone = f"{SESSION_COOKIE}={token}"
            among = f"PHPSESSID=0123456789abcdef0123456789; {alone}"
            configured = {
                "bare": engines.bare(place, site),
                "locks": (locks, port),
                "signs-in": signed.sealgate(place, site, key),
            }
            for case, against in (
                (Case("public", "locks", "/index.html"), "bare"),
                (Case("locked", "locks", "/typo3/index", _AS_AB, shows_key=True), "bare"),
                (Case("signed", "signs-in", "/members", cookie=alone), "bare"),
                (Case("signed-among", "signs-in", "/members", cookie=among), "bare"),
            ):
                bare = Case(case.name, against, case.path, case.form, case.cookie)
                counts = []
                for one in (case, bare):
                    config, port = configured[one.engine]
                    counts.append(_count(one, config, port, place, (first, more)))
                yield Metric(f"{case.name}-instructions", counts[0], "per request")
                yield Metric(f"{case.name}-bare-instructions", counts[1], "per request")
                yield Metric(f"{case.name}-to-bare", counts[1] / counts[0], "ratio")
        finally:
            relay.kill()
            site.process.kill()
            site.process.wait()


def _count(case: Case, config: Path, port: int, place: Path, many: tuple[int, int]) -> float:
    with tempfile.TemporaryDirectory(dir=place) as out:
        command = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
        command += [f"--callgrind-out-file={out}/counted", *engines.envoy_command(config)]
        with (Path(out) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            with contextlib.closing(_connected(case, port, place, process)) as connection:
                _ask(connection, case.request, many[0])
                _control(process, "--instr=on")
                for number in many:
                    _ask(connection, case.request, number)
                    _control(process, "--dump")
            before, after = (_by_thread(Path(out), part) for part in (1, 2))
            serving = max(after, key=lambda thread: after[thread])
            return (after[serving] - before[serving]) / (many[1] - many[0])
        finally:
            process.kill()
            process.wait()


def _connected(
    case: Case, port: int, place: Path, process: subprocess.Popen[bytes]
) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # What we made for this run and ask on loopback proves nothing.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if case.shows_key:
        context.load_cert_chain(place / "client-pair.pem")
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
            return context.wrap_socket(plain, server_hostname=engines.NAME)
        except ConnectionRefusedError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)


def _ask(connection: ssl.SSLSocket, request: bytes, times: int) -> None:
    for _ in range(times):
        connection.sendall(request)
        answer = b""
        while (
            found := re.search(rb"(?i)content-length: (\d+)(?s:.*?)\r\n\r\n", answer)
        ) is None or (len(answer) < found.end() + int(found[1])):
            read = connection.recv(1 << 16)
            assert read, "Envoy hung up"
            answer += read
        assert answer.split(b" ", 2)[1] == b"200", answer[:200]


def _control(process: subprocess.Popen[bytes], what: str) -> None:
    subprocess.run(["callgrind_control", what, str(process.pid)], check=True, capture_output=True)


def _by_thread(folder: Path, part: int) -> dict[str, int]:
    counts = {}
    for counted in folder.glob(f"counted.{part}-*"):
        found = re.search(r"^(?:totals|summary): (\d+)", counted.read_text(), re.MULTILINE)
        if found is not None:
            counts[counted.name.rpartition("-")[2]] = int(found[1])
    return counts


if __name__ == "__main__":
    main()

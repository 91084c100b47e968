"""
What coming in costs: a new connection with a key, and a sign-in with a password.

``keyed`` is the gateway with a hybrid group and a client certificate shown; ``plain`` is
Envoy with a minimal configuration, X25519 and no certificate, ``asking`` such an Envoy with
both: what TLS itself makes dearer. ``sign-in`` is the whole of
it, page and form, in the process that signs people in; ``argon2`` is the check of the same
password alone. By processor time, so that neighbours disturb little.
"""

from __future__ import annotations

import contextlib
import os
import re
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.gateway.engines import (
    LOAD_CORE,
    Engine,
    free_port,
    make_keys,
    start_bare,
    start_sealgate,
    start_site,
)
from benchmarks.gateway.service import children
from benchmarks.metric import Metric
from sealgate.identity.adapters.password_hash import LEAST_ROUNDS, check_hash, hash_password
from sealgate.identity.adapters.store import IdentityStore

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_OF_HANDSHAKE = 1.3
SIGN_INS = 10
_PASSWORD = "correct horse battery staple"  # noqa: S105  # nobody's
_PATIENCE_SECONDS = 30.0


def measure(folder: Path, rounds: int, seconds: int) -> Iterator[Metric]:
    """Yield what each way in costs, and its ratio to the least that it could."""
    yield from _handshakes(folder, rounds, seconds)
    yield from _sign_ins(folder, rounds)


def _handshakes(folder: Path, rounds: int, seconds: int) -> Iterator[Metric]:
    fingerprint = make_keys(folder)
    with contextlib.ExitStack() as held:

        def kept(engine: Engine) -> Engine:
            held.callback(engine.process.wait)
            held.callback(engine.process.kill)
            return engine

        site = kept(start_site(folder))
        plain = kept(start_bare(folder, site, groups=("X25519",)))
        asking = kept(start_bare(folder, site, asks=True))
        keyed = kept(start_sealgate(folder, site, fingerprint))
        shown = ("-cert", str(folder / "client.pem"), "-key", str(folder / "client.key"))
        costs: dict[str, list[float]] = {"plain": [], "asking": [], "keyed": []}
        for number in range(rounds + 1):
            if number == 1:
                for found in costs.values():
                    found.clear()  # the first round warmed up
            costs["plain"].append(_handshake(plain, seconds, ()))
            costs["asking"].append(_handshake(asking, seconds, shown))
            costs["keyed"].append(_handshake(keyed, seconds, shown))
    for name, found in costs.items():
        yield Metric(f"{name}-handshake-cpu", statistics.median(found), "us")
    for name, most in (("asking", None), ("keyed", MOST_OF_HANDSHAKE)):
        pairs = zip(costs[name], costs["plain"], strict=True)
        ratio = statistics.median(one / other for one, other in pairs)
        yield Metric(f"{name}-handshake-to-plain", ratio, "ratio", most, at_most=True)


def _handshake(engine: Engine, seconds: int, shown: tuple[str, ...]) -> float:
    before = engine.cpu_seconds()
    command = ["taskset", "-c", LOAD_CORE, "openssl", "s_time", "-new", "-tls1_3"]
    command += ["-time", str(seconds), "-connect", f"127.0.0.1:{engine.port}", *shown]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counted = re.search(r"(\d+) connections in \d+ real seconds", text)
    if counted is None or not int(counted[1]):
        raise SystemExit(f"{engine.name}: no connection\n{text}")
    return (engine.cpu_seconds() - before) / int(counted[1]) * 1e6


def _sign_ins(folder: Path, rounds: int) -> Iterator[Metric]:
    home = folder / "serve"
    home.mkdir()
    port = free_port()
    (home / "sealgate.toml").write_text(
        # All of the load comes from one address: it is counted as usual, and never refused.
        "[limits]\nsession_requests_per_second = 10000000\nsign_in_per_minute = 100000000\n"
        f'[listen]\nhttps = "127.0.0.1:{port}"\nhttp = "127.0.0.1:{free_port()}"\n'
        f'[[site]]\ndomains = ["localhost"]\nupstream = "http://127.0.0.1:{free_port()}"\n'
        '[[site.route]]\npath = "/"\nclass = "restricted"\naccess = "low"\n'
    )
    state = home / ".sealgate"
    with IdentityStore(f"sqlite:///{state}/register.sqlite") as people:
        people.add("anna", (), by="benchmark", now=time.time())
        people.credentials.set_password("anna", _PASSWORD, by="benchmark", now=time.time())
    kept = hash_password(_PASSWORD, LEAST_ROUNDS)
    with _serving(home) as pid:
        trust = str(state / "authority" / "server-ca.pem")
        costs = [
            (_alone(kept), _signed_in(pid, f"https://localhost:{port}", trust))
            for _ in range(rounds + 1)
        ][1:]
    yield Metric("argon2-cpu", statistics.median(one for one, _ in costs) * 1e3, "ms")
    yield Metric("sign-in-cpu", statistics.median(other for _, other in costs) * 1e3, "ms")
    yield Metric("argon2-of-sign-in", statistics.median(a / b for a, b in costs), "ratio")


def _alone(kept: str) -> float:
    began = time.process_time()
    for _ in range(SIGN_INS):
        assert check_hash(kept, _PASSWORD, LEAST_ROUNDS)
    return (time.process_time() - began) / SIGN_INS


def _signed_in(pid: int, url: str, trust: str) -> float:
    before = _seconds(pid)
    for _ in range(SIGN_INS):
        with httpx.Client(verify=ssl.create_default_context(cafile=trust), base_url=url) as client:
            status = sign_in(client, "/", _PASSWORD)
            if status != httpx.codes.SEE_OTHER:
                raise SystemExit(f"the sign-in was refused: {status}")
    return (_seconds(pid) - before) / SIGN_INS


def sign_in(client: httpx.Client, wanted: str, password: str, *, name: str = "anna") -> int:
    """Try to sign *name* in as a browser would, the page, then its form; return the status."""
    page = client.get("/.sealgate/sign-in", params={"to": wanted})
    form = re.search(r'name="form" value="([^"]+)"', page.text)
    if form is None:
        raise SystemExit(f"the sign-in page has no form: {page.status_code}")
    sent = {"form": form[1], "to": wanted, "name": name, "password": password}
    return client.post("/.sealgate/sign-in", data=sent).status_code


def _seconds(pid: int) -> float:
    # Of the whole process: argon2's threads are gone when they are done (proc_pid_stat(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _serving(home: Path) -> Iterator[int]:
    """Run ``sealgate serve`` in *home*; yield the id of the process that signs people in."""
    ready = home / "ready.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "sealgate", "serve", "--ready-file", str(ready)],
        cwd=home,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit("sealgate serve did not start")
            time.sleep(0.02)
        [pid] = [
            pid
            for pid in children(process)
            if b"signin" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        yield pid
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)

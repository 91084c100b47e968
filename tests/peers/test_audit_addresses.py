"""``sealgate audit`` of names that have several addresses, of hosts that do not answer, and Ctrl-C."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.app import audit_ways
from sealgate.app.audit import audit_endpoints
from sealgate.app.audit_options import AuditOptions
from sealgate.audit.adapters.beside import all_beside, run_beside
from sealgate.audit.model import Limits
from sealgate.audit.targets import parse_target
from sealgate.errors import INTERRUPTED
from sealgate.policy.finding import Status
from tests.peers.audited import Authority, Files, https_server, nginx
from tests.ports import free_port, listens
from tests.processes import await_said
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sealgate.policy.finding import Report

# Two addresses of this machine that stand for those of one name, and one where nobody is.
FIRST, SECOND, NOBODY = "127.0.0.2", "127.0.0.3", "127.0.0.4"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make one authority."""
    return Authority(tmp_path)


def named(monkeypatch: pytest.MonkeyPatch, names: Mapping[str, tuple[str, ...]]) -> None:
    """Have *names* lead to these addresses, as no resolver of a test could."""
    monkeypatch.setattr(audit_ways, "addresses_of", names.__getitem__)


def judged(authority: Authority, *urls: str, seconds: float = 5.0) -> Report:
    """Return the verdict on *urls*."""
    options = AuditOptions(
        time.time(),
        active=True,
        ca_files=(str(authority.path),),
        # A busy machine may take long to answer; that is not what is judged here.
        limits=Limits(connect_seconds=seconds, exchange_seconds=90),
    )
    return audit_endpoints([parse_target(url) for url in urls], options).report


def two_servers(files: Files, port: int, **other: str) -> str:
    """Return a right server on the first address, and one on the second that is otherwise."""
    right = https_server(files, port).replace("127.0.0.1", FIRST)
    return right + https_server(files, port, **other).replace("127.0.0.1", SECOND)


@pytest.mark.peer("nginx")
def test_each_address_of_a_name_is_asked_and_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One address that is right does not make up for another with TLS 1.0."""
    port = free_port(FIRST, SECOND)
    files = authority.issue("shop.localhost")
    old = two_servers(files, port, protocols="TLSv1 TLSv1.2 TLSv1.3", ciphers="ECDHE:@SECLEVEL=0")
    named(monkeypatch, {"shop.localhost": (FIRST, SECOND)})
    with nginx(tmp_path / "n", old):
        _await(FIRST, port)
        _await(SECOND, port)
        report = judged(authority, f"https://shop.localhost:{port}/")
    found = {f.rule.id: f for f in report.open_findings}
    told = {rule: one.found for rule, one in found.items()}
    assert set(found) == {"transit-weak-version", "transit-weak-cipher"}, told
    assert found["transit-weak-version"].found == f"{SECOND}:{port}: offers TLSv1"
    assert FIRST not in found["transit-weak-cipher"].found


@pytest.mark.peer("nginx")
def test_two_addresses_that_are_right(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is found where nothing is wrong, however many addresses there are."""
    port = free_port(FIRST, SECOND)
    named(monkeypatch, {"shop.localhost": (FIRST, SECOND)})
    with nginx(tmp_path / "n", two_servers(authority.issue("shop.localhost"), port)):
        _await(FIRST, port)
        _await(SECOND, port)
        report = judged(authority, f"https://shop.localhost:{port}/")
    assert report.open_findings == ()
    assert report.met > 10


@pytest.mark.peer("nginx")
@pytest.mark.parametrize(
    ("dead", "reason"),
    [("127.0.9.1", "no answer within 0.3 s"), ("2001:db8::1", ""), ("fe80::1", "")],
)
def test_a_dead_address_is_one_gap(
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dead: str,
    reason: str,
) -> None:
    """It is told once, with the address, and what is not known there is not met."""
    port = free_port(FIRST, SECOND)
    named(monkeypatch, {"shop.localhost": (FIRST, dead)})
    servers = two_servers(authority.issue("shop.localhost"), port)
    with nginx(tmp_path / "n", servers), deaf([("127.0.9.1", port)]):
        _await(FIRST, port)
        report = judged(authority, f"https://shop.localhost:{port}/", seconds=0.3)
    [finding] = [f for f in report.open_findings if f.rule.id != "transit-plaintext"]
    assert finding.rule.id == "transit-unreachable"
    assert finding.status is Status.NOT_OBSERVED
    assert dead in finding.found
    assert reason in finding.found
    assert not report.assets[0].is_met(finding.rule.column)


@pytest.mark.peer("nginx")
def test_a_server_need_not_bind_every_loopback_address(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name "localhost" has two addresses, and most servers here listen on one."""
    port = free_port(FIRST, SECOND, NOBODY)
    named(monkeypatch, {"shop.localhost": (FIRST, NOBODY, SECOND)})
    with nginx(tmp_path / "n", two_servers(authority.issue("shop.localhost"), port)):
        _await(FIRST, port)
        _await(SECOND, port)
        report = judged(authority, f"https://shop.localhost:{port}/")
    assert report.open_findings == ()


def test_dead_hosts_cost_one_wait_in_all(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty hosts that do not answer are found out at once, and each is one finding."""
    names = {f"host{n}.example": (f"127.0.8.{n}",) for n in range(1, 21)}
    named(monkeypatch, names)
    port = free_port(*(address for (address,) in names.values()))
    with deaf([(address, port) for (address,) in names.values()]):
        begun = time.monotonic()
        report = judged(authority, *(f"https://{name}:{port}/" for name in names), seconds=1.0)
        took = time.monotonic() - begun
    assert took < 8, "twenty hosts, one after the other, would take 20 s"
    gone = [f for f in report.open_findings if f.rule.id == "transit-unreachable"]
    assert len(gone) == len(names)
    # Whether the plain port serves anything is not known either, and that is all.
    assert {f.rule.id for f in report.open_findings} <= {"transit-unreachable", "transit-plaintext"}


def test_a_name_that_leads_nowhere_is_one_finding(tmp_path: Path) -> None:
    """Twenty rules have one reason, so one line tells it."""
    command = [sys.executable, "-m", "sealgate", "audit", "https://nowhere.invalid/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 10
    # Wrapped to the width of the terminal, or of none.
    assert " ".join(done.stdout.split()).count("the name cannot be resolved") == 1
    assert "transit-unreachable" in done.stdout
    assert len(done.stdout.splitlines()) < 12


@contextmanager
def deaf(places: Sequence[tuple[str, int]]) -> Iterator[None]:
    """Have nobody answer at *places*, as behind a firewall: what queues there is full."""
    with ExitStack() as stack:
        for place in places:
            listener = stack.enter_context(socket.socket())
            listener.bind(place)
            listener.listen(0)
            for _ in range(4):
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                caller.connect_ex(place)
        yield


@contextmanager
def silent(count: int) -> Iterator[list[int]]:
    """Listen on *count* ports, take connections, and say nothing."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        yield [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.peer("nginx")
def test_ctrl_c_ends_at_once_and_keeps_what_is_known(authority: Authority, tmp_path: Path) -> None:
    """What had been looked at is written, the rest told as not observed; nobody waits for servers."""
    port, report = free_port(), tmp_path / "report.json"
    files = authority.issue("shop.localhost")
    with nginx(tmp_path / "n", https_server(files, port), port), silent(3) as ports:
        targets = [f"https://127.0.0.1:{quiet}/" for quiet in ports]
        command = [
            *(sys.executable, "-c", _SIGNALLED, "audit", f"https://shop.localhost:{port}/"),
            *targets,
            *("--resolve", "shop.localhost:127.0.0.1", "--ca", str(authority.path)),
            *("--format", "json", "--output", str(report)),
        ]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            await_said(process, "software of https://shop")
            time.sleep(1)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=30)[1]
            took = time.monotonic() - begun
    assert process.returncode == INTERRUPTED
    assert "interrupted" in said
    assert took < 3, "the silent servers alone would take 15 s"
    data = json.loads(report.read_text("utf-8"))
    by_asset: dict[str, list[dict[str, Any]]] = {}
    for finding in data["findings"]:
        by_asset.setdefault(finding["asset"], []).append(finding)
    right = by_asset.get(f"https://shop.localhost:{port}/", [])
    assert not [f for f in right if f["open"] and f["status"] == "violated"]
    assert data["summary"]["met"] > 5
    for target in targets:
        assert all(f["status"] == "not observed" for f in by_asset[target])


# Tells on stderr which look begins, which else only a terminal shows.
_SIGNALLED = """
import sys
from contextlib import contextmanager
from sealgate.cli import audit, main

@contextmanager
def looking():
    yield lambda name: print(name, file=sys.stderr, flush=True)

audit.looking = looking
main(sys.argv[1:])
"""


def test_looks_run_beside_each_other_and_in_order() -> None:
    """Results keep the order of the list, whoever ends first; what fails is told."""
    assert all_beside([partial(int, n) for n in range(50)], 8) == list(range(50))
    assert all_beside([], 8) == []

    def fails() -> int:
        raise ValueError("it failed")

    with pytest.raises(ValueError, match="it failed"):
        list(run_beside([fails], 2))


def _await(address: str, port: int) -> None:
    # The kernel lets nginx listen on one address after the other, and an address of this machine
    # that refuses is left out where another one answers.
    assert wait_until(lambda: listens(port, address)), f"nothing listens on {address}:{port}"

"""
A matrix of endpoints: real servers with at most a few things wrong, and what must be said of each.

A row says beforehand which rules its endpoint breaks, and what backs that: a clause, or what a
second tool says of the same endpoint. Everything that is not named must not be called broken.
A family of rows is a function in a module beside this one; it is given a :class:`Yard`, which
starts what the rows need and ends it again, and yields :class:`Row` after :class:`Row`.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar
from urllib.parse import urlsplit

from sealgate.app.audit import audit_endpoints
from sealgate.app.audit_options import AuditOptions
from sealgate.audit.targets import parse_target
from sealgate.policy.finding import Status
from sealgate.policy.protection import Column
from tests.peers.audited import nginx
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sealgate.policy.finding import Report

T = TypeVar("T")
HOST = "shop.localhost"
# As many audits at once as do not starve each other on a small machine.
_AT_ONCE = 3


@dataclass(frozen=True)
class Row:
    """
    One endpoint and the verdict on it.

    *broken* are the rules that it breaks; none, and it is sound. *unseen* are those of which
    nothing can be known from outside. *backed* names the clause that says so, *second* asks
    another program about the endpoint, and returns whether that agrees with this row.
    """

    name: str
    url: str
    broken: frozenset[str] = frozenset()
    backed: str = ""
    second: Callable[[], bool] | None = None
    unseen: frozenset[str] = frozenset()
    class_id: str | None = None
    active: bool = True


@dataclass
class Counts:
    """What a family of rows came to."""

    endpoints: int = 0
    sound: int = 0
    false_met: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    disagreed: list[str] = field(default_factory=list)

    def line(self, family: str) -> str:
        """Return the counts in one line."""
        return (
            f"{family}: {self.endpoints} endpoints, {self.sound} of them sound; "
            f"{len(self.false_met)} false met, {len(self.false_alarms)} false alarms, "
            f"{len(self.unseen)} unexpectedly not observed, "
            f"{len(self.disagreed)} where a second tool disagrees"
        )


def in_total(families: Iterable[Counts]) -> Counts:
    """Return what all *families* came to together."""
    total = Counts()
    for one in families:
        total.endpoints += one.endpoints
        total.sound += one.sound
        total.false_met += one.false_met
        total.false_alarms += one.false_alarms
        total.unseen += one.unseen
        total.disagreed += one.disagreed
    return total


class Yard:
    """Servers on loopback: added first, then started together, and ended together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blocks: list[str] = []
        self._nginx_ports: list[int] = []
        self._processes: list[tuple[list[str], int]] = []
        self._listeners: list[socket.socket] = []
        self._stack = ExitStack()

    def nginx(self, block: Callable[[int], str]) -> int:
        """Add what *block* returns for a port to the one nginx; return the port."""
        port = free_port()
        self._blocks.append(block(port))
        self._nginx_ports.append(port)
        return port

    def process(self, command: Callable[[int], Sequence[str]]) -> int:
        """Add the server that *command* starts on a port; return the port."""
        port = free_port()
        self._processes.append((list(command(port)), port))
        return port

    def scripted(self, answer: Callable[[socket.socket], None]) -> int:
        """Add a server that gives each connection to *answer*, in a thread; return the port."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()
        return int(listener.getsockname()[1])

    def leave_out(self, rows: Iterable[Row], tried: Iterable[Row]) -> None:
        """Start no process for those of *rows* that are not *tried*."""
        kept = {urlsplit(row.url).port for row in tried}
        spare = {urlsplit(row.url).port for row in rows} - kept
        self._processes = [one for one in self._processes if one[1] not in spare]

    def open(self, context: AbstractContextManager[T]) -> T:
        """Enter *context* until everything ends; only while the servers run."""
        return self._stack.enter_context(context)

    def __enter__(self) -> Self:
        """Start everything."""
        with ExitStack() as stack:
            if self._blocks:
                stack.enter_context(
                    nginx(self.folder / "nginx", "\n".join(self._blocks), *self._nginx_ports)
                )
            running = []
            for command, port in self._processes:
                log = self.folder / f"{port}.log"
                output = stack.enter_context(log.open("wb"))
                peer = subprocess.Popen(
                    command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=self.folder
                )
                stack.callback(_end, peer)
                running.append((port, peer, log))
            for port, peer, log in running:
                await_listener(port, peer, log)
            for listener in self._listeners:
                stack.callback(listener.close)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self._stack.close()


def _end(peer: subprocess.Popen[bytes]) -> None:
    peer.terminate()
    peer.wait(10)


def _serve(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(peer, answer), daemon=True).start()


def _answer(peer: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    with peer, suppress(OSError, ValueError):
        peer.settimeout(30)
        answer(peer)


def one_of_each(rows: Iterable[Row]) -> list[Row]:
    """Return the first of *rows* for each program that they name, scheme, verdict and class."""
    first: dict[object, Row] = {}
    for row in rows:
        program = row.name.partition(": ")[0] if ": " in row.name else ""
        scheme = row.url.partition(":")[0]
        kind = (program, scheme, row.broken, row.unseen, row.class_id, row.active)
        first.setdefault(kind, row)
    return list(first.values())


def judged(row: Row, ca_files: Sequence[Path]) -> Report:
    """Return what Sealgate says of the endpoint of *row*."""
    options = AuditOptions(
        time.time(),
        active=row.active,
        ca_files=tuple(str(path) for path in ca_files),
        resolve={HOST: "127.0.0.1"},
    )
    return audit_endpoints([parse_target(row.url)], options, class_id=row.class_id).report


def tried(rows: Iterable[Row], ca_files: Sequence[Path]) -> Counts:
    """Judge every one of *rows*, whose servers are running, and count what came out otherwise."""
    given = list(rows)
    names = Counter(row.name for row in given)
    assert all(number == 1 for number in names.values()), names.most_common(1)
    assert all(row.backed or row.second for row in given), "each verdict rests on something"
    counts = Counts(len(given), sum(not row.broken for row in given))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        reports = list(pool.map(lambda row: judged(row, ca_files), given))
        agreed = list(pool.map(lambda row: row.second is None or row.second(), given))
    for row, report, agrees in zip(given, reports, agreed, strict=True):
        _count(counts, row, report)
        if not agrees:
            counts.disagreed.append(row.name)
    return counts


def _count(counts: Counts, row: Row, report: Report) -> None:
    open_ones = {f.rule.id: f for f in report.open_findings}
    said = {rule: finding.status for rule, finding in open_ones.items()}
    for rule in sorted(row.broken):
        if rule not in said:
            counts.false_met.append(f"{row.name}: {rule}")
        elif said[rule] is not Status.VIOLATED:
            counts.unseen.append(f"{row.name}: {rule}: {open_ones[rule].found}")
    for rule, status in said.items():
        if status is Status.VIOLATED and rule not in row.broken:
            counts.false_alarms.append(f"{row.name}: {rule}: {open_ones[rule].found}")
        if status is Status.NOT_OBSERVED and rule not in row.unseen | row.broken:
            counts.unseen.append(f"{row.name}: {rule}: {open_ones[rule].found}")
    for asset in report.assets:
        # What breaks a criterion, or hides it, keeps the asset from its rung.
        demanded = any(f.demanded for f in open_ones.values())
        if demanded and asset.is_met(Column.IN_TRANSIT):
            counts.false_met.append(f"{row.name}: the class is met")
        if not said and not asset.is_met(Column.IN_TRANSIT):
            counts.false_alarms.append(f"{row.name}: the class is not met")

"""
The relays of one configuration at work: one process per core, and two at least, behind shared sockets.

Synchronous, like :class:`sealgate.serve.gateway.EnvoyService` beside it. The listening sockets are
opened here and handed to the processes, so one that ended refuses nobody: what waits is
taken by another. A relay that does not answer is ended, and its requests fail; nothing
goes around it. What is only observed has a relay of its own
(:mod:`sealgate.serve.samples`).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.files import private_folder
from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.serve.finds import Finds
from sealgate.serve.listening import bound, close_listeners
from sealgate.serve.relay_policies import RELAY_FOLDER
from sealgate.serve.revival import Member, seen_off
from sealgate.serve.samples import Samples

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from sealgate.inspection.model import Policy
    from sealgate.policy.inventory import Inventory
    from sealgate.serve.deployment import Deployment

# More processes than this would each hold tables of their own for little.
MAX_PROCESSES = 8
# While one is replaced, another serves.
MIN_PROCESSES = 2
RETRY_SECONDS = 5.0


@dataclass(slots=True)
class _Group:
    """What serves one set of policies."""

    policies: Mapping[str, Policy]
    listeners: dict[str, socket.socket]
    members: list[Member[RelayProcess]]


@dataclass(frozen=True, slots=True)
class _Before:
    """Who worked before a change."""

    group: _Group | None


class Relays:
    """The relays. *now* tells seconds since the epoch, *tell* takes a line for a person."""

    def __init__(
        self, *, now: Callable[[], float], tell: Callable[[str], None], processes: int | None = None
    ) -> None:
        self._tell = tell
        self._finds = Finds(now=now, tell=tell)
        self._samples = Samples(seen=self._finds.take, tell=tell)
        wanted = processes or len(os.sched_getaffinity(0))
        self._processes = max(MIN_PROCESSES, min(wanted, MAX_PROCESSES))
        self._group: _Group | None = None
        self._next: _Group | None = None
        self._before: _Before | None = None
        self._inventory: Inventory | None = None
        self._next_inventory: Inventory | None = None
        self._leaving: list[tuple[RelayProcess, float]] = []

    def prepare(self, wanted: Deployment) -> None:
        """
        Have relays for *wanted* ready beside those that work now.

        Raises:
            GatewayError: one cannot be started.
        """
        self.discard()
        self._next_inventory = wanted.inventory
        if wanted.relays != (self._group.policies if self._group is not None else {}):
            self._next = self._begin(wanted.inventory, wanted.relays)
        try:
            self._samples.prepare(wanted.inventory.state_folder, wanted.samples)
        except SealgateError:
            self.discard()
            raise

    def commit(self) -> tuple[str, ...]:
        """Have what was prepared work; returns what changed. What worked before does still."""
        sampled = self._samples.commit()
        if self._next is None:
            return ("inspection",) if sampled else ()
        self._before, self._group, self._next = _Before(self._group), self._next, None
        return ("inspection",)

    def confirm(self, drain_seconds: float) -> None:
        """Let those go that worked before."""
        self._samples.confirm(drain_seconds)
        self._inventory = self._next_inventory
        before, self._before = self._before, None
        if before is not None and before.group is not None:
            self._leave(before.group, drain_seconds)
            close_listeners(
                before.group.listeners, but=self._group.listeners if self._group else {}
            )

    def roll_back(self) -> None:
        """Have those work that worked before, and no others."""
        self._samples.roll_back()
        if self._before is not None:
            self._next, self._group, self._before = self._group, self._before.group, None
        self.discard()

    def discard(self) -> None:
        """Let go of what was prepared and is not served."""
        self._samples.discard()
        if self._next is not None:
            group, self._next = self._next, None
            for member in group.members:
                if member.process is not None:
                    member.process.kill()
            close_listeners(group.listeners, but=self._group.listeners if self._group else {})

    def watch(self) -> None:
        """Replace relays that ended or are stuck; waits for nothing, and is to be called often."""
        now = time.monotonic()
        group = self._group
        if group is not None:
            for member in group.members:
                if member.process is None or not member.process.works(now):
                    self._revive(group, member, now)
        self._samples.tick()

    def tick(self) -> None:
        """Do what time brings: relays that ended or are stuck are replaced, finds recorded."""
        self.watch()
        self._leaving = seen_off(self._leaving, time.monotonic())
        if self._inventory is not None:
            self._finds.record(self._inventory)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        relays = self.pids()
        return {"relays": relays} if relays else {}

    @property
    def share(self) -> int:
        """Return how many of ten thousand answers are to be sampled."""
        return self._samples.share

    def pids(self) -> list[int]:
        """Return the ids of the relays that work."""
        members = self._group.members if self._group is not None else []
        enforcing = [m.process.pid for m in members if m.process and m.process.is_running()]
        return [*enforcing, *self._samples.pids()]

    def request_stop(self, _drain_seconds: float) -> None:
        """Do nothing yet: relays are asked until the last request has ended."""

    def await_end(self, _hurry: Callable[[], bool]) -> bool:
        """End all; return whether they did so by themselves, as what nobody asks does."""
        for member in self._group.members if self._group is not None else ():
            if member.process is not None:
                member.process.hear()
        self._samples.hear()
        if self._inventory is not None:
            self._finds.record(self._inventory, at_once=True)
        self.kill()
        return True

    def kill(self) -> None:
        """End all now."""
        self.roll_back()
        self._samples.kill()
        group, self._group = self._group, None
        if group is not None:
            for member in group.members:
                if member.process is not None:
                    member.process.kill()
            close_listeners(group.listeners, but={})
        for process, _ in self._leaving:
            process.kill()
        self._leaving.clear()

    def _begin(self, inventory: Inventory, wanted: Mapping[str, Policy]) -> _Group:
        old = self._group.listeners if self._group is not None else {}
        many = self._processes if wanted else 0
        group = _Group(wanted, {}, [Member() for _ in range(many)])
        try:
            if wanted:
                private_folder(Path(inventory.state_folder, RELAY_FOLDER))
            for path in wanted:
                group.listeners[path] = old[path] if path in old else bound(path)
            for member in group.members:
                member.process = self._spawn(group)
            for member in group.members:
                if member.process is not None:
                    member.process.await_ready()
        except SealgateError:
            self._next = group
            self.discard()
            raise
        return group

    def _spawn(self, group: _Group) -> RelayProcess:
        plan = RelayPlan(
            tuple(group.policies.values()),
            tuple(group.listeners[path].fileno() for path in group.policies),
        )
        return RelayProcess(plan, self._finds.take)

    def _revive(self, group: _Group, member: Member[RelayProcess], now: float) -> None:
        member.revive(
            now,
            lambda: self._spawn(group),
            ended="a relay that inspects bodies ended or hung",
            retry_seconds=RETRY_SECONDS,
            tell=self._tell,
            waits=False,
        )

    def _leave(self, group: _Group, drain_seconds: float) -> None:
        until = time.monotonic() + drain_seconds + 5.0
        for member in group.members:
            if member.process is not None:
                member.process.request_stop(drain_seconds)
                self._leaving.append((member.process, until))

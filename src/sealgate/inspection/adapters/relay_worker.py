"""
One relay process: told what to do over a socket, and asked there whether it still works.

Run by the :mod:`sealgate.fork_server`. Answers come from the loop that serves, so one that is
stuck does not answer, and its parent ends it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

import uvloop

from sealgate.child_process import run_child
from sealgate.inspection.adapters.observer import Observing
from sealgate.inspection.adapters.relay import RelayService
from sealgate.inspection.adapters.relay_plan import written
from sealgate.inspection.signs import sign_finder

if TYPE_CHECKING:
    from sealgate.child_process import Parent
    from sealgate.inspection.adapters.relay_plan import RelayPlan
    from sealgate.inspection.model import Policy, Sighting

# Some tenths of a second: made where this is imported, once for all that are forked there.
sign_finder()
_REPORT_SECONDS = 1.0
# Sightings that differ only in their counts become one; more different ones are only counted.
_MOST_SIGHTINGS = 1000
_POLL_SECONDS = 0.02


# The socket is not ours to remove: others listen on it, too.
_SHARED: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}


class Reports:
    """Gathers sightings until they are sent to the parent."""

    def __init__(self) -> None:
        self._counts: dict[tuple[object, ...], tuple[Sighting, int]] = {}
        self.lost = 0

    def note(self, sighting: Sighting) -> None:
        """Take *sighting*."""
        key = (
            sighting.asset,
            sighting.place,
            sighting.outgoing,
            sighting.kept_back,
            sighting.refusal,
            frozenset(sighting.counts),
        )
        known = self._counts.get(key)
        if known is not None:
            self._counts[key] = _added(known[0], sighting), known[1] + 1
        elif len(self._counts) < _MOST_SIGHTINGS:
            self._counts[key] = sighting, 1
        else:
            self.lost += 1

    def taken(self) -> list[tuple[Sighting, int]]:
        """Return what was gathered, each with how many messages it stands for."""
        found = list(self._counts.values())
        self._counts.clear()
        return found


def _added(one: Sighting, other: Sighting) -> Sighting:
    counts = {kind: count + other.counts[kind] for kind, count in one.counts.items()}
    return type(one)(one.asset, one.place, one.outgoing, one.kept_back, counts, one.refusal)


class Relay:
    """The servers of one process."""

    def __init__(self, plan: RelayPlan, link: Parent) -> None:
        self._plan = plan
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._reports = Reports()
        self._services: list[RelayService | Observing] = []
        self._servers: list[asyncio.AbstractServer] = []
        self.ended: asyncio.Future[None] = self._loop.create_future()

    async def start(self) -> None:
        """Serve, and tell the parent so."""
        for policy, descriptor in zip(self._plan.policies, self._plan.listeners, strict=True):
            listener = socket.socket(fileno=descriptor)
            listener.setblocking(False)
            service = self._service(policy)
            self._services.append(service)
            server = await self._loop.create_unix_server(
                service.connected, sock=listener, **_SHARED
            )
            self._servers.append(server)
        self._loop.add_reader(self._link.fileno(), self._on_message)
        self._loop.call_later(_REPORT_SECONDS, self._report)
        self._link.send("ready", os.getpid())

    def _service(self, policy: Policy) -> RelayService | Observing:
        if policy.enforces:
            return RelayService(policy, self._reports, self._loop)
        return Observing(policy, self._reports, self._loop)

    def _report(self) -> None:
        if found := self._reports.taken():
            self._link.send("seen", [written(*one) for one in found])
        self._loop.call_later(_REPORT_SECONDS, self._report)

    def _on_message(self) -> None:
        try:
            message = self._link.receive()
        except (EOFError, OSError):
            os._exit(1)  # Nobody would notice any more when this process is stuck.
        match message:
            case ("status",):
                connections = sum(len(s.connections) for s in self._services)
                passed = sum(s.passed for s in self._services if isinstance(s, Observing))
                self._link.send("ok", {"connections": connections, "passed": passed})
            case ("stop", seconds):
                self._loop.create_task(self._drain(seconds))

    async def _drain(self, seconds: float) -> None:
        for server in self._servers:
            server.close()
        until = self._loop.time() + seconds
        while any(s.connections for s in self._services) and self._loop.time() < until:
            for service in self._services:
                service.close_idle()
            await asyncio.sleep(_POLL_SECONDS)
        if found := self._reports.taken():
            self._link.send("seen", [written(*one) for one in found])
        if not self.ended.done():
            self.ended.set_result(None)


async def _run(plan: RelayPlan, link: Parent) -> None:
    relay = Relay(plan, link)
    await relay.start()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    await relay.ended


def main() -> int:
    """Be the relay that the parent asks for."""
    return run_child(lambda parent, plan: uvloop.run(_run(plan, parent)))

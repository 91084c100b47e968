"""
The relays of one configuration at work: one process per core behind shared sockets.

Synchronous, like :class:`sealgate.app.gateway.Gateway` beside it. The listening sockets are
opened here and handed to the processes, so one that ended refuses nobody: what waits is
taken by another. A relay that does not answer is ended, and its requests fail; nothing
goes around it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.inspection_material import RELAY_FOLDER, check_inspection, policies
from sealgate.app.revival import Member
from sealgate.app.state import database_url
from sealgate.detect.catalogue import facts
from sealgate.errors import GatewayError, SealgateError
from sealgate.gateway.adapters.files import make_folder
from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.inspection.model import titles
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.detect.model import Kind
    from sealgate.inspection.adapters.relay_process import Seen
    from sealgate.inspection.model import Policy, Sighting
    from sealgate.policy.inventory import Inventory

# More processes than this would each hold tables of their own for little.
MAX_PROCESSES = 8
RETRY_SECONDS = 5.0
# Finds are written to the register at most so often.
RECORD_SECONDS = 10.0
_BACKLOG = 1024
_KEPT_PLACES = 200
SCHEMA = "sealgate/inspection/1"


@dataclass(slots=True)
class _Group:
    """
    What serves one set of policies.
    """

    policies: dict[str, Policy]
    listeners: dict[str, socket.socket]
    members: list[Member[RelayProcess]]


class Inspection:
    """
    The relays. *now* tells seconds since the epoch, *tell* takes a line for a person.
    """

    def __init__(
        self, *, now: Callable[[], float], tell: Callable[[str], None], processes: int | None = None
    ) -> None:
        self._now = now
        self._tell = tell
        self._processes = min(processes or len(os.sched_getaffinity(0)), MAX_PROCESSES)
        self._group: _Group | None = None
        self._next: _Group | None = None
        self._leaving: list[tuple[RelayProcess, float]] = []
        self._found: dict[str, dict[tuple[str, str], dict[Kind, int]]] = {}
        self._told: set[tuple[object, ...]] = set()
        self._record_at = 0.0

    def prepare(self, inventory: Inventory) -> None:
        """
        Have relays for *inventory* ready beside those that work now.

        Raises:
            ConfigError: they cannot be had.
            GatewayError: one cannot be started.
        """
        check_inspection(inventory)
        self.discard()
        wanted = policies(inventory)
        if self._group is not None and self._group.policies == wanted:
            return
        if not wanted and self._group is None:
            return
        self._next = self._begin(inventory, wanted)

    def apply(self, *, drain_seconds: float) -> tuple[str, ...]:
        """
        Let what was prepared work alone; returns what changed.
        """
        if self._next is None:
            return ()
        old, self._group, self._next = self._group, self._next, None
        if old is not None:
            self._leave(old, drain_seconds)
            close_listeners(old.listeners, but=self._group.listeners)
        return ("inspection",)

    def discard(self) -> None:
        """
        Let go of what was prepared and never applied.
        """
        if self._next is not None:
            group, self._next = self._next, None
            for member in group.members:
                if member.process is not None:
                    member.process.kill()
            close_listeners(group.listeners, but=self._group.listeners if self._group else {})

    def tick(self, inventory: Inventory) -> None:
        """
        Do what time brings: relays that ended or are stuck are replaced, finds recorded.
        """
        now = time.monotonic()
        group = self._group
        if group is not None:
            for member in group.members:
                if member.process is None or not member.process.works(now):
                    self._revive(group, member, now)
        staying = []
        for process, until in self._leaving:
            if process.is_running() and now < until:
                process.hear()
                staying.append((process, until))
            else:
                process.kill()
        self._leaving = staying
        if self._found and now >= self._record_at:
            self._record_at = now + RECORD_SECONDS
            self._record(inventory)

    def status(self) -> dict[str, object]:
        """
        Return what runs, as plain values.
        """
        return {"relays": self.pids()} if self._group is not None and self._group.policies else {}

    def pids(self) -> list[int]:
        """
        Return the ids of the relays that work.
        """
        members = self._group.members if self._group is not None else []
        return [m.process.pid for m in members if m.process and m.process.is_running()]

    def stop(self, inventory: Inventory) -> None:
        """
        End all; to be called when nothing is asked any more.
        """
        for member in self._group.members if self._group is not None else ():
            if member.process is not None:
                member.process.hear()
        if self._found:
            self._record(inventory)
        self.kill()

    def kill(self) -> None:
        """
        End all now.
        """
        self.discard()
        group, self._group = self._group, None
        if group is not None:
            for member in group.members:
                if member.process is not None:
                    member.process.kill()
            close_listeners(group.listeners, but={})
        for process, _ in self._leaving:
            process.kill()
        self._leaving.clear()

    def _begin(self, inventory: Inventory, wanted: dict[str, Policy]) -> _Group:
        old = self._group.listeners if self._group is not None else {}
        many = self._processes if wanted else 0
        group = _Group(wanted, {}, [Member() for _ in range(many)])
        try:
            if wanted:
                make_folder(str(Path(inventory.state_folder, RELAY_FOLDER)))
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
        return RelayProcess(plan, self._seen)

    def _revive(self, group: _Group, member: Member[RelayProcess], now: float) -> None:
        member.revive(
            now,
            lambda: self._spawn(group),
            ended="a relay that inspects bodies ended or hung",
            retry_seconds=RETRY_SECONDS,
            tell=self._tell,
        )

    def _leave(self, group: _Group, drain_seconds: float) -> None:
        until = time.monotonic() + drain_seconds + 5.0
        for member in group.members:
            if member.process is not None:
                member.process.request_stop(drain_seconds)
                self._leaving.append((member.process, until))

    def _seen(self, seen: Seen) -> None:
        for sighting, _ in seen:
            self._tell_once(sighting)
            places = self._found.setdefault(sighting.asset, {})
            way = "answer" if sighting.outgoing else "request"
            key = (sighting.place, way)
            if sighting.counts and (key in places or len(places) < _KEPT_PLACES):
                counts = places.setdefault(key, {})
                for kind, count in sighting.counts.items():
                    counts[kind] = counts.get(kind, 0) + count

    def _tell_once(self, sighting: Sighting) -> None:
        key = (sighting.asset, sighting.outgoing, sighting.refusal, frozenset(sighting.counts))
        if key in self._told or len(self._told) > _KEPT_PLACES:
            return
        self._told.add(key)
        what = titles(sighting.counts) or str(sighting.refusal)
        who = "the site answers with" if sighting.outgoing else "visitors send"
        held = "kept back" if sighting.kept_back else "seen, and sent on"
        self._tell(f"{sighting.asset}: {who} what is above its class: {what} ({held})")

    def _record(self, inventory: Inventory) -> None:
        at = self._now()
        model = inventory.model
        records = []
        for asset, places in self._found.items():
            kinds = {kind for counts in places.values() for kind in counts}
            if not kinds:
                continue
            computed = model.at_impact(max(facts(kind).traits.impact for kind in kinds))
            told = [
                {"path": path, "in": way, "kind": kind.value, "count": count}
                for (path, way), counts in sorted(places.items())
                for kind, count in sorted(counts.items())
            ]
            records.append(
                AssessmentRecord(
                    asset,
                    "route",
                    computed.id,
                    computed.id,
                    {"schema": SCHEMA, "found": told},
                    parent=f"site {asset.removeprefix('route ').partition('/')[0]}",
                    assessed_at=at,
                )
            )
        try:
            if records:
                with Register(database_url(inventory)) as register:
                    register.record_assessments(records, at=at)
        except SealgateError as error:
            # It stays noted, within bounds, and is tried again.
            self._tell(f"error: what inspection found could not be registered: {error.message}")
        else:
            self._found.clear()


def bound(path: str) -> socket.socket:
    """
    Return a socket that listens at *path*, for this user only.

    Raises:
        GatewayError: it cannot be had.
    """
    # One that is left of an earlier run belongs to nobody: the state folder is locked.
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        Path(path).chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise GatewayError(f'socket "{path}" cannot be had: {error.strerror}') from error
    return listener


def close_listeners(listeners: dict[str, socket.socket], *, but: dict[str, socket.socket]) -> None:
    """
    Close and remove *listeners*, *but* those.
    """
    for path, listener in listeners.items():
        if path not in but:
            listener.close()
            Path(path).unlink(missing_ok=True)

"""
The file servers of one configuration at work, and every change of that while they serve.

Synchronous and single-threaded, like :class:`sealgate.serve.gateway.EnvoyService` beside it. The
listening sockets are opened here and handed to the processes, so a server that crashed or
is replaced refuses nobody meanwhile. What a process does not take over ends that process:
one that goes by old rules would admit people who are out.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.app.state import database_url
from sealgate.errors import BugError, GatewayError, SealgateError
from sealgate.gateway.adapters.doors import bound, shown
from sealgate.policy.inventory import Address
from sealgate.protocols.table import SERVERS
from sealgate.protocols.workers_process import WorkerProcess
from sealgate.serve.file_servers_plan import ConfiguredServers
from sealgate.serve.revival import seen_off
from sealgate.serve.server_group import ServerGroup

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator

    from sealgate.policy.inventory import Inventory
    from sealgate.protocols.workers_plan import ServedDrops
    from sealgate.serve.deployment import Deployment
    from sealgate.serve.facts import Certificates
    from sealgate.serve.file_servers_material import FileServersMaterial
    from sealgate.serve.file_servers_plan import ConfiguredServer
    from sealgate.serve.maintenance import Maintenance
    from sealgate.serve.opened_keys import OpenedKeys
    from sealgate.serve.store_watch import StoreWatch


@dataclass(frozen=True, slots=True)
class _Next:
    """What was prepared: the groups of *fresh* processes wait until they are told to serve."""

    inventory: Inventory
    certificates: Certificates
    wanted: ConfiguredServers
    fresh: dict[str, ServerGroup]


@dataclass(frozen=True, slots=True)
class _Before:
    """What was served before a change."""

    inventory: Inventory | None
    certificates: Certificates | None
    wanted: ConfiguredServers | None
    groups: dict[str, ServerGroup]


class FileServers:
    """
    The file servers. *now* tells seconds since the epoch, *tell* takes a line for a person.

    *keys* opens the sealing keys where they are needed. *processes* is how many serve SFTP,
    by default one per usable core.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float],
        tell: Callable[[str], None],
        keys: OpenedKeys,
        processes: int | None = None,
    ) -> None:
        self._tell = tell
        self._keys = keys
        self._processes = processes or len(os.sched_getaffinity(0))
        self._now = now
        self._parts: tuple[FileServersMaterial, Maintenance, StoreWatch] | None = None
        self._inventory: Inventory | None = None
        self._certificates: Certificates | None = None
        self._wanted: ConfiguredServers | None = None
        self._next: _Next | None = None
        self._before: _Before | None = None
        self._groups: dict[str, ServerGroup] = {}
        self._leaving: list[tuple[WorkerProcess, float]] = []

    def prepare(self, wanted: Deployment) -> None:
        """
        Have servers for *wanted* ready beside those that serve; none of them takes anybody yet.

        Raises:
            ConfigError: with everything that keeps a promise from being kept.
            GatewayError: an address cannot be had, or a server cannot be started.
            SourceError: the state folder or the sealing keys cannot be used.
            PeerError: the service that keeps the sealing keys does not answer.
        """
        inventory, before = wanted.inventory, self._wanted
        if inventory.serves_files:
            found = self._loaded()[0].gather(wanted, before.served if before is not None else None)
        else:
            found = ConfiguredServers((), None, None, inventory.model, database_url(inventory), "")
        self._next = _Next(inventory, wanted.facts.certificates, found, {})
        for door in found.doors:
            old = self._groups.get(door.kind.name)
            if before is None or old is None or not _is_same(before, found, old, door):
                self._next.fresh[door.kind.name] = self._begin(door, old, found)
        for group in self._next.fresh.values():
            group.await_ready()

    def commit(self) -> tuple[str, ...]:
        """
        Serve what was prepared; returns what changed, once it is served.

        Raises:
            GatewayError: a server does not begin.
        """
        wanted, fresh = self._prepared.wanted, self._prepared.fresh
        before = self._before = _Before(
            self._inventory, self._certificates, self._wanted, dict(self._groups)
        )
        for group in fresh.values():
            group.serve()
        doors = [door.kind.name for door in wanted.doors]
        gone = [name for name in self._groups if name not in doors]
        same = [group for p, group in self._groups.items() if p in doors and p not in fresh]
        self._inventory, self._wanted = self._prepared.inventory, wanted
        self._certificates = self._prepared.certificates
        self._groups = {p: group for p, group in self._groups.items() if p in doors} | fresh
        changed = [_called(name) for name in (*fresh, *gone)]
        if before.wanted is not None and before.wanted.served != wanted.served:
            changed += [_called(group.door.kind.name) for group in same]
            self._serve(_served(wanted), same)
        return tuple(changed)

    def confirm(self, drain_seconds: float) -> None:
        """Have those that served before take nobody more, and end."""
        before, self._before, self._next = self._before, None, None
        if before is None or self._wanted is None:
            return
        for name, group in before.groups.items():
            now = self._groups.get(name)
            if now is not group:
                self._leave(group, drain_seconds)
                group.close(keep=now.listeners if now is not None else ())
        self._tell_fenced(before.wanted, self._wanted)

    def roll_back(self) -> None:
        """Have those serve that served before, by what they went by, and no others."""
        prepared, self._next = self._next, None
        before, self._before = self._before, None
        if before is not None:
            now, self._wanted, self._inventory = self._wanted, before.wanted, before.inventory
            self._certificates = before.certificates
            self._groups = before.groups
            if now is not None and self._wanted is not None and now.served != self._wanted.served:
                self._serve(_served(self._wanted), self._groups.values())
        for name, group in prepared.fresh.items() if prepared is not None else ():
            _give_up(group, self._groups.get(name))
        # What was prepared has written its own, which those that serve would show.
        if self._certificates is not None:
            self.refresh_certificate(self._certificates)

    @property
    def _prepared(self) -> _Next:
        if self._next is None:
            raise BugError("the file servers were not prepared")
        return self._next

    def _serve(self, served: ServedDrops, groups: Iterable[ServerGroup]) -> None:
        for group in groups:
            group.ask(lambda process: process.renew(served))
        # Sessions that end with their old process go by the new rules, too.
        self._asked_leaving(lambda process: process.renew(served))

    def _tell_fenced(self, before: ConfiguredServers | None, wanted: ConfiguredServers) -> None:
        old, new = _fenced(before), _fenced(wanted)
        for name, why in new.items():
            if old.get(name) != why:
                self._tell(
                    f'error: drop "{name}" is fenced off: {why}; all else is served'
                    f" (sealgate verify {name})"
                )
        for name in old.keys() - new.keys():
            if wanted.served is not None and any(d.name == name for d in wanted.served.drops):
                self._tell(f'drop "{name}" is served again: its store is whole')

    def _follow_stores(self, found: dict[str, str]) -> None:
        """Go by what the stores look like now."""
        before = self._wanted
        if before is None or before.served is None or found == _fenced(before):
            return
        served = replace(before.served, fenced=tuple(found.items()))
        self._wanted = replace(before, served=served)
        self._serve(served, self._groups.values())
        self._tell_fenced(before, self._wanted)

    def _loaded(self) -> tuple[FileServersMaterial, Maintenance, StoreWatch]:
        if self._parts is None:
            # A fifth of the time until a site is served; who has no drops does not pay it.
            from sealgate.serve.file_servers_material import FileServersMaterial  # noqa: PLC0415
            from sealgate.serve.maintenance import Maintenance  # noqa: PLC0415
            from sealgate.serve.store_watch import StoreWatch  # noqa: PLC0415

            self._parts = (
                FileServersMaterial(self._now, self._keys),
                Maintenance(self._now, self._tell),
                StoreWatch(self._now),
            )
        return self._parts

    def recheck(self) -> None:
        """
        Have every open session judged again, because identities changed.

        New sign-ins look at the identities anew in any case.
        """
        for group in self._groups.values():
            group.ask(lambda process: process.recheck())
        self._asked_leaving(lambda process: process.recheck())

    def refresh_certificate(self, certificates: Certificates) -> None:
        """
        Show a renewed certificate from now on.

        Raises:
            ConfigError: it cannot be served.
            SourceError: it cannot be read or written.
        """
        self._certificates = certificates
        if self._parts is not None and self._inventory is not None:
            self._parts[0].refresh_certificate(self._inventory, certificates)

    def tick(self) -> None:
        """Do what time brings: crashes are mended, leavers seen off, stores tended."""
        inventory = self._inventory
        if self._parts is not None and inventory is not None:
            found = self._parts[2].tick(inventory, self._keys.keyring, self.fenced)
            if found is not None:
                self._follow_stores(found)
            self._parts[1].tick(inventory, self._keys.keyring, self.fenced)
        now = time.monotonic()
        for group in self._groups.values():
            group.tick(now)
        self._leaving = seen_off(self._leaving, now)

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        servers = [told for group in self._groups.values() for told in group.status()]
        drops = self._wanted.served.drops if self._wanted and self._wanted.served else ()
        told = {drop.name: {"damaged": self.fenced.get(drop.name)} for drop in drops}
        return {**self.addresses(), "file_servers": servers, "drops": told}

    @property
    def fenced(self) -> dict[str, str]:
        """Return why each drop that is fenced off is so, by name."""
        return _fenced(self._wanted)

    def addresses(self) -> dict[str, list[str]]:
        """Return where each kind of door is, by the name of its setting."""
        found: dict[str, list[str]] = {one.name: [] for kind in SERVERS for one in kind.listens}
        for group in self._groups.values():
            for setting, addresses in group.door.addresses.items():
                found[setting] += [shown(one) for one in addresses]
        return found

    def pids(self) -> list[int]:
        """Return the ids of all processes that serve."""
        groups = self._groups.values()
        return [p.pid for group in groups for p in group.running() if p.is_running()]

    def request_stop(self, drain_seconds: float) -> None:
        """Have all accept nothing more, and let transfers end; returns at once."""
        for group in self._groups.values():
            self._end(group, drain_seconds)
        self._groups.clear()

    def await_end(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Return whether all that were asked to end did so in time; none runs then."""
        if self._parts is not None:
            self._parts[1].await_end(1.0)
        ended = [process.await_end(until, hurry) for process, until in self._leaving]
        self._leaving.clear()
        return all(ended)

    def kill(self) -> None:
        """End all now."""
        prepared, self._next = self._next, None
        if prepared is not None:
            for group in prepared.fresh.values():
                _give_up(group, None)
        for group in self._groups.values():
            group.kill()
            group.close()
        self._groups.clear()
        for process, _ in self._leaving:
            process.kill()
        self._leaving.clear()

    def _begin(
        self, door: ConfiguredServer, before: ServerGroup | None, wanted: ConfiguredServers
    ) -> ServerGroup:
        """Return a group whose processes start, and wait; nobody has waited for them yet."""
        old = before.listeners if before is not None else {}
        listeners: dict[Address, socket.socket] = {}
        many = min(self._processes, door.kind.most_processes)
        group = ServerGroup(door, listeners, many, self._spawn, self._tell)
        try:
            for address in door.all_addresses:
                listeners[address] = old[address] if address in old else bound(address)
            group.begin(lambda: self._spawned(group, wanted, waits=True))
        except SealgateError:
            _give_up(group, before)
            raise
        return group

    def _spawn(self, group: ServerGroup) -> WorkerProcess:
        if self._wanted is None:
            raise BugError("file servers were not prepared")
        return self._spawned(group, self._wanted, waits=False)

    def _spawned(
        self, group: ServerGroup, wanted: ConfiguredServers, *, waits: bool
    ) -> WorkerProcess:
        from sealgate.protocols.workers_plan import WorkerPlan  # noqa: PLC0415

        if wanted.served is None:
            raise BugError("file servers were not prepared")
        listeners, door = group.listeners, group.door
        plan = WorkerPlan(
            kind=door.kind,
            settings=door.settings,
            listeners={
                setting: tuple(listeners[one].fileno() for one in addresses)
                for setting, addresses in door.addresses.items()
            },
            database=wanted.database,
            log=wanted.log,
            keyring=wanted.keyring,
            served=wanted.served,
            model=wanted.model,
            state_folder=wanted.state_folder,
            waits=waits,
        )
        return WorkerProcess(plan, self._tell)

    def _asked_leaving(self, ask: Callable[[WorkerProcess], None]) -> None:
        for process, _ in self._leaving:
            if process.is_running():
                try:
                    ask(process)
                except GatewayError:
                    process.kill()

    def _leave(self, group: ServerGroup, drain_seconds: float) -> None:
        # What the process itself needs to hang up comes on top.
        until = time.monotonic() + drain_seconds + 5.0
        for process in group.running():
            process.request_stop(drain_seconds)
            self._leaving.append((process, until))

    def _end(self, group: ServerGroup, drain_seconds: float) -> None:
        self._leave(group, drain_seconds)
        group.close()


def _served(wanted: ConfiguredServers) -> ServedDrops:
    from sealgate.protocols.workers_plan import ServedDrops  # noqa: PLC0415

    return wanted.served or ServedDrops()


def _fenced(wanted: ConfiguredServers | None) -> dict[str, str]:
    return dict(wanted.served.fenced) if wanted is not None and wanted.served is not None else {}


def _is_same(
    before: ConfiguredServers, wanted: ConfiguredServers, group: ServerGroup, door: ConfiguredServer
) -> bool:
    # What is not in served, a process takes at its start only.
    return group.door == door and replace(before, served=wanted.served) == wanted


def _give_up(group: ServerGroup, before: ServerGroup | None) -> None:
    group.kill()
    group.close(keep=before.listeners if before is not None else ())


def _called(name: str) -> str:
    return f"{name} server"


def told_addresses(inventory: Inventory, transfer: FileServers) -> Iterator[str]:
    """Yield what a person is told of where files are served."""
    if not inventory.serves_files:
        return
    for kind, where in transfer.addresses().items():
        if where:
            yield f"serving {kind.replace('_', ' ')} on {', '.join(where)}"

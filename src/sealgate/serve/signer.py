"""
The process that signs what is served over plain HTTP: started where a route asks for it, and kept running.

Synchronous, like :class:`sealgate.serve.gateway.EnvoyService` beside it. The listening sockets are
opened here and handed to the process, so that questions wait while a crashed one is started
again; one that does not answer is ended, and its requests fail. Nothing goes around it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.files import private_folder
from sealgate.inspection.adapters.signer_plan import SignerPlan
from sealgate.inspection.adapters.signer_process import SignerProcess
from sealgate.policy.assets import route_asset
from sealgate.serve.listening import bound, close_listeners
from sealgate.serve.revival import Member, seen_off
from sealgate.serve.signer_policies import (
    SIGNER_FOLDER,
    signed_routes,
    signing_keys,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from sealgate.inspection.adapters.signer_plan import SignerPolicy
    from sealgate.policy.inventory import Inventory
    from sealgate.serve.deployment import Deployment
    from sealgate.signing.keys import SigningKey

RETRY_SECONDS = 5.0
# Keys that a person made meanwhile are noticed so soon.
KEYS_SECONDS = 30.0


@dataclass(slots=True)
class _Served:
    """What one process serves, and with which keys."""

    inventory: Inventory
    policies: Mapping[str, SignerPolicy]
    listeners: dict[str, socket.socket]
    keys: tuple[tuple[SigningKey, ...], ...]
    member: Member[SignerProcess] = field(default_factory=Member)


@dataclass(frozen=True, slots=True)
class _Before:
    """What worked before a change."""

    served: _Served | None


class Signer:
    """The signer. *now* tells seconds since the epoch, *tell* takes a line for a person."""

    def __init__(self, *, now: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._now = now
        self._tell = tell
        self._served: _Served | None = None
        self._next: _Served | None = None
        self._before: _Before | None = None
        self._leaving: list[tuple[SignerProcess, float]] = []
        self._keys_at = 0.0

    def prepare(self, deployment: Deployment) -> None:
        """
        Have a signer for *deployment* ready beside the one that works now.

        Raises:
            GatewayError: it cannot be started.
            SourceError: the folder of keys cannot be used.
        """
        self.discard()
        inventory, wanted = deployment.inventory, deployment.signers
        # A key that a person made is taken over with the rest.
        self._keys_at = 0.0
        if wanted == (self._served.policies if self._served else {}):
            return
        old = self._served.listeners if self._served else {}
        made = _Served(inventory, wanted, {}, self._keys(inventory, wanted))
        self._next = made
        try:
            if wanted:
                private_folder(Path(inventory.state_folder, SIGNER_FOLDER))
                for path in wanted:
                    made.listeners[path] = old[path] if path in old else bound(path)
                made.member.process = _spawned(made)
                made.member.process.await_ready()
        except SealgateError:
            self.discard()
            raise

    def commit(self) -> tuple[str, ...]:
        """Have what was prepared work; returns what changed. What worked before does still."""
        if self._next is None:
            return ()
        self._before, self._served, self._next = _Before(self._served), self._next, None
        return ("signing",)

    def confirm(self, drain_seconds: float) -> None:
        """Let the one go that worked before."""
        before, self._before = self._before, None
        old = before.served if before is not None else None
        if old is not None:
            if old.member.process is not None:
                old.member.process.request_stop(drain_seconds)
                self._leaving.append((old.member.process, time.monotonic() + drain_seconds + 5.0))
            close_listeners(old.listeners, but=self._served.listeners if self._served else {})

    def roll_back(self) -> None:
        """Have the one work that worked before, and no other."""
        if self._before is not None:
            self._next, self._served, self._before = self._served, self._before.served, None
        self.discard()

    def discard(self) -> None:
        """Let go of what was prepared and never applied."""
        made, self._next = self._next, None
        if made is not None:
            if made.member.process is not None:
                made.member.process.kill()
            close_listeners(made.listeners, but=self._served.listeners if self._served else {})

    def tick(self) -> bool:
        """
        Mend a crash, and take new keys over; return whether there were any.

        Raises:
            SourceError: the folder of keys cannot be used.
        """
        now = time.monotonic()
        served = self._served
        serves = served is not None and bool(served.policies)
        if (
            served is not None
            and serves
            and not (served.member.process and served.member.process.works(now))
        ):
            served.member.revive(
                now,
                lambda: _spawned(served),
                ended="the signer of answers ended or hung",
                retry_seconds=RETRY_SECONDS,
                tell=self._tell,
            )
        self._leaving = seen_off(self._leaving, now)
        if served is None or not serves or now < self._keys_at:
            return False
        self._keys_at = now + KEYS_SECONDS
        keys = self._keys(served.inventory, served.policies)
        changed, served.keys = keys != served.keys, keys
        if changed and served.member.process is not None:
            served.member.process.renew(keys)
        return changed

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        process = self._served.member.process if self._served is not None else None
        return {"signer": process.pid} if process is not None and process.is_running() else {}

    def request_stop(self, _drain_seconds: float) -> None:
        """Do nothing yet: it is asked until the last request has ended."""

    def await_end(self, _hurry: Callable[[], bool]) -> bool:
        """End it; return whether it did so by itself, as what nobody asks does."""
        self.kill()
        return True

    def kill(self) -> None:
        """End it now; to be called when nothing is asked any more."""
        self.roll_back()
        served, self._served = self._served, None
        if served is not None:
            if served.member.process is not None:
                served.member.process.kill()
            close_listeners(served.listeners, but={})
        for process, _ in self._leaving:
            process.kill()
        self._leaving.clear()

    def _keys(
        self, inventory: Inventory, policies: Mapping[str, SignerPolicy]
    ) -> tuple[tuple[SigningKey, ...], ...]:
        by_site = signing_keys(inventory, now=self._now())
        by_asset = {
            route_asset(site, route).id: by_site[site.name]
            for site, route in signed_routes(inventory)
        }
        return tuple(by_asset[policy.asset] for policy in policies.values())


def _spawned(served: _Served) -> SignerProcess:
    plan = SignerPlan(
        tuple(served.policies.values()),
        tuple(served.listeners[path].fileno() for path in served.policies),
        served.keys,
    )
    return SignerProcess(plan)

"""
The sign-in service of one configuration: started where people sign in, and kept running.

Synchronous and single-threaded, like :class:`sealgate.serve.gateway.EnvoyService` beside it. The
socket is opened here and handed to the process, so that questions wait while a crashed one
is started again. While none runs, Envoy lets nobody new in.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.state import database_url
from sealgate.errors import BugError, GatewayError
from sealgate.serve.revival import Member
from sealgate.serve.sign_in_material import socket_path

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealgate.serve.deployment import Deployment, SignInPlan
    from sealgate.serve.opened_keys import OpenedKeys
    from sealgate.signin.adapters.process import ServiceProcess
    from sealgate.storage.adapters.packed import PackedKeyring

# After a streak of crashes it is tried this often.
RETRY_SECONDS = 5.0
# New signing keys are made this often at the most, and announced before they are used.
KEYS_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _State:
    """What the service goes by; *codes* open what one-time codes are sealed with."""

    wanted: Deployment
    codes: PackedKeyring | None

    @property
    def service(self) -> SignInPlan | None:
        return self.wanted.sign_in

    def goes_by(self, other: _State | None) -> bool:
        """Return whether one that goes by *other* goes by this."""
        return other is not None and (self.service, self.codes) == (other.service, other.codes)


@dataclass(frozen=True, slots=True)
class _Before:
    """What was served before a change."""

    state: _State | None


class SignInService:
    """
    The service. *now* tells seconds since the epoch, *tell* takes a line for a person.

    *keys* opens the site's keys, where one-time codes are asked for.
    """

    def __init__(
        self, *, now: Callable[[], float], tell: Callable[[str], None], keys: OpenedKeys
    ) -> None:
        self._now = now
        self._keys = keys
        self._tell = tell
        self._state: _State | None = None
        self._next: _State | None = None
        self._before: _Before | None = None
        # Ready, and not served yet.
        self._fresh: ServiceProcess | None = None
        self._member: Member[ServiceProcess] = Member()
        # There is one while people sign in here, also while no process runs.
        self._listener: socket.socket | None = None
        self._path = ""
        self._keys_at = 0.0

    def prepare(self, wanted: Deployment) -> None:
        """
        Have a service ready for *wanted*, where none runs; nothing that is served changes.

        Raises:
            SealgateError: the site's keys cannot be had, or it cannot be started.
        """
        codes = self._packed(wanted)
        self._next = _State(wanted, codes)
        if wanted.sign_in is None or self._member.process is not None:
            return
        # Nobody comes to it before Envoy knows its socket.
        self._fresh = self._spawn(self._next)
        self._fresh.await_ready()

    def commit(self) -> tuple[str, ...]:
        """
        Serve what was prepared; returns what changed, once it is served.

        Raises:
            GatewayError: the service cannot be started.
        """
        wanted = self._next
        if wanted is None:
            raise BugError("nothing was prepared")
        before, self._before, self._state = self._state, _Before(self._state), wanted
        if wanted.service is None:
            return ("sign-in",) if self._listener is not None else ()
        if self._fresh is not None:
            self._member.process, self._fresh = self._fresh, None
            return ("sign-in",)
        if wanted.goes_by(before):
            return ()
        self._renew(wanted)
        return ("sign-in",)

    def confirm(self, _drain_seconds: float) -> None:
        """Let go of a service that nobody signs in at any more."""
        self._before = self._next = None
        if self._state is None or self._state.service is None:
            self.stop()

    def roll_back(self) -> None:
        """
        Have the service go by what was before, or end where none ran.

        Raises:
            GatewayError: it cannot be started.
        """
        wanted, self._next = self._next, None
        before, self._before = self._before, None
        if self._fresh is not None:
            self._fresh.kill()
            self._fresh = None
        if before is not None:
            self._state = before.state
        state = self._state
        if state is None or state.service is None:
            self.kill()
        elif before is not None and not (wanted and wanted.goes_by(state)):
            self._renew(state)

    def tick(self) -> bool:
        """Mend a crash; return whether it is time to look whether new signing keys are due."""
        now, state, process = time.monotonic(), self._state, self._member.process
        if self._listener is None or state is None:
            return False
        if process is None or not process.is_running():
            self._member.revive(
                now,
                lambda: self._spawn(state),
                ended="the sign-in service ended",
                retry_seconds=RETRY_SECONDS,
                tell=self._tell,
            )
        if now < self._keys_at:
            return False
        self._keys_at = now + KEYS_SECONDS
        return True

    def status(self) -> dict[str, object]:
        """Return what runs, as plain values."""
        process = self._member.process
        return {"sign_in_pid": process.pid if process and process.is_running() else None}

    def request_stop(self, _drain_seconds: float) -> None:
        """Do nothing yet: it is asked until the last request has ended."""

    def await_end(self, _hurry: Callable[[], bool]) -> bool:
        """Let it answer what it is at, and end; return whether it did."""
        self.stop()
        return True

    def stop(self) -> None:
        """Let it answer what it is at, and end."""
        if self._member.process is not None:
            self._member.process.stop()
        self._forget()

    def kill(self) -> None:
        """End it now."""
        for process in (self._member.process, self._fresh):
            if process is not None:
                process.kill()
        self._fresh = None
        self._forget()

    def _renew(self, state: _State) -> None:
        process = self._member.process
        if process is not None and state.service is not None:
            try:
                process.renew(state.service.served, state.codes)
            except GatewayError:
                # One that goes by old rules would let people in who are out.
                process.kill()
            else:
                return
        self._member.process = None
        fresh = self._spawn(state)
        fresh.await_ready()
        self._member.process = fresh

    def _spawn(self, state: _State) -> ServiceProcess:
        # Who needs no sign-in does not need its libraries.
        from sealgate.signin.adapters.plan import SignInServicePlan  # noqa: PLC0415
        from sealgate.signin.adapters.process import ServiceProcess, listening  # noqa: PLC0415

        inventory, service = state.wanted.inventory, state.service
        if service is None:
            raise BugError("nobody signs in here")
        if self._listener is None:
            self._path = socket_path(inventory)
            self._listener = listening(self._path)
        plan = SignInServicePlan(
            listener=self._listener.fileno(),
            database=database_url(inventory),
            state_folder=inventory.state_folder,
            served=service.served,
            slow=len(os.sched_getaffinity(0)),
            keyring=state.codes,
        )
        return ServiceProcess(plan)

    def _packed(self, wanted: Deployment) -> PackedKeyring | None:
        if wanted.sign_in is None or not wanted.sign_in.opens_codes:
            return None
        from sealgate.storage.adapters.packed import packed  # noqa: PLC0415  # as above

        return packed(self._keys.open(wanted.inventory))

    def _forget(self) -> None:
        self._member = Member()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                Path(self._path).unlink()

"""
The relay of routes that are only observed: there while samples come, and gone when none do.

The sockets are held here all the time. While no relay serves them, what comes is closed at
once (:mod:`sealgate.inspection.adapters.stand_in`), which has Envoy ask the site itself, and
a relay is started for the next. One that cannot be had is missed by nobody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError, SealgateError
from sealgate.files import private_folder
from sealgate.gateway.translate.inspection import MOST_SHARE, next_share
from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.inspection.adapters.stand_in import StandIn
from sealgate.serve.listening import bound, close_listeners
from sealgate.serve.relay_policies import RELAY_FOLDER
from sealgate.serve.revival import seen_off

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from sealgate.inspection.adapters.relay_process import Seen
    from sealgate.inspection.model import Policy

# A relay to which nothing came for so long is ended. A quiet site has a sample every few
# minutes: were this shorter, each would only start a relay, and none would be read.
QUIET_SECONDS = 300.0
# Over so long it is counted how many samples come in a second.
RATE_SECONDS = 5.0
# After a failure the next start has to wait; twice as long each time, until one has served
# for as long as a relay waits at least.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 600.0
SERVED_SECONDS = 60.0
# Nobody waits for a relay to be ready, nor for one that is not needed to end.
READY_SECONDS = 60.0
END_SECONDS = 60.0
# Enough for what comes within a moment; what comes on top, Envoy sends to the site itself.
_BACKLOG = 64


@dataclass(frozen=True, slots=True)
class _Set:
    """The observed routes of one configuration, and the socket of each."""

    policies: Mapping[str, Policy] = field(default_factory=dict)
    listeners: dict[str, socket.socket] = field(default_factory=dict)


class Samples:
    """The relay, its stand-in and its sockets. *seen* takes what it found, *tell* a line for a person."""

    def __init__(
        self,
        *,
        seen: Callable[[Seen], None],
        tell: Callable[[str], None],
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._seen = seen
        self._tell = tell
        self._quiet_seconds = quiet_seconds
        self._set = _Set()
        self._next: _Set | None = None
        self._before: _Set | None = None
        self._replaced: RelayProcess | None = None
        self._stand_in = StandIn()
        self._process: RelayProcess | None = None
        self._serves = False
        self._started_at = 0.0
        self._passed = 0
        self._rated = 0
        self._rated_at = 0.0
        self.share = MOST_SHARE
        """How many of ten thousand answers are to be sampled."""
        self._quiet_at = 0.0
        self._pause = 0.0
        self._start_at = 0.0
        self._leaving: list[tuple[RelayProcess, float]] = []

    def prepare(self, state_folder: str, wanted: Mapping[str, Policy]) -> None:
        """
        Have the sockets of *wanted* ready beside those of now.

        Raises:
            GatewayError: one cannot be had.
        """
        self.discard()
        if wanted == self._set.policies:
            return
        made = self._next = _Set(wanted)
        try:
            if wanted:
                private_folder(Path(state_folder, RELAY_FOLDER))
            for path in wanted:
                known = self._set.listeners.get(path)
                made.listeners[path] = known or bound(path, backlog=_BACKLOG)
        except SealgateError:
            self.discard()
            raise
        # Envoy may come before the rest is taken over.
        self._stand_in.stand_at({*self._set.listeners.values(), *made.listeners.values()})

    def commit(self) -> bool:
        """Let what was prepared hold; return whether that is a change."""
        if self._next is None:
            return False
        self._before, self._set, self._next = self._set, self._next, None
        # Its relay is asked nothing more; the next sample starts one for what holds now.
        self._stand_in.take_over()
        self._replaced, self._process = self._process, None
        return True

    def confirm(self, drain_seconds: float) -> None:
        """Let go of what held before; what its relay is at may go on for *drain_seconds*."""
        before, self._before = self._before, None
        self._see_off(drain_seconds)
        if before is not None:
            self._stand_in.stand_at(self._set.listeners.values())
            close_listeners(before.listeners, but=self._set.listeners)

    def roll_back(self) -> None:
        """Let what was before hold alone."""
        if self._before is not None:
            self._next, self._set, self._before = self._set, self._before, None
            self._see_off(END_SECONDS)
        self.discard()

    def discard(self) -> None:
        """Let go of what was prepared and never applied."""
        if self._next is not None:
            made, self._next = self._next, None
            self._stand_in.stand_at(self._set.listeners.values())
            close_listeners(made.listeners, but=self._set.listeners)

    def tick(self) -> None:
        """Do what time brings: start a relay that is asked for, end one that is not."""
        now = time.monotonic()
        self._leaving = seen_off(self._leaving, now)
        process = self._process
        asked = self._stand_in.was_asked()
        if process is None:
            # What asked last may have asked for routes that are observed no more.
            if asked and self._set.policies and now >= self._start_at:
                self._start(now)
        elif not process.is_running() or process.is_stopped():
            self._fail(now)
        elif self._serves:
            self._tend(process, now)
        else:
            process.hear()
            if process.is_ready:
                self._serves = True
                self._rated_at = now
                self._quiet_at = now + self._quiet_seconds
                self._stand_in.step_aside(process.fileno())
            elif now - self._started_at > READY_SECONDS:
                self._fail(now)

    def pids(self) -> list[int]:
        """Return the id of the relay, when one runs."""
        return [self._process.pid] if self._process and self._process.is_running() else []

    def hear(self) -> None:
        """Take what the relay has to say still."""
        if self._process is not None:
            self._process.hear()

    def kill(self) -> None:
        """End all now."""
        self.roll_back()
        self._stand_in.end()
        process, self._process = self._process, None
        for one in (*([process] if process else []), *(leaving for leaving, _ in self._leaving)):
            one.kill()
        self._leaving.clear()
        close_listeners(self._set.listeners, but={})
        self._set = _Set()

    def _start(self, now: float) -> None:
        policies, listeners = self._set.policies, self._set.listeners
        plan = RelayPlan(
            tuple(policies.values()), tuple(listeners[path].fileno() for path in policies)
        )
        self._started_at, self._serves = now, False
        self._passed = self._rated = 0
        try:
            self._process = RelayProcess(plan, self._seen)
        except GatewayError:
            self._fail(now)

    def _tend(self, process: RelayProcess, now: float) -> None:
        if not process.works(now):
            self._fail(now)
            return
        if now - self._started_at > SERVED_SECONDS:
            self._pause = 0.0
        if now - self._rated_at >= RATE_SECONDS:
            per_second = (process.passed - self._rated) / (now - self._rated_at)
            self.share = next_share(self.share, per_second)
            self._rated, self._rated_at = process.passed, now
        if process.connections or process.passed != self._passed:
            self._passed = process.passed
            self._quiet_at = now + self._quiet_seconds
        elif now >= self._quiet_at:
            self._leave(END_SECONDS)

    def _fail(self, now: float) -> None:
        self._stand_in.take_over()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
        if not self._pause:
            self._tell(
                "error: the relay that reads samples of answers ended or hung; requests go to "
                "their sites without it, and it is tried again"
            )
        self._pause = min(max(FIRST_PAUSE_SECONDS, 2 * self._pause), LONGEST_PAUSE_SECONDS)
        self._start_at = now + self._pause

    def _leave(self, drain_seconds: float) -> None:
        self._stand_in.take_over()
        self._replaced, self._process = self._process, None
        self._see_off(drain_seconds)

    def _see_off(self, drain_seconds: float) -> None:
        process, self._replaced = self._replaced, None
        if process is not None:
            process.request_stop(drain_seconds)
            self._leaving.append((process, time.monotonic() + drain_seconds + 5.0))

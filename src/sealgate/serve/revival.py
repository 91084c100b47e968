"""Processes of our own: one that ended is started again, not too often; one that leaves is seen off."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from sealgate.child_process import ChildProcess
from sealgate.errors import SealgateError
from sealgate.serve.crashes import Crashes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

P = TypeVar("P", bound=ChildProcess)


@dataclass(slots=True)
class Member(Generic[P]):
    """One process, ``None`` while it does not run, and the crashes of its place."""

    process: P | None = None
    crashes: Crashes = field(default_factory=Crashes)
    retry_at: float = 0.0

    def revive(
        self,
        now: float,
        spawn: Callable[[], P],
        *,
        ended: str,
        retry_seconds: float,
        tell: Callable[[str], None],
        waits: bool = True,
    ) -> None:
        """
        Start the process anew with *spawn*, when it may be; what is left of the old one goes.

        *tell* takes *ended* when it is seen to have ended, and what stands against its start.
        One that crashes again and again is tried after *retry_seconds*. *now* is monotonic.
        Where nothing *waits* until it is ready, the caller sees to one that never is.
        """
        if self.process is not None:
            self.process.kill()
            self.process = None
            if self.crashes.note(now):
                self.retry_at = now + retry_seconds
            tell(f"error: {ended}, and is started again")
        if now < self.retry_at or not self.crashes.may_start(now):
            return
        self.crashes.started()
        try:
            process = spawn()
            if waits:
                # One that is not ready in time is ended.
                process.await_ready()
        except SealgateError as error:
            tell(f"error: {error.message}")
            if self.crashes.note(time.monotonic()):
                self.retry_at = time.monotonic() + retry_seconds
        else:
            self.process = process


def seen_off(leaving: Iterable[tuple[P, float]], now: float) -> list[tuple[P, float]]:
    """
    Hear the processes that are *leaving*, and end those whose time is up; return the others.

    Each comes with the time (monotonic, as *now*) until which it may finish.
    """
    staying = []
    for process, until in leaving:
        if process.is_running() and now < until:
            process.hear()
            staying.append((process, until))
        else:
            process.kill()
    return staying

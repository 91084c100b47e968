"""
A relay process as its parent sees it: started, asked, ended.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from multiprocessing.connection import Pipe
from typing import TYPE_CHECKING, Any

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.inspection.adapters.relay_plan import RelayPlan
    from sealgate.inspection.model import Sighting

READY_SECONDS = 20.0
# A relay that does not answer within this is stuck: it is ended, and what waits for it fails.
ANSWER_SECONDS = 5.0
_MODULE = "sealgate.inspection.adapters.relay_worker"
_POLL_SECONDS = 0.05

Seen = list[tuple["Sighting", int]]


class RelayProcess:
    """
    One process for *plan*; *seen* takes what it found.

    The kernel kills it when the thread that started it ends (prctl(2)).
    """

    def __init__(self, plan: RelayPlan, seen: Callable[[Seen], None]) -> None:
        self._seen = seen
        self._asked_at: float | None = None
        self._link, theirs = Pipe()
        command = [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())]
        try:
            self._child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), *plan.listeners),
                # A terminal's Ctrl-C is for the parent.
                start_new_session=True,
            )
            self._link.send(("plan", plan))
        except OSError as error:
            self._link.close()
            raise GatewayError(f"a relay cannot be started: {error.strerror}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """
        Return its process id.
        """
        return self._child.pid

    def is_running(self) -> bool:
        """
        Return whether it lives.
        """
        return self._child.poll() is None

    def await_ready(self) -> None:
        """
        Return once it serves.

        Raises:
            GatewayError: it ended, or is not ready in time; then it does not run.
        """
        until = time.monotonic() + READY_SECONDS
        try:
            while self._link.poll(max(0.0, until - time.monotonic())):
                if self._link.recv()[0] == "ready":
                    return
            reason = f"a relay is not ready within {READY_SECONDS:g} seconds"
        except (EOFError, OSError):
            reason = "a relay ended before it was ready"
        self.kill()
        raise GatewayError(reason)

    def works(self, now: float) -> bool:
        """
        Return whether it lives and answers; asks it again. *now* is monotonic.

        Never waits: call it every second or so.
        """
        if not self.is_running():
            return False
        self.hear()
        if self._asked_at is not None:
            return now - self._asked_at <= ANSWER_SECONDS
        try:
            self._link.send(("status",))
        except OSError:
            return False
        self._asked_at = now
        return True

    def hear(self) -> None:
        """
        Take what it had to say meanwhile.
        """
        with contextlib.suppress(EOFError, OSError):
            while self._link.poll():
                kind, content = self._link.recv()
                if kind == "seen":
                    self._seen(content)
                elif kind == "ok":
                    self._asked_at = None

    def request_stop(self, drain_seconds: float) -> None:
        """
        Have it accept nothing more and end, within *drain_seconds*; returns at once.
        """
        with contextlib.suppress(OSError):
            self._link.send(("stop", drain_seconds))

    def await_end(self, until: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """
        Return whether it ended by itself before the monotonic time *until*; then it is gone.
        """
        while self.is_running():
            self.hear()
            if time.monotonic() > until or hurry():
                self.kill()
                return False
            time.sleep(_POLL_SECONDS)
        self.hear()
        self._link.close()
        return True

    def kill(self) -> None:
        """
        End it now, also when it is stopped.
        """
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self.hear()
        self._link.close()

    def status(self) -> dict[str, Any]:
        """
        Return what is known of it, without asking.
        """
        return {"pid": self.pid if self.is_running() else None}

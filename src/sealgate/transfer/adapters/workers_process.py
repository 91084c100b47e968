"""
A server process as its parent sees it: started, asked, ended.
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

    from sealgate.transfer.adapters.workers_plan import Served, WorkerPlan

READY_SECONDS = 20.0
ANSWER_SECONDS = 15.0
_MODULE = "sealgate.transfer.adapters.workers"
_POLL_SECONDS = 0.05


class WorkerProcess:
    """
    One process for *plan*; *tell* takes its lines for a person.

    The kernel kills it when the thread that started it ends (prctl(2)), so that must live
    as long as the process is to.
    """

    def __init__(self, plan: WorkerPlan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._tell = tell
        self._link, theirs = Pipe()
        handed = (theirs.fileno(), *plan.listeners, *plan.implicit)
        command = [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())]
        try:
            self._child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=handed,
                # A terminal's Ctrl-C is for the parent.
                start_new_session=True,
            )
            self._link.send(("plan", plan))
        except OSError as error:
            self._link.close()
            raise GatewayError(f"a file server cannot be started: {error.strerror}") from error
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
        try:
            self._await("ready", READY_SECONDS)
        except GatewayError:
            self.kill()
            raise

    def renew(self, served: Served) -> None:
        """
        Have it go by *served*; returns once it does.

        Raises:
            GatewayError: it cannot, or does not answer.
        """
        self._ask("serve", served)

    def recheck(self) -> None:
        """
        Have it judge open sessions again; returns once it has.

        Raises:
            GatewayError: it does not answer.
        """
        self._ask("recheck")

    def status(self) -> dict[str, Any]:
        """
        Return what it says of itself.

        Raises:
            GatewayError: it does not answer.
        """
        told: dict[str, Any] = self._ask("status")
        return told

    def hear(self) -> None:
        """
        Pass on what it had to say meanwhile.
        """
        with contextlib.suppress(EOFError, OSError, GatewayError):
            while self._link.poll():
                self._take(self._link.recv())

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
        End it now.
        """
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self.hear()
        self._link.close()

    def _ask(self, *request: Any) -> Any:
        try:
            self._link.send(request)
        except OSError as error:
            raise GatewayError("a file server does not answer") from error
        return self._await("ok", ANSWER_SECONDS)

    def _await(self, wanted: str, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while True:
            try:
                if not self._link.poll(max(0.0, until - time.monotonic())):
                    raise GatewayError(f"a file server does not answer within {seconds:g} seconds")
                kind, content = self._link.recv()
            except (EOFError, OSError) as error:
                raise GatewayError("a file server ended unexpectedly") from error
            if kind == wanted:
                return content
            self._take((kind, content))

    def _take(self, message: tuple[str, Any]) -> None:
        kind, content = message
        if kind == "tell":
            self._tell(content)
        elif kind in {"failed", "error"}:
            raise GatewayError(f"{self._plan.protocol.value}: {content}")

"""
The service process as its parent sees it: started, told, ended.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import time
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from sealgate.signin.adapters.plan import Plan
    from sealgate.signin.model import Served

READY_SECONDS = 20.0
ANSWER_SECONDS = 10.0
STOP_SECONDS = 5.0
_MODULE = "sealgate.signin.adapters.child"
_BACKLOG = 512


def listening(path: str) -> socket.socket:
    """
    Return a Unix socket at *path*, which only this user may connect to.

    Raises:
        GatewayError: it cannot be had.
    """
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            # What another run left; a file of another kind is not ours to remove.
            if stat.S_ISSOCK(Path(path).lstat().st_mode):
                Path(path).unlink()
        before = os.umask(0o177)
        try:
            one.bind(path)
        finally:
            os.umask(before)
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        raise GatewayError(
            f'the socket of the sign-in service "{path}" cannot be had: {error.strerror or error}',
            hint="a shorter state_folder helps where the path is too long",
        ) from error
    return one


class ServiceProcess:
    """
    One process for *plan*.

    The kernel kills it when the thread that started it ends (prctl(2)), so that must live
    as long as the process is to.
    """

    def __init__(self, plan: Plan) -> None:
        self._link, theirs = Pipe()
        command = [sys.executable, "-P", "-m", _MODULE, str(theirs.fileno())]
        try:
            self._child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), plan.listener),
                # A terminal's Ctrl-C is for the parent.
                start_new_session=True,
            )
            self._link.send(("plan", plan))
        except OSError as error:
            self._link.close()
            raise GatewayError(
                f"the sign-in service cannot be started: {error.strerror}"
            ) from error
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
            GatewayError: it does not answer.
        """
        try:
            self._link.send(("serve", served))
        except OSError as error:
            raise GatewayError("the sign-in service does not answer") from error
        self._await("ok", ANSWER_SECONDS)

    def stop(self) -> None:
        """
        Let it answer what it is at, and end.
        """
        with contextlib.suppress(OSError):
            self._link.send(("stop",))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """
        End it now.
        """
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        self._link.close()

    def _await(self, wanted: str, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while True:
            try:
                if not self._link.poll(max(0.0, until - time.monotonic())):
                    raise GatewayError(
                        f"the sign-in service does not answer within {seconds:g} seconds"
                    )
                kind, content = self._link.recv()
            except (EOFError, OSError) as error:
                raise GatewayError("the sign-in service ended unexpectedly") from error
            if kind == wanted:
                return content
            raise GatewayError(f"the sign-in service: {content}")

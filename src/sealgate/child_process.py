"""
A process of our own that works for this one: started, asked, told, ended.

Both halves are here. A room subclasses :class:`ChildProcess` for what its process can be
asked; the process itself is what :func:`run_child` makes of it. What it is to be goes over a socket
that only the two hold, never over the command line or the environment: it may hold keys.

Down go whole values, pickled. Up come plain ones, a line of JSON each: a process that reads what
strangers send may be theirs one day, and unpickling what it says would make the parent theirs, too.
Nor is it waited for in the middle of a line.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pickle
import resource
import select
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.errors import GatewayError, SealgateError
from sealgate.fork_server import FORK_SERVER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

READY_SECONDS = 20.0
ANSWER_SECONDS = 15.0
# A watched process that does not answer within this is stuck.
STUCK_SECONDS = 5.0
_TICKS = os.sysconf("SC_CLK_TCK")
# What a process says at once is shorter by far.
MOST_SAID_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 65536
# One that never stops talking does not keep its parent from all else.
_MOST_HEARD = 1000
_POLL_SECONDS = 0.05
_KILL = 9


class ChildProcess:
    """
    The process that runs *module* for *plan*, as its parent sees it.

    *called* is what messages call it, with its article. *handed* are the descriptors that it
    inherits under their numbers. It is forked by the :mod:`sealgate.fork_server`, which imports
    what is *needed* besides.

    Raises:
        GatewayError: it cannot be started.
    """

    def __init__(
        self,
        called: str,
        module: str,
        plan: object,
        handed: Sequence[int],
        needed: Sequence[str] = (),
    ) -> None:
        self._called = called
        self._said = bytearray()
        self._link, theirs = Pipe()
        try:
            numbers = dict.fromkeys((theirs.fileno(), *handed))
            self._child, parent = FORK_SERVER.fork(module, tuple(numbers), needed)
            self.tell(parent, plan)
        except GatewayError as error:
            self._link.close()
            raise GatewayError(f"{called} cannot be started: {error.message}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._child.pid

    def is_running(self) -> bool:
        """Return whether it lives."""
        return self._child.is_running()

    def is_stopped(self) -> bool:
        """Return whether somebody stopped it (SIGSTOP), so that it lives and does nothing."""
        return self._scheduled()[0] == "T"

    def is_starved(self, since_cpu: float, most: float) -> bool:
        """
        Return whether it waits for a core (proc(5)).

        It could run, and took less than *most* seconds of processor time since it had taken
        *since_cpu*.
        """
        state, used = self._scheduled()
        return state == "R" and used - since_cpu < most

    def cpu_seconds(self) -> float:
        """Return how much processor time it took; 0 when it has gone."""
        return self._scheduled()[1]

    def _scheduled(self) -> tuple[str, float]:
        try:
            # The name in parentheses may hold anything.
            told = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
            fields = told.rpartition(")")[2].split()
            return fields[0], (int(fields[11]) + int(fields[12])) / _TICKS
        except (OSError, ValueError, IndexError):
            return "", 0.0

    def fileno(self) -> int:
        """Return the socket to it, which hangs up when it ends."""
        return self._link.fileno()

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

    def tell(self, *message: Any) -> None:
        """Send *message*, and wait for nothing; one that has gone needs none."""
        with contextlib.suppress(OSError):
            self._link.send_bytes(pickle.dumps(message))

    def ask(self, *request: Any) -> Any:
        """
        Return what it answers to *request*.

        Raises:
            GatewayError: it refused, has gone, or does not answer in time.
        """
        try:
            # Connection.send() would leave a view of a buffer in the traceback of a failure, which
            # Python 3.13 complains of when it collects the two together.
            self._link.send_bytes(pickle.dumps(request))
        except OSError as error:
            raise GatewayError(f"{self._called} does not answer") from error
        return self._await("ok", ANSWER_SECONDS)

    def hear(self) -> None:
        """Take what it had to say meanwhile."""
        with contextlib.suppress(EOFError, OSError, GatewayError):
            for _ in range(_MOST_HEARD):
                message = self._next(until=0.0)
                if message is None:
                    return
                self._take(*message)

    def request_stop(self, drain_seconds: float) -> None:
        """Have it accept nothing more and end, within *drain_seconds*; returns at once."""
        self.tell("stop", drain_seconds)

    def await_end(self, until: float, hurry: Callable[[], bool] = lambda: False) -> bool:
        """Return whether it ended by itself before the monotonic time *until*; then it is gone."""
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
        """End it now, also when it is stopped."""
        self._child.kill()
        self.hear()
        self._link.close()

    def _await(self, wanted: str, seconds: float) -> Any:
        until = time.monotonic() + seconds
        while True:
            try:
                message = self._next(until)
            except (EOFError, OSError) as error:
                raise GatewayError(f"{self._called} ended unexpectedly") from error
            if message is None:
                raise GatewayError(f"{self._called} does not answer within {seconds:g} seconds")
            kind, content = message
            if kind == wanted:
                return content
            self._take(kind, content)

    def _next(self, until: float) -> tuple[str, Any] | None:
        """
        Return the kind and the content of the next message; ``None``: none is whole by *until*.

        Raises:
            GatewayError: it is none; then the process is ended, for it is not ours any more.
            EOFError, OSError: it has gone.
        """
        said = self._said
        while (end := said.find(b"\n")) < 0:
            if len(said) > MOST_SAID_BYTES:
                raise self._distrusted()
            if not self._link.poll(max(0.0, until - time.monotonic())):
                return None
            came = os.read(self._link.fileno(), _PIECE_BYTES)
            if not came:
                raise EOFError
            said += came
        line = bytes(said[:end])
        del said[: end + 1]
        with contextlib.suppress(ValueError, RecursionError):
            match json.loads(line):
                case [str() as kind, content]:
                    return kind, content
        raise self._distrusted()

    def _distrusted(self) -> GatewayError:
        """End the process, and return the error that tells why."""
        self._child.kill()
        return GatewayError(f"{self._called} said what it never says, and was ended")

    def _take(self, kind: str, content: Any) -> None:
        """Take a message that nobody waits for."""
        if kind in {"failed", "error"}:
            raise GatewayError(f"{self._called}: {content}")


class WatchedProcess(ChildProcess):
    """
    One that answers from the loop that serves, so that silence tells that it is stuck.

    It is ended then, and what waits for it fails. One that is stopped is so at once. One that
    is silent for *silent_seconds* is, unless it only waits for a core: a busy machine is no
    reason to end what works. After STUCK_SECONDS it is in any case.
    """

    silent_seconds = STUCK_SECONDS

    def __init__(self, called: str, module: str, plan: object, handed: Sequence[int]) -> None:
        self._asked_at: float | None = None
        self._asked_cpu = 0.0
        super().__init__(called, module, plan, handed)

    def works(self, now: float) -> bool:
        """
        Return whether it lives and answers; asks it again. *now* is monotonic.

        Never waits: call it every second or more often.
        """
        if not self.is_running() or self.is_stopped():
            return False
        self.hear()
        if self._asked_at is not None:
            silent = now - self._asked_at
            return silent <= self.silent_seconds or (
                silent <= STUCK_SECONDS and self.is_starved(self._asked_cpu, self.silent_seconds)
            )
        # One that cannot be told is one that does not answer.
        self._asked_at, self._asked_cpu = now, self.cpu_seconds()
        self.tell("status")
        return True

    def _take(self, kind: str, content: Any) -> None:
        if kind == "ok":
            self._asked_at = None
        else:
            super()._take(kind, content)


class Parent:
    """The process that this one works for, at the other end of *link*."""

    def __init__(self, link: Connection) -> None:
        self._link = link
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Return the descriptor that can be read when it has something to say."""
        return self._link.fileno()

    def poll(self, seconds: float) -> bool:
        """
        Return whether it has something to say within *seconds*.

        Raises:
            EOFError, OSError: it has gone.
        """
        return self._link.poll(seconds)

    def receive(self) -> tuple[Any, ...]:
        """
        Return what it says next.

        Raises:
            EOFError, OSError: it has gone.
        """
        message: tuple[Any, ...] = self._link.recv()
        return message

    def send(self, kind: str, content: object = None) -> None:
        """Tell it *content*: what JSON carries. One that has gone needs none. Any thread may."""
        left = memoryview(json.dumps((kind, content)).encode() + b"\n")
        with self._lock, contextlib.suppress(OSError):
            while left:
                try:
                    left = left[os.write(self._link.fileno(), left) :]
                except BlockingIOError:
                    # An event loop that watches the socket made it so; half a line is no message.
                    room = select.poll()
                    room.register(self._link.fileno(), select.POLLOUT)
                    room.poll()


def run_child(work: Callable[[Parent, Any], None]) -> int:
    """
    Do *work* for the parent at the other end of the socket ``argv[1]``, by the plan that it sent.

    Returns the exit code of this process. What cannot be done is told to the parent.
    """
    # What is in memory here is for nobody, and is written nowhere, not by a crash either.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    begun = _parent_of(sys.argv[1])
    if begun is None:
        return 1
    parent, plan = begun
    try:
        work(parent, plan)
    except SealgateError as error:
        parent.send("failed", error.message)
        return 1
    return 0


def _parent_of(descriptor: str) -> tuple[Parent, Any] | None:
    """
    Return the socket to the parent and the plan that it sent; ``None`` when it has gone.

    From here on this process ends with its parent, whatever that ends by: what nobody
    supervises would go on admitting people. Signals that a terminal, or systemd, sends to
    all are for the parent, which then has this process end in order.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    link = Parent(Connection(int(descriptor)))
    try:
        parent, plan = link.receive()
    except (EOFError, OSError):
        return None
    # prctl(2): PR_SET_PDEATHSIG (1). It is set after the start, so a parent that died in
    # between is looked for by hand.
    zero = ctypes.c_ulong(0)
    failed = ctypes.CDLL(None).prctl(1, ctypes.c_ulong(_KILL), zero, zero, zero)
    if failed or os.getppid() != parent:
        return None
    os.umask(0o077)
    return link, plan

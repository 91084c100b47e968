"""
The process that our own processes are forked from: it imports what they need, once.

Importing takes most of what it takes to start one, and most of its memory; one that is forked
is there in milliseconds, and shares the pages. (multiprocessing calls this start method
"forkserver"; its processes are children of the server alone, whose end it does not watch.)

Run as ``python -P -m sealgate.fork_server FD``. It has one thread, and holds nothing of anybody:
what a process is to do goes over a socket that only its two ends hold. It ends when the
process that started it ends, and then the kernel kills what was forked from it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The first of a kind waits for its imports, and for what is imported ahead. One that takes longer
# is taken for stuck, and ended with all that it forked.
_FORK_SECONDS = 60.0
_MESSAGE_BYTES = 65536
# SCM_MAX_FD of the kernel: so many go in one message.
_MOST_DESCRIPTORS = 253
# A process is shown by its module, in place of the arguments of this one (proc(5): cmdline).
_ROOM_FOR_TITLE = "-" * 100


class Forked:
    """
    A process as who asked for it sees it: its *pid*, and the descriptor that stands for it.

    The descriptor (pidfd_open(2)) is this process and no other, also when the number is used again.
    """

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)

    def is_running(self) -> bool:
        """Return whether it lives."""
        return not self._ended(0)

    def kill(self) -> None:
        """End it now, also when it is stopped; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        self._ended(None)

    def _ended(self, milliseconds: int | None) -> bool:
        watch = select.poll()
        watch.register(self._descriptor, select.POLLIN)
        return bool(watch.poll(milliseconds))


class ForkServer:
    """The server as its parent sees it. It is started when it is needed, also again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def load(self, modules: Sequence[str]) -> None:
        """Have it import *modules*, and wait for nothing; what cannot be imported is told later."""
        with self._lock, contextlib.suppress(OSError):
            _, link = self._started()
            _request(link, modules, ())

    def fork(
        self, module: str, descriptors: Sequence[int], needed: Sequence[str] = ()
    ) -> tuple[Forked, int]:
        """
        Have a process run ``main()`` of *module*; returns it and the pid of its parent.

        What it imports itself later is imported each time, unless those modules are *needed*.

        It inherits *descriptors*, each one once, under their numbers, and no others.
        The number of the first is its only argument.

        Raises:
            GatewayError: it cannot be started.
        """
        with self._lock:
            try:
                return self._asked([module, *needed], descriptors)
            except (OSError, EOFError):
                # It was killed. What it had forked has ended, too.
                self.close()
            try:
                return self._asked([module, *needed], descriptors)
            except (OSError, EOFError) as error:
                self.close()
                raise GatewayError("the server that forks processes does not answer") from error

    def close(self) -> None:
        """End it, and so what was forked from it. Another one is started when it is needed."""
        if self._link is not None:
            self._link.close()
        if self._server is not None:
            self._server.kill()
            self._server.wait()
        self._link = self._server = None

    def _asked(self, modules: Sequence[str], descriptors: Sequence[int]) -> tuple[Forked, int]:
        server, link = self._started()
        _request(link, modules, descriptors)
        answer, came, _, _ = socket.recv_fds(link, _MESSAGE_BYTES, 1)
        if not answer:
            raise EOFError
        if not came:
            raise GatewayError(json.loads(answer))
        return Forked(json.loads(answer), came[0]), server.pid

    def _started(self) -> tuple[subprocess.Popen[bytes], socket.socket]:
        if self._server is None or self._link is None:
            self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._link.settimeout(_FORK_SECONDS)
            with theirs:
                self._server = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                    [
                        *(sys.executable, "-P", "-m", "sealgate.fork_server"),
                        *(str(theirs.fileno()), _ROOM_FOR_TITLE),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    # A terminal's Ctrl-C is for the parent.
                    start_new_session=True,
                )
        return self._server, self._link


def _request(link: socket.socket, modules: Sequence[str], descriptors: Sequence[int]) -> None:
    """Ask for a process of the first of *modules*; without *descriptors*, to import them all."""
    left = list(descriptors)
    while True:
        some, left = left[:_MOST_DESCRIPTORS], left[_MOST_DESCRIPTORS:]
        socket.send_fds(link, [json.dumps([modules, some, bool(left)]).encode()], some)
        if not left:
            return


# One for each process that starts others.
FORK_SERVER = ForkServer()


def main() -> int:
    """Fork what the parent asks for; in what was forked, be that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # No memory of what is forked is written anywhere, not by a crash either.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.disable()
    _show_as("sealgate: sealgate.fork_server")
    forked = _serve(socket.socket(fileno=int(sys.argv[1])))
    return 0 if forked is None else forked()


def _serve(link: socket.socket) -> Callable[[], int] | None:
    """Return what to be, in a process that was forked; in the server ``None``, at the end."""
    watch = select.poll()
    watch.register(link, select.POLLIN)
    running: dict[int, int] = {}  # the descriptor of each process, and its number
    while True:
        ready = {descriptor for descriptor, _ in watch.poll()}
        for descriptor in ready & running.keys():
            watch.unregister(descriptor)
            os.waitpid(running.pop(descriptor), 0)
            os.close(descriptor)
        if link.fileno() not in ready:
            continue
        asked = _received(link)
        if asked is None:
            return None
        names, numbers, came = asked
        if not numbers:
            _load(names)
            continue
        try:
            module, *_ = map(importlib.import_module, names)
            entry: Callable[[], int] = module.main
            # Pages that no collection of garbage writes to stay shared.
            gc.freeze()
            pid = os.fork()
        except (Exception, SystemExit) as error:  # noqa: BLE001  # others go on
            traceback.print_exc()
            _answer(link, f"{type(error).__name__}: {error}")
        else:
            if pid == 0:
                link.detach()
                _become(names[0], numbers, came)
                return entry
            descriptor = os.pidfd_open(pid)
            running[descriptor] = pid
            watch.register(descriptor, select.POLLIN)
            _answer(link, pid, descriptor)
        for descriptor in came:
            os.close(descriptor)


def _received(link: socket.socket) -> tuple[list[str], list[int], list[int]] | None:
    """Return the modules, the numbers and the descriptors of a request; ``None`` at the end."""
    numbers: list[int] = []
    came: list[int] = []
    while True:
        message, some, _, _ = socket.recv_fds(link, _MESSAGE_BYTES, _MOST_DESCRIPTORS)
        if not message:
            return None
        names, under, more = json.loads(message)
        numbers += under
        came += some
        if not more:
            return names, numbers, came


def _load(names: Sequence[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)


def _answer(link: socket.socket, answer: int | str, *descriptors: int) -> None:
    with contextlib.suppress(OSError):  # who asked has gone
        socket.send_fds(link, [json.dumps(answer).encode()], descriptors)


def _become(module: str, numbers: Sequence[int], came: Sequence[int]) -> None:
    """Be a process of its own for *module*, with the descriptors that *came* under *numbers*."""
    os.setsid()
    waiting = list(came)
    at = {descriptor: index for index, descriptor in enumerate(waiting)}
    for index, number in enumerate(numbers):
        if (other := at.pop(number, index)) != index:
            # One whose turn comes lies there.
            waiting[other] = os.dup(number)
            at[waiting[other]] = other
        descriptor = waiting[index]
        at.pop(descriptor, None)
        if descriptor != number:
            os.dup2(descriptor, number)
            os.close(descriptor)
    # What is left of the server, and of looking.
    there = {int(entry.name) for entry in Path("/proc/self/fd").iterdir()}
    for descriptor in there - {0, 1, 2, *numbers}:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _show_as(f"sealgate: {module}")
    sys.argv = [module, str(numbers[0])]
    gc.enable()


def _show_as(title: str) -> None:
    """Have what lists processes show *title*, which is ASCII, in place of the arguments."""
    # proc(5), stat: fields 48 and 49 tell where the arguments lie; the name may hold anything.
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
    start, end = map(int, fields.rpartition(")")[2].split()[45:47])
    if start:
        ctypes.memmove(
            start, title.encode()[: end - start - 1].ljust(end - start, b"\0"), end - start
        )


if __name__ == "__main__":
    sys.exit(main())

"""
A gateway that runs: in a thread of its own, with a control socket and timers.

One thread does everything, so that no two changes meet. Envoy is its child and dies
with it (see :mod:`sealgate.gateway.adapters.process`).
"""

from __future__ import annotations

import contextlib
import queue
import selectors
import socket
import threading
import time
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sealgate.app.remains import must_be_whole, note_made
from sealgate.app.upgrade import upgrade_apart
from sealgate.config.load import load
from sealgate.control import (
    CONTROL_SOCKET,
    ControlLock,
    open_control,
    receive,
    reply,
    told_error,
)
from sealgate.errors import BugError, ConfigError, GatewayError, SealgateError
from sealgate.files import private_folder
from sealgate.gateway.adapters.doors import shown
from sealgate.serve.file_servers import told_addresses
from sealgate.serve.gateway import Change
from sealgate.serve.ports import opened
from sealgate.serve.supervisor import NotPutBackError, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from sealgate.policy.inventory import Inventory
    from sealgate.serve.ports import Addresses

DRAIN_SECONDS = 30.0
# Between looks at the files that others renew, at the clock, and at Envoy.
TICK_SECONDS = 1.0
# Between looks at the processes in which a visitor's answer may be stuck.
WATCH_SECONDS = 0.25


def _silence(_line: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Options:
    """
    How to run. *tell* takes one line for a person, from the gateway's own thread.

    *drain_seconds* is how long running requests may go on after a stop. *workers* are
    Envoy's threads, by default one per usable core. *now* tells seconds since the epoch.
    *tick_seconds* lie between looks at files and clock. *load* gives the configuration
    anew on a reload; by default its file is read.
    """

    drain_seconds: float = DRAIN_SECONDS
    workers: int | None = None
    tell: Callable[[str], None] = _silence
    now: Callable[[], float] = time.time  # the clock is read here, and handed down
    tick_seconds: float = TICK_SECONDS
    load: Callable[[], Inventory] | None = None


class RunningGateway:
    """
    A gateway that runs beside the caller until it is stopped.

    Use it in a ``with`` block, or call :meth:`start` and :meth:`stop`. All methods may
    be called from any thread; those named ``request_…`` return at once and are for
    signal handlers.
    """

    def __init__(self, inventory: Inventory, options: Options | None = None) -> None:
        """Remember what to serve; nothing is opened yet."""
        self._options = options or Options()
        self._state_folder = inventory.state_folder
        self._supervisor = Supervisor(
            inventory,
            load=self._options.load or (lambda: load(inventory.source)),
            now=self._options.now,
            tell=self._options.tell,
            workers=self._options.workers,
        )
        self._tasks: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        # Closed by the thread; until it runs there is nobody to wake.
        self._notifier = self._receiver = _closed_socket()
        self._stop_wanted = threading.Event()
        self._hurry = threading.Event()
        self._drain_seconds = self._options.drain_seconds
        self._ready: Future[tuple[str, ...]] = Future()
        self._done: Future[bool] = Future()
        self._thread = threading.Thread(target=self._live, name="sealgate gateway", daemon=True)
        self._begun = False

    def __enter__(self) -> Self:
        """Start, and return once Envoy serves."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; with an error under way, without waiting for running requests."""
        self.stop(drain_seconds=0 if kind else None)

    def start(self) -> tuple[str, ...]:
        """
        Start, and return once Envoy serves: what a person should know.

        Raises:
            ConfigError: with everything that keeps a promise from being kept.
            GatewayError: the folder is served already, an address cannot be had, or
                Envoy cannot be run.
            SourceError: the state folder cannot be used.
        """
        self._notifier, self._receiver = socket.socketpair()
        self._notifier.setblocking(False)
        self._receiver.setblocking(False)
        self._begun = True
        self._thread.start()
        return self._ready.result()

    @property
    def addresses(self) -> Addresses:
        """Return where it listens."""
        return opened(self._supervisor.inventory)

    @property
    def file_addresses(self) -> dict[str, list[str]]:
        """Return where files are served: ``sftp``, ``ftps`` and ``ftps_implicit``."""
        return self._supervisor.file_servers.addresses()

    def welcome(self) -> Iterator[str]:
        """Yield what a person is told of where everything is served."""
        yield from _welcome(self._supervisor.inventory, self.addresses)
        yield from told_addresses(self._supervisor.inventory, self._supervisor.file_servers)

    @property
    def pid(self) -> int | None:
        """Return Envoy's process id, ``None`` while it does not run."""
        return self._supervisor.envoy.pid

    def reload(self) -> Change:
        """
        Take the configuration over as it is now; returns once Envoy enforces it.

        Raises:
            ConfigError: with every fault; the old configuration stays.
            GatewayError: Envoy refused, the change needs a restart, or nothing runs.
        """
        change: Change = self._call(self._supervisor.reload)
        return change

    def readmit(self) -> Change:
        """
        Take over who may enter now; returns once Envoy enforces it.

        Raises:
            SourceError: the database of identities cannot be read.
            GatewayError: Envoy did not confirm, or nothing runs.
        """
        change: Change = self._call(self._supervisor.readmit)
        return change

    def status(self) -> dict[str, object]:
        """
        Return what runs, as plain values.

        Raises:
            GatewayError: nothing runs.
        """
        told: dict[str, object] = self._call(self._supervisor.status)
        return told

    def stop(self, *, drain_seconds: float | None = None) -> bool:
        """
        Accept nothing more, let running requests end, and end.

        Returns whether every request ended by itself. Stopping again, or before the
        start, does nothing.

        Raises:
            GatewayError: the gateway had failed before.
        """
        if not self._begun:
            return True
        if drain_seconds is not None:
            self._drain_seconds = drain_seconds
        self.request_stop(cut=False)
        return self.wait()

    def wait(self) -> bool:
        """
        Wait for the end; return whether every request ended by itself.

        Raises:
            GatewayError: Envoy crashed again and again.
        """
        # In short waits, so that signal handlers run in between.
        while self._thread.is_alive():
            self._thread.join(0.2)
        return self._done.result()

    def request_stop(self, *, cut: bool = True) -> None:
        """Ask for the end; asked a second time with *cut*, running requests are cut."""
        if cut and self._stop_wanted.is_set():
            self._hurry.set()
        self._stop_wanted.set()
        self._ring()

    def request_reload(self) -> None:
        """Ask for a reload; what comes of it is told."""
        self._tasks.put((self._reload_and_tell, Future()))
        self._ring()

    def _call(self, act: Callable[[], Any]) -> Any:
        if not self._thread.is_alive():
            raise GatewayError("no gateway is running", hint="sealgate serve")
        waiting: Future[Any] = Future()
        self._tasks.put((act, waiting))
        self._ring()
        while True:
            with contextlib.suppress(TimeoutError):
                return waiting.result(timeout=0.2)
            if not self._thread.is_alive() and not waiting.done():
                raise GatewayError("the gateway ended before it could do that")

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            # A full socket wakes it already; one that is gone has nobody to wake.
            self._notifier.send(b"!")

    def _reload_and_tell(self) -> None:
        try:
            change = self._supervisor.reload()
        except ConfigError as error:
            for fault in error.faults:
                self._options.tell(f"error: {fault}")
            self._options.tell(f"error: {error.message}; what was served before stays")
        except NotPutBackError as error:
            self._options.tell(f"error: {error.message}")
        except SealgateError as error:
            self._options.tell(f"error: {error.message}; what was served before stays")
        else:
            for remark in change.remarks:
                self._options.tell(remark)
            self._options.tell(f"reloaded: {', '.join(change.changed) or 'nothing changed'}")

    def _live(self) -> None:
        """Be the gateway's thread: from the lock to the end."""
        try:
            with contextlib.ExitStack() as held:
                private_folder(Path(self._state_folder))
                lock = ControlLock(self._state_folder)
                held.callback(lock.release)
                # Before identities are read: who changes them now waits for our answer.
                control = open_control(self._state_folder)
                held.callback(Path(self._state_folder, CONTROL_SOCKET).unlink, missing_ok=True)
                held.callback(control.close)
                held.callback(self._supervisor.kill)
                must_be_whole(self._supervisor.inventory)
                upgrade_apart(self._supervisor.inventory)
                remarks = self._supervisor.start()
                note_made(self._supervisor.inventory)
                self._ready.set_result(remarks)
                self._serve(control)
                finished = self._supervisor.stop(
                    drain_seconds=self._drain_seconds, hurry=self._hurry.is_set
                )
                note_made(self._supervisor.inventory)
            self._done.set_result(finished)
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits
            self._fail(error)
        finally:
            self._notifier.close()
            self._receiver.close()
            self._refuse_waiting()

    def _fail(self, error: BaseException) -> None:
        if not isinstance(error, SealgateError):
            bug = BugError(f"the gateway's thread ended: {type(error).__name__}: {error}")
            bug.__cause__ = error
            error = bug
        if not self._ready.done():
            self._ready.set_exception(error)
            self._done.set_result(True)
        else:
            self._done.set_exception(error)

    def _refuse_waiting(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                _, waiting = self._tasks.get_nowait()
                waiting.set_exception(GatewayError("the gateway ended before it could do that"))

    def _serve(self, control: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(control, selectors.EVENT_READ)
            selector.register(self._receiver, selectors.EVENT_READ)
            next_tick = time.monotonic() + self._options.tick_seconds
            next_watch = time.monotonic() + WATCH_SECONDS
            while not self._stop_wanted.is_set():
                pause = min(next_tick - time.monotonic(), WATCH_SECONDS)
                for key, _ in selector.select(max(0.0, pause)):
                    if key.fileobj is control:
                        self._answer_one(control)
                    else:
                        self._receiver.recv(4096)
                self._do_tasks()
                if time.monotonic() >= next_tick:
                    self._supervisor.tick()
                    next_tick = time.monotonic() + self._options.tick_seconds
                elif time.monotonic() >= next_watch:
                    self._supervisor.watch()
                    next_watch = time.monotonic() + WATCH_SECONDS

    def _do_tasks(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                act, waiting = self._tasks.get_nowait()
                try:
                    waiting.set_result(act())
                except SealgateError as error:
                    waiting.set_exception(error)

    def _answer_one(self, control: socket.socket) -> None:
        try:
            connection, _ = control.accept()
        except OSError:
            return
        with connection:
            try:
                answer = self._answer(receive(connection))
            except SealgateError as error:
                answer = told_error(error)
            except OSError:
                return
            reply(connection, answer)

    def _answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        match request.get("command"):
            case "reload":
                change = self._supervisor.reload()
                return {"ok": True, "changed": change.changed, "remarks": change.remarks}
            case "identities":
                change = self._supervisor.readmit()
                return {"ok": True, "changed": change.changed, "remarks": change.remarks}
            case "status":
                return {"ok": True, "status": self._supervisor.status()}
            case "promises":
                seen = [asdict(one) for one in self._supervisor.guaranteed()]
                return {"ok": True, "observations": seen}
            case _:
                raise GatewayError("the request has no command that this gateway knows")


def _closed_socket() -> socket.socket:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.close()
    return one


def _welcome(inventory: Inventory, addresses: Addresses) -> Iterator[str]:
    ports = sorted({address.port for address in addresses.https})
    where = ", ".join(shown(address) for address in addresses.https)
    for site in inventory.sites:
        for port in ports:
            number = "" if port == 443 else f":{port}"  # noqa: PLR2004  # RFC 9110, 4.2.2
            yield f"serving https://{site.name}{number}/ on {where}"

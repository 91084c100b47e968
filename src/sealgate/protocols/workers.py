"""
One server process: made by :mod:`sealgate.serve.file_servers`, told what to serve over a socket.

Run by the :mod:`sealgate.fork_server`. It ends with its parent, whatever that ends by, because
what nobody supervises would go on admitting people.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import logging
import os
import threading
import time
from concurrent.futures import wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.child_process import run_child
from sealgate.detect.mask import mask_text
from sealgate.errors import BugError, SealgateError
from sealgate.identity.adapters.country import Countries
from sealgate.identity.adapters.store import IdentityStore
from sealgate.protocols.admission.authenticator import DropAuthenticator
from sealgate.protocols.admission.rules import Rules
from sealgate.protocols.session.context import SessionContext
from sealgate.protocols.session.drops import OpenDrop, close_quietly
from sealgate.protocols.session.events import EventWriter
from sealgate.protocols.session.hooks import SharedScanner, UploadHooks
from sealgate.register.adapters.store import Register
from sealgate.storage.adapters.asked import asked
from sealgate.storage.adapters.code_seal import CodeSealer
from sealgate.storage.adapters.fenced import FencedStore
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.undumped import forbid_dumps
from sealgate.storage.model import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from sealgate.child_process import Parent
    from sealgate.protocols.workers_plan import ServedDrops, WorkerPlan
    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.keyring import UnlockedKeyring
    from sealgate.storage.model import Store, StoreSettings

# A quarter of a second: made where this is imported, once for all that are forked there.
SCANNER = SharedScanner()
_TICK_SECONDS = 1.0
# All stores together; the parent waits longer for an answer.
_OPEN_SECONDS = 8.0
# A store that failed is tried again after the first, then after twice as long, up to the last.
_FIRST_PAUSE, _LAST_PAUSE = 1.0, 60.0


@dataclass(slots=True)
class _Failed:
    """A store that could not be opened: tried again at *due* (monotonic), unless *opening* goes on."""

    due: float
    pause: float
    opening: Future[ObjectStore] | None


class FileServerWorker:
    """What one process holds: identities, stores, trail, authenticator."""

    def __init__(self, plan: WorkerPlan, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._keyring = plan.keyring.unpacked() if plan.keyring else None
        self._drops: dict[StoreSettings, OpenDrop] = {}
        self._failed: dict[StoreSettings, _Failed] = {}
        self._served = plan.served
        self._countries: tuple[str, Countries] | None = None
        self._held = contextlib.ExitStack()
        self._people = self._held.enter_context(IdentityStore(plan.database, plan.state_folder))

        def complain(line: str) -> None:
            # Stores name the file, and a name may hold what nobody should read in a log.
            tell(mask_text(line, SCANNER))

        self._complain = complain
        self._events = self._held.enter_context(
            EventWriter(functools.partial(Register, plan.database), plan.log, complain, SCANNER)
        )
        hooks = UploadHooks(plan.model, self._events.note, complain, SCANNER)
        # The last looks need the stores, so these are let go of after them.
        self._held.callback(self._close_drops)
        self._held.callback(hooks.close)
        self.authenticator = DropAuthenticator(
            self._rules(plan.served),
            self._people,
            SessionContext(self._events.note, complain, time.time, hooks),
            protocol=plan.kind.protocols[0],
            sealer=CodeSealer(self._opened),
        )

    def renew(self, served: ServedDrops) -> None:
        """
        Go by *served* from now on.

        Raises:
            SealgateError: the country file cannot be read; nothing has changed then.
        """
        before = dict(self._drops)
        self.authenticator.renew(self._rules(served))
        self._served = served
        for settings in [one for one in self._failed if one not in served.stores]:
            _let_go(self._failed.pop(settings).opening)
        for settings, drop in before.items():
            if settings not in served.stores:
                self._close(self._drops.pop(settings))
            elif self._drops[settings].store is not drop.store:
                self._close(drop)

    def tick(self) -> None:
        """Do what time brings: sessions are judged again, and stores tried that failed here alone."""
        now = time.monotonic()
        fenced = {name for name, _ in self._served.fenced}
        is_open = False
        for settings, failed in self._failed.items():
            if settings.name in fenced:
                continue  # The parent says when it is whole.
            if failed.opening is None:
                if now >= failed.due:
                    failed.opening = self._begin(settings)
            elif failed.opening.done():
                if failed.opening.exception() is None:
                    is_open = True
                else:
                    failed.opening = None
                    failed.pause = min(2 * failed.pause, _LAST_PAUSE)
                    failed.due = now + failed.pause
        if is_open:
            try:
                self.renew(self._served)
            except SealgateError as error:
                self._complain(error.message)
        self.authenticator.tick()

    def close(self) -> None:
        """Let go of everything; what is left of the trail is written."""
        self._held.close()

    def _rules(self, served: ServedDrops) -> Rules:
        strictest = self._plan.model.strictest.id
        drops: dict[str, OpenDrop] = {}
        fenced = dict(served.fenced)
        opened_now = self._opened_of(served, fenced)
        for drop, settings in zip(served.drops, served.stores, strict=True):
            store: Store
            if drop.name in fenced:
                store = FencedStore(settings.rung, fenced[drop.name])
            elif settings in opened_now:
                store = opened_now[settings]
            else:
                store = self._drops[settings].store
            opened = OpenDrop(drop, store, drop.classification.id == strictest)
            self._drops[settings] = opened
            drops[drop.name] = opened
        return Rules(drops, served.tunnels, served.access, self._country_file(served.countries))

    def _opened_of(
        self, served: ServedDrops, fenced: Mapping[str, str]
    ) -> dict[StoreSettings, Store]:
        """Return the stores of *served* that are neither *fenced* nor open yet, each opened or fenced."""
        wanted = {}
        for settings in served.stores:
            held = self._drops.get(settings)
            if settings.name in fenced or (held and not isinstance(held.store, FencedStore)):
                continue
            failed = self._failed.get(settings)
            going = failed.opening if failed is not None else None
            wanted[settings] = going if going is not None else self._begin(settings)
        wait(wanted.values(), _OPEN_SECONDS)
        return {settings: self._taken(settings, opening) for settings, opening in wanted.items()}

    def _begin(self, settings: StoreSettings) -> Future[ObjectStore]:
        return asked(
            lambda: open_store(settings, self._opened(), now=time.time), "sealgate opening"
        )

    def _taken(self, settings: StoreSettings, opening: Future[ObjectStore]) -> Store:
        failed = self._failed.get(settings)
        told, is_going = f"it did not answer within {_OPEN_SECONDS:.0f} seconds", True
        if opening.done():
            is_going = False
            try:
                store = opening.result()
            except StorageError as error:
                told = error.message
            except Exception as error:  # noqa: BLE001  # what was not understood is not served
                told = f"{type(error).__name__} while it was opened"
            else:
                if self._failed.pop(settings, None) is not None:
                    self._complain(f'drop "{settings.name}" is served again')
                return store
        # Failed, or damaged, since it was looked at: that is no reason to serve nothing else.
        if failed is None:
            self._complain(f'drop "{settings.name}" is not served: {told}')
            failed = self._failed[settings] = _Failed(0.0, _FIRST_PAUSE, None)
        failed.due = time.monotonic() + failed.pause
        failed.opening = opening if is_going else None
        return FencedStore(settings.rung, told)

    def _close(self, drop: OpenDrop) -> None:
        # A medium that does not answer is let go of by nobody who is waited for.
        asked(lambda: close_quietly(drop), "sealgate closing")

    def _opened(self) -> UnlockedKeyring:
        if self._keyring is None:
            raise BugError("a server has something to keep secret and no keys")
        return self._keyring

    def _country_file(self, path: str | None) -> Countries | None:
        if path is None:
            return None
        if self._countries is None or self._countries[0] != path:
            countries = Countries(path)
            self._held.callback(countries.close)
            self._countries = path, countries
        return self._countries[1]

    def _close_drops(self) -> None:
        for drop in self._drops.values():
            close_quietly(drop)


class _Told(logging.Handler):
    """Has the parent tell what a server warns of: only its lines say whose they are."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one line."""
        self._told(record.getMessage())


def _let_go(opening: Future[ObjectStore] | None) -> None:
    """Close what *opening* opens, when it does: nobody waits for it any more."""

    def close(opened: Future[ObjectStore]) -> None:
        if opened.exception() is None:
            with contextlib.suppress(StorageError):
                opened.result().close()

    if opening is not None:
        opening.add_done_callback(close)


def _listen(link: Parent, worker: FileServerWorker, stop: Callable[[float], None]) -> None:
    """Do what the parent asks for, also while sessions are on their way out."""
    while True:
        try:
            message = link.receive() if link.poll(_TICK_SECONDS) else None
        except (EOFError, OSError):
            # Nobody tells us any more who may come in.
            os._exit(1)
        match message:
            case None:
                worker.tick()
            case ("serve", served):
                _answer(link, functools.partial(worker.renew, served))
            case ("recheck",):
                _answer(link, worker.authenticator.recheck)
            case ("status",):
                link.send("ok", {"sessions": worker.authenticator.sessions})
            case ("stop", seconds):
                # Nobody waits for an answer; the end is one.
                stop(seconds)
            case _:
                link.send("error", "the request is none that a server knows")


def _answer(link: Parent, act: Callable[[], None]) -> None:
    try:
        act()
    except SealgateError as error:
        link.send("error", error.message)
    except Exception as error:  # noqa: BLE001  # the parent decides what becomes of us
        link.send("error", f"{type(error).__name__} in a file server")
    else:
        link.send("ok")


class _Serving:
    """The process, as its server sees it."""

    def __init__(self, plan: WorkerPlan, worker: FileServerWorker, link: Parent) -> None:
        self.listeners = plan.listeners
        self.settings = plan.settings
        self.authenticator = worker.authenticator
        self._waits = plan.waits
        self._worker = worker
        self._link = link

    def may_serve(self) -> bool:
        """Return whether to serve, as soon as it is known: one that waits is told to, or ended."""
        if not self._waits:
            return True
        self._link.send("ready", os.getpid())
        try:
            return self._link.receive() == ("begin",)
        except (EOFError, OSError):
            return False

    def serves(self, stop: Callable[[float], None]) -> None:
        """Tell the parent that it serves, and listen to it from now on."""
        if self._waits:
            self._link.send("ok")
        else:
            self._link.send("ready", os.getpid())
        threading.Thread(target=_listen, args=(self._link, self._worker, stop), daemon=True).start()


def _work(link: Parent, plan: WorkerPlan) -> None:
    tell = functools.partial(link.send, "tell")
    logging.getLogger("sealgate").addHandler(_Told(tell))
    worker = FileServerWorker(plan, tell)
    try:
        importlib.import_module(plan.kind.server).serve_in(_Serving(plan, worker, link))
    finally:
        worker.close()


def main() -> int:
    """Be the server that the parent asks for."""
    # Keys and what is uploaded are in memory here, and nowhere else.
    forbid_dumps()
    return run_child(_work)

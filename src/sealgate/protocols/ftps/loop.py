"""
What FTPS adds to pyftpdlib's event loop: work in threads, and a base that keeps quiet.

From pyftpdlib come the loop, its timers and its dispatchers. Its FTP handlers are not used:
they bring some fifty commands over a real folder, in the clear unless told otherwise
(docs/adr/0013-ftps-server.md).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from pyftpdlib.ioloop import AsyncChat

from sealgate.protocols.admission.password_threads import PasswordThreads

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

LOG = logging.getLogger("sealgate.transfer.ftps")


class Outcome:
    """What a piece of work came to: a value, or the exception that it ended with."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        """Keep one of both."""
        self.value = value
        self.error = error


def outcome_of(work: Callable[[], object]) -> Outcome:
    """Do *work* here and now."""
    try:
        return Outcome(work())
    except Exception as error:  # noqa: BLE001  # told to whoever asked, never lost
        return Outcome(error=error)


class Errands:
    """
    Threads for what would hold the loop up, and the way back into the loop.

    Two kinds of threads, so that slow stores never keep people from signing in.
    """

    def __init__(self, loop: Any, *, sign_in_threads: int, store_threads: int) -> None:
        """Wake *loop* through an event descriptor."""
        self._loop = loop
        self._fileno: int = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._done: deque[tuple[Callable[[Outcome], None], Outcome]] = deque()
        self._sign_in = PasswordThreads(sign_in_threads, "ftps-sign-in")
        self._store = ThreadPoolExecutor(store_threads, "ftps-store")
        self._ended = False
        # Nobody may write to the descriptor once it is somebody else's; a signal handler
        # that comes in between is the same thread.
        self._closing = threading.RLock()
        loop.register(self._fileno, self, loop.READ)

    def run(
        self,
        work: Callable[[], object],
        then: Callable[[Outcome], None],
        *,
        sign_in: bool = False,
        usual: bool = False,
    ) -> None:
        """
        Do *work* in a thread and call *then* in the loop; after :meth:`close` at once.

        *usual*: somebody signs in who does not stand in the line of strangers.
        """
        if self._ended:
            # Nothing is left to hold up: what has to be given back is given back here.
            guarded(then, outcome_of(work))
            return

        def errand() -> None:
            self._done.append((then, outcome_of(work)))
            self.wake()

        (self._sign_in.line(usual=usual) if sign_in else self._store).submit(errand)

    def wake(self) -> None:
        """Make the loop look up. Safe in threads and signal handlers."""
        with self._closing:
            if self._fileno >= 0:
                os.eventfd_write(self._fileno, 1)

    def readable(self) -> bool:
        """Tell the loop to listen."""
        return True

    def writable(self) -> bool:
        """Tell the loop that nothing is to be written."""
        return False

    def handle_read_event(self) -> None:
        """Bring finished work back into the loop."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fileno)
        while self._done:
            then, outcome = self._done.popleft()
            guarded(then, outcome)

    def handle_error(self) -> None:
        """Say that something went wrong here; the loop goes on."""
        LOG.error("the way back from threads failed")

    handle_close = handle_error

    def close(self) -> None:
        """Wait for the threads, and bring back what they did."""
        if self._fileno < 0:
            return
        self._sign_in.shutdown()
        self._store.shutdown()
        self._ended = True
        self.handle_read_event()
        self._loop.unregister(self._fileno)
        with self._closing:
            descriptor, self._fileno = self._fileno, -1
            os.close(descriptor)


def guarded(call: Callable[..., object], *arguments: object) -> None:
    """Call *call* so that a fault of ours ends one connection, and never the loop."""
    try:
        call(*arguments)
    except Exception as error:
        # The kind of fault alone: its text might carry what a client sent.
        LOG.error("a fault in the FTPS server: %s", type(error).__name__)  # noqa: TRY400
        LOG.debug("where it happened", exc_info=error)


class SocketOwner(Protocol):
    """What reads and writes one socket of the loop."""

    def on_readable(self) -> None:
        """Read."""

    def on_writable(self) -> None:
        """Write."""

    def on_hangup(self) -> None:
        """Take note that the other side is gone."""

    def close(self) -> None:
        """Close the socket, and let go of what belongs to it."""


class EventSocket(AsyncChat):  # type: ignore[misc]  # pyftpdlib has no types
    """One socket in the loop, which its *endpoint* reads and writes without asynchat's buffers."""

    def __init__(self, sock: socket.socket, loop: Any, endpoint: SocketOwner) -> None:
        """Put *sock* into *loop*, to be read from."""
        super().__init__(sock, ioloop=loop)
        self._endpoint = endpoint
        self._waiting_for: int = loop.READ

    @property
    def is_closed(self) -> bool:
        """Return whether it is over."""
        return bool(self._closed)

    def listen_for(self, *, reading: bool, writing: bool) -> None:
        """Tell the loop what to wake us for; neither means only the end of the connection."""
        wanted = (self.ioloop.READ if reading else 0) | (self.ioloop.WRITE if writing else 0)
        if wanted != self._waiting_for and not self._closed:
            self.ioloop.modify(self._fileno, wanted)
            self._waiting_for = wanted

    @property
    def is_in_loop(self) -> bool:
        """Return whether it is not paused."""
        return self._fileno in self.ioloop.socket_map

    def pause(self) -> None:
        """Leave the loop, which then does not tell of the end of the connection either."""
        self.del_channel()

    def resume(self, *, reading: bool) -> None:
        """Come back into the loop."""
        if not self.is_closed:
            self._waiting_for = self.ioloop.READ if reading else self.ioloop.WRITE
            self.add_channel(events=self._waiting_for)

    def readable(self) -> bool:
        """Leave it to :meth:`listen_for`."""
        return True

    writable = readable

    def handle_read_event(self) -> None:
        """Go on; a fault of ours ends this connection."""
        self._step(self._endpoint.on_readable)

    def handle_write_event(self) -> None:
        """Go on; a fault of ours ends this connection."""
        self._step(self._endpoint.on_writable)

    def _step(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception as error:
            LOG.error("a fault in the FTPS server: %s", type(error).__name__)  # noqa: TRY400
            LOG.debug("where it happened", exc_info=error)
            guarded(self._endpoint.close)

    def handle_close(self) -> None:
        """Take note that the other side is gone."""
        guarded(self._endpoint.on_hangup)

    def handle_error(self) -> None:
        """End this connection."""
        guarded(self._endpoint.close)

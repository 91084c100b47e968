"""
Who stands at the sockets of a relay that does not run: takes what comes, and closes it at once.

Envoy asks the site itself then, so nobody waits for a relay to start, and none that ended or
crashes is missed. A thread, because the process that it is in has other things to do.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# What a relay that runs has not taken after this is closed here: it is busy, stopped or stuck.
SLOW_SECONDS = 0.05
# Where no more descriptors are to be had.
_PAUSE_SECONDS = 0.1


class StandIn:
    """The thread. It runs from the first :meth:`stand_at` until :meth:`end`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[socket.socket, ...] = ()
        # Hangs up when the relay ends; none while no relay serves.
        self._relay: socket.socket | None = None
        self._asked = False
        self._is_ended = False
        # Rung when something changed; there is none before the thread is.
        self._notifier: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def stand_at(self, listeners: Iterable[socket.socket]) -> None:
        """Stand at *listeners*, and at no others from now on."""
        with self._lock:
            self._listeners = tuple(listeners)
        if self._thread is None and self._listeners:
            self._notifier, receiver = socket.socketpair()
            self._notifier.setblocking(False)
            receiver.setblocking(False)
            self._thread = threading.Thread(
                target=self._live, args=(receiver,), name="sealgate samples", daemon=True
            )
            self._thread.start()
        self._ring()

    def step_aside(self, relay: int) -> None:
        """Leave what comes to a relay, until the socket *relay* (a descriptor) hangs up."""
        self._set_relay(socket.socket(fileno=os.dup(relay)))

    def take_over(self) -> None:
        """Take what comes again."""
        self._set_relay(None)

    def was_asked(self) -> bool:
        """Return whether anything came since the last time that this was called."""
        with self._lock:
            asked, self._asked = self._asked, False
        return asked

    def end(self) -> None:
        """Take nothing more."""
        self._is_ended = True
        self.take_over()
        thread, notifier, self._notifier = self._thread, self._notifier, None
        if thread is not None and notifier is not None:
            thread.join()
            notifier.close()

    def _ring(self) -> None:
        if self._notifier is not None:
            with contextlib.suppress(OSError):
                # A full socket wakes it already.
                self._notifier.send(b"!")

    def _set_relay(
        self, relay: socket.socket | None, *, after: socket.socket | None = None
    ) -> None:
        with self._lock:
            before = self._relay
            if after is not None and before is not after:
                return  # Another one serves already.
            self._relay = relay
        if before is not None:
            before.close()
        self._ring()

    def _live(self, receiver: socket.socket) -> None:
        with receiver:
            while not self._is_ended:
                self._stand(receiver)

    def _stand(self, receiver: socket.socket) -> None:
        with self._lock:
            relay = self._relay
            at = {one.fileno(): one for one in self._listeners if one.fileno() >= 0}
            # The relay's own messages are for others; that it hung up is told in any case.
            hung_up = relay.fileno() if relay is not None else -1
        rung = {receiver.fileno(): select.POLLIN}
        ready = _ready({**rung, hung_up: 0}, at)
        if receiver.fileno() in ready:
            with contextlib.suppress(OSError):
                receiver.recv(4096)
        elif relay is not None and hung_up in ready:
            self._set_relay(None, after=relay)
        elif relay is None:
            self._turn_away(at[number] for number in ready)
        elif not _ready(rung, (), SLOW_SECONDS):
            # It had a moment to take them.
            self._turn_away(at[number] for number in _ready({}, at, 0.0))

    def _turn_away(self, listeners: Iterable[socket.socket]) -> None:
        for listener in listeners:
            try:
                while True:
                    made, _ = listener.accept()
                    with self._lock:
                        self._asked = True
                    made.close()
            except BlockingIOError:
                continue
            except OSError:
                # Closed meanwhile, or no descriptor is to be had.
                time.sleep(_PAUSE_SECONDS)


def _ready(
    events: Mapping[int, int], listeners: Iterable[int], seconds: float | None = None
) -> set[int]:
    poll = select.poll()
    for number, event in events.items():
        if number >= 0:
            poll.register(number, event)
    for number in listeners:
        poll.register(number, select.POLLIN)
    return {number for number, _ in poll.poll(None if seconds is None else seconds * 1000)}

"""
The FTPS server: explicit TLS on one port, implicit TLS where it is asked for.

Hardened over pyftpdlib's event loop (docs/adr/0013-ftps-server.md). It knows nothing of
identities, classes or sealing: a :class:`Authenticator` lets people in, and their
:class:`FileSession` has the files.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

from pyftpdlib.ioloop import IOLoop

from sealgate.errors import BugError
from sealgate.identity.throttle import prefix
from sealgate.protocols.admission.crowding import displaced
from sealgate.protocols.ftps.channel import plain_address
from sealgate.protocols.ftps.connection import ControlConnection, Shared
from sealgate.protocols.ftps.data import open_passive
from sealgate.protocols.ftps.loop import LOG, Errands, EventSocket, guarded
from sealgate.protocols.ftps.settings import FTPSSettings
from sealgate.protocols.ftps.tls import Contexts, ReceiveBuffer
from sealgate.protocols.ftps.transfers import BLOCK_BYTES
from sealgate.protocols.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.protocols.model import Authenticator, Process

_SWEEP_SECONDS = 1.0
_LINE_BUFFER_BYTES = 8192
_BACKLOG = 256
_ACCEPTED_AT_ONCE = 32


class _Acceptor:
    """Takes new connections from one listening socket."""

    def __init__(
        self, listener: socket.socket, loop: Any, arrived: Callable[[socket.socket], None]
    ) -> None:
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        self.wire = EventSocket(listener, loop, self)
        self._arrived = arrived

    def on_readable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _peer = self.wire.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Descriptors ran out: listening goes on with the next sweep, without spinning.
                self.wire.listen_for(reading=False, writing=False)
                return
            guarded(self._arrived, connection)

    def on_writable(self) -> None:
        """Do nothing: a listener never writes."""

    def on_hangup(self) -> None:
        """Go on: a listener is closed by its server."""

    def close(self) -> None:
        self.wire.close()


class FTPSServer:
    """Serves *explicit* and *implicit*: sockets that are bound, and belong to it from now on."""

    def __init__(
        self,
        explicit: Sequence[socket.socket],
        implicit: Sequence[socket.socket],
        authenticator: Authenticator,
        settings: FTPSSettings,
    ) -> None:
        """
        Read the certificate and listen.

        Raises:
            ConfigError: certificate or key cannot be used.
        """
        self.loop: Any = IOLoop()
        self.errands = Errands(
            self.loop,
            sign_in_threads=settings.sign_in_threads,
            store_threads=settings.store_threads,
        )
        self.shared = Shared(
            settings=settings,
            authenticator=authenticator,
            contexts=Contexts(settings.tls),
            loop=self.loop,
            errands=self.errands,
            line_buffer=ReceiveBuffer(_LINE_BUFFER_BYTES),
            data_buffers=(ReceiveBuffer(BLOCK_BYTES), ReceiveBuffer(BLOCK_BYTES)),
        )
        self._proxies = tuple(ipaddress.ip_network(one) for one in settings.trusted_proxies)
        # Each with where it comes from, as the throttle counts: an IPv6 network is one.
        self._connections: dict[ControlConnection, str] = {}
        self._per_address: Counter[str] = Counter()
        self._acceptors = [
            _Acceptor(one, self.loop, partial(self._arrived, implicit=as_implicit))
            for sockets, as_implicit in ((explicit, False), (implicit, True))
            for one in sockets
        ]
        self._stop_at: float | None = None

    def serve_forever(self) -> None:
        """Serve until :meth:`request_stop`, then close everything."""
        next_sweep = 0.0
        try:
            while not self._is_over():
                now = time.monotonic()
                if now >= next_sweep:
                    self._sweep(now)
                    next_sweep = now + _SWEEP_SECONDS
                self.loop.poll(max(0.0, next_sweep - time.monotonic()))
                self.loop.sched.poll()
        finally:
            self._close()

    def request_stop(self, drain_seconds: float = 0.0) -> None:
        """
        Take nobody in any more, let transfers end for *drain_seconds*, then stop.

        May be called from any thread and from a signal handler; a second call can only
        shorten the time.
        """
        stop_at = time.monotonic() + drain_seconds
        if self._stop_at is None or stop_at < self._stop_at:
            self._stop_at = stop_at
        self.errands.wake()

    def _is_over(self) -> bool:
        if self._stop_at is None:
            return False
        while self._acceptors:
            self._acceptors.pop().close()
        for connection in tuple(self._connections):
            if connection.is_idle:
                connection.channel.end("421 the server stops")
        return not self._connections or time.monotonic() >= self._stop_at

    def _close(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for connection in tuple(self._connections):
            guarded(connection.channel.close)
        self.errands.close()
        self.loop.close()

    def _sweep(self, now: float) -> None:
        for acceptor in self._acceptors:
            acceptor.wire.listen_for(reading=True, writing=False)
        for connection in tuple(self._connections):
            guarded(connection.check_time, now)

    def _arrived(self, sock: socket.socket, *, implicit: bool) -> None:
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer = plain_address(sock.getpeername()[0])
        except OSError:
            sock.close()
            return
        if not self._has_room(prefix(peer)):
            _turn_away(sock, "too many connections", implicit=implicit)
            return
        if not self.is_proxy(peer):
            why = self._why_not(peer)
            if why:
                _turn_away(sock, why, implicit=implicit)
                return
        try:
            connection = ControlConnection(sock, self.shared, self, implicit=implicit)
        except OSError:
            sock.close()
            return
        if not connection.channel.is_closed:
            self._connections[connection] = prefix(peer)
            self._per_address[prefix(peer)] += 1

    def _has_room(self, place: str) -> bool:
        if len(self._connections) < self.shared.settings.max_connections:
            return True
        gone = displaced(
            {c: p for c, p in self._connections.items() if c.sign_in.session is None}, place
        )
        if gone is not None:
            gone.channel.end("421 others wait for this place")
            gone.channel.close()
        return gone is not None

    # --- what connections ask for

    def admits(self, connection: ControlConnection) -> bool:
        """Return whether the client behind a proxy may come in; it is told if not."""
        why = self._why_not(connection.channel.peer)
        if why:
            connection.channel.end(f"421 {why}")
            return False
        place = prefix(connection.channel.peer)
        self._per_address[self._connections[connection]] -= 1
        self._connections[connection] = place
        self._per_address[place] += 1
        return True

    def _why_not(self, peer: str) -> str:
        if self._per_address[prefix(peer)] >= self.shared.settings.max_connections_per_address:
            return "too many connections from your address"
        try:
            self.shared.authenticator.greet(peer)
        except TransferError as error:
            return error.message
        return ""

    def forget(self, connection: ControlConnection) -> None:
        """Count *connection* no longer."""
        place = self._connections.pop(connection, None)
        if place is not None:
            self._per_address[place] -= 1
            if self._per_address[place] <= 0:
                del self._per_address[place]

    def is_proxy(self, peer: str) -> bool:
        """Return whether *peer* is a balancer that tells who is behind it."""
        if not self._proxies:
            return False
        address = ipaddress.ip_address(peer.partition("%")[0])
        return any(address in network for network in self._proxies)

    def listen_passive(self, connection: ControlConnection) -> socket.socket | None:
        """Open a data port for *connection*; ``None`` when none is free."""
        sock, ports = connection.channel.socket, self.shared.settings.passive
        listener = open_passive(sock.getsockname(), sock.family, ports)
        if listener is None and self._free_port_for(connection):
            listener = open_passive(sock.getsockname(), sock.family, ports)
        return listener

    def _free_port_for(self, connection: ControlConnection) -> bool:
        """Return whether somebody who held more ports than *connection*'s place gave one up."""
        waiting = {c: p for c, p in self._connections.items() if c.data_port.is_waited_for}
        gone = displaced(waiting, self._connections[connection])
        if gone is not None:
            gone.data_port.give_up()
        return gone is not None


def _turn_away(sock: socket.socket, why: str, *, implicit: bool) -> None:
    """Close *sock*; in the clear a reason can be given."""
    if not implicit:
        with contextlib.suppress(OSError):
            sock.send(f"421 {why}\r\n".encode("ascii", "replace"))
    LOG.debug("turned a connection away")
    sock.close()


def serve_in(process: Process) -> None:
    """
    Serve in *process* until it is told to end.

    Raises:
        BugError: it was configured as another server.
        ConfigError: certificate or key cannot be used.
    """
    settings = process.settings
    if not isinstance(settings, FTPSSettings):
        raise BugError("the settings are those of another server")
    explicit, implicit = (
        [socket.socket(fileno=one) for one in process.listeners.get(setting, ())]
        for setting in ("ftps", "ftps_implicit")
    )
    server = FTPSServer(explicit, implicit, process.authenticator, settings)
    if process.may_serve():
        process.serves(server.request_stop)
        server.serve_forever()

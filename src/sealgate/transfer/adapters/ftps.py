"""
The FTPS server: explicit TLS on one port, implicit TLS where it is asked for.

Hardened over pyftpdlib's event loop (docs/adr/0013-ftps-server.md). It knows nothing of
identities, classes or sealing: a :class:`Doorkeeper` lets people in, and their
:class:`FileSession` has the files.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyftpdlib.ioloop import IOLoop

from sealgate.identity.throttle import prefix
from sealgate.policy.inventory import PassivePorts
from sealgate.transfer.adapters.ftps_control import ControlConnection
from sealgate.transfer.adapters.ftps_data import PassiveListener, open_passive, plain_address
from sealgate.transfer.adapters.ftps_loop import LOG, Errands, Wire, guarded
from sealgate.transfer.adapters.ftps_tls import Contexts, ReceiveBuffer, TLSFiles
from sealgate.transfer.adapters.ftps_transfers import BLOCK_BYTES
from sealgate.transfer.crowding import displaced
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.transfer.model import Doorkeeper

_SWEEP_SECONDS = 1.0
_LINE_BUFFER_BYTES = 8192
_BACKLOG = 256
_ACCEPTED_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class FTPSSettings:
    """
    How the server behaves. Times in seconds.

    *tls* names the files of certificate, key and the CA of clients; they are read again when
    they change. *trusted_proxies* are networks whose balancers speak the PROXY protocol;
    data connections then come from the client all the same, or from the balancer.
    *connect_seconds* is how long a transfer waits for its data connection, *fault_seconds* how
    long it still does when one came that is not the right one, *handshake_seconds* how long
    such a one may stay, *data_seconds* how long the right one may stand still.
    """

    tls: TLSFiles
    passive: PassivePorts = field(default_factory=PassivePorts)
    login_seconds: float = 60
    idle_seconds: float = 300
    connect_seconds: float = 30
    fault_seconds: float = 3
    handshake_seconds: float = 10
    data_seconds: float = 120
    attempts: int = 3
    max_connections: int = 512
    max_connections_per_address: int = 64
    trusted_proxies: tuple[str, ...] = ()
    sign_in_threads: int = 2
    store_threads: int = 8


class _Acceptor(Wire):
    """Takes new connections from one listening socket."""

    def __init__(self, listener: socket.socket, server: FTPSServer, *, implicit: bool) -> None:
        listener.setblocking(False)
        listener.listen(_BACKLOG)
        super().__init__(listener, server.loop)
        self._server = server
        self._implicit = implicit

    def on_readable(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _peer = self.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Descriptors ran out: listening goes on with the next sweep, without spinning.
                self.listen_for(reading=False, writing=False)
                return
            guarded(self._server.arrived, connection, self._implicit)

    def on_writable(self) -> None:
        """Do nothing: a listener never writes."""

    def handle_close(self) -> None:
        """Go on: a listener is closed by its server."""


class FTPSServer:
    """Serves *explicit* and *implicit*: sockets that are bound, and belong to it from now on."""

    def __init__(
        self,
        explicit: Sequence[socket.socket],
        implicit: Sequence[socket.socket],
        doorkeeper: Doorkeeper,
        settings: FTPSSettings,
    ) -> None:
        """
        Read the certificate and listen.

        Raises:
            ConfigError: certificate or key cannot be used.
        """
        self.doorkeeper = doorkeeper
        self.settings = settings
        self.contexts = Contexts(settings.tls)
        self.loop: Any = IOLoop()
        self.errands = Errands(
            self.loop,
            sign_in_threads=settings.sign_in_threads,
            store_threads=settings.store_threads,
        )
        self.line_buffer = ReceiveBuffer(_LINE_BUFFER_BYTES)
        # What uploads have on the line, and the same opened: one block of one of them at a time.
        self.data_buffers = ReceiveBuffer(BLOCK_BYTES), ReceiveBuffer(BLOCK_BYTES)
        self._proxies = tuple(ipaddress.ip_network(one) for one in settings.trusted_proxies)
        # Each with where it comes from, as the throttle counts: an IPv6 network is one.
        self._connections: dict[ControlConnection, str] = {}
        self._per_address: Counter[str] = Counter()
        self._acceptors = [_Acceptor(one, self, implicit=False) for one in explicit]
        self._acceptors += [_Acceptor(one, self, implicit=True) for one in implicit]
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
                connection.end("421 the server stops")
        return not self._connections or time.monotonic() >= self._stop_at

    def _close(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for connection in tuple(self._connections):
            guarded(connection.close)
        self.errands.close()
        self.loop.close()

    def _sweep(self, now: float) -> None:
        for acceptor in self._acceptors:
            acceptor.listen_for(reading=True, writing=False)
        for connection in tuple(self._connections):
            guarded(connection.check_time, now)

    # --- what connections ask for

    def arrived(self, sock: socket.socket, implicit: bool) -> None:  # noqa: FBT001
        """Take a connection in, or tell it why not."""
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
            connection = ControlConnection(sock, self, implicit=implicit)
        except OSError:
            sock.close()
            return
        if not connection.is_closed:
            self._connections[connection] = prefix(peer)
            self._per_address[prefix(peer)] += 1

    def _has_room(self, place: str) -> bool:
        if len(self._connections) < self.settings.max_connections:
            return True
        gone = displaced({c: p for c, p in self._connections.items() if c.session is None}, place)
        if gone is not None:
            gone.end("421 others wait for this place")
            gone.close()
        return gone is not None

    def admits(self, connection: ControlConnection) -> bool:
        """Return whether the client behind a proxy may come in; it is told if not."""
        why = self._why_not(connection.peer)
        if why:
            connection.end(f"421 {why}")
            return False
        place = prefix(connection.peer)
        self._per_address[self._connections[connection]] -= 1
        self._connections[connection] = place
        self._per_address[place] += 1
        return True

    def _why_not(self, peer: str) -> str:
        if self._per_address[prefix(peer)] >= self.settings.max_connections_per_address:
            return "too many connections from your address"
        try:
            self.doorkeeper.greet(peer)
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

    def listen_passive(self, connection: ControlConnection) -> PassiveListener | None:
        """Open a data port for *connection*; ``None`` when none is free."""
        sock = connection.socket
        listener = open_passive(sock.getsockname(), sock.family, self.settings.passive)
        if listener is None and self._free_port_for(connection):
            listener = open_passive(sock.getsockname(), sock.family, self.settings.passive)
        return None if listener is None else PassiveListener(listener, connection)

    def _free_port_for(self, connection: ControlConnection) -> bool:
        """Return whether somebody who held more ports than *connection*'s place gave one up."""
        waiting = {c: p for c, p in self._connections.items() if c.waits_for_data}
        gone = displaced(waiting, self._connections[connection])
        if gone is not None:
            gone.give_port_up()
        return gone is not None

    def announced_address(self, sock: socket.socket) -> str | None:
        """Return the IPv4 address that PASV on *sock* tells, ``None`` when there is none."""
        local = plain_address(sock.getsockname()[0])
        address = self.settings.passive.address or local
        with contextlib.suppress(ValueError):
            return str(ipaddress.IPv4Address(address))
        return None

    def family_number(self, sock: socket.socket) -> str:
        """Return the network of *sock* in EPSV's numbers (RFC 2428)."""
        local = plain_address(sock.getsockname()[0])
        return "2" if ":" in local else "1"


def _turn_away(sock: socket.socket, why: str, *, implicit: bool) -> None:
    """Close *sock*; in the clear a reason can be given."""
    if not implicit:
        with contextlib.suppress(OSError):
            sock.send(f"421 {why}\r\n".encode("ascii", "replace"))
    LOG.debug("turned a connection away")
    sock.close()

"""
The data connection: passive only, inside the TLS session of its control connection.

RFC 4217, 10 and 12. A data connection comes from the address of the control connection,
resumes its session, negotiates nothing weaker, and an upload is whole only when
close_notify said so.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import struct
import time
from typing import TYPE_CHECKING

from sealgate.transfer.adapters.ftps_loop import Wire
from sealgate.transfer.adapters.ftps_tls import (
    HYBRID_GROUPS,
    Need,
    TLSBrokenError,
    TLSConnection,
)
from sealgate.transfer.adapters.ftps_tls_data import DataTLSConnection

if TYPE_CHECKING:
    from sealgate.policy.inventory import PassivePorts
    from sealgate.transfer.adapters.ftps_control import ControlConnection
    from sealgate.transfer.adapters.ftps_transfers import Transfer

# How long, and how much, a client whose upload is refused may send on.
DISCARD_SECONDS = 10.0
DISCARD_BYTES = 256 * 1024 * 1024
_DISCARD_PIECE_BYTES = 256 * 1024
# How many may shake hands on one passive port at the same time, and wait for it in the kernel.
_MOST_COMING = 16
_BACKLOG = 256
# In TLS the client speaks first. Who says nothing stays in the kernel, this long at the most:
# many clients connect, and say hello only when their command was answered.
_SILENT_SECONDS = 30
# A closed socket that resets instead of ending: the client must not take it for the end.
_RESET = struct.pack("ii", 1, 0)


def plain_address(address: str) -> str:
    """Return *address* without the prefix that an IPv6 socket gives IPv4 peers."""
    return address.removeprefix("::ffff:") if "." in address else address


def open_passive(local: tuple[str, int], family: int, ports: PassivePorts) -> socket.socket | None:
    """Return a socket that listens on a free passive port, from a random one on; or ``None``."""
    count = ports.last - ports.first + 1
    first = secrets.randbelow(count)
    for step in range(count):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((local[0], ports.first + (first + step) % count))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _SILENT_SECONDS)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            continue
        return listener
    return None


class PassiveListener(Wire):
    """
    Waits for the data connection of *control*, and takes none but that.

    Who reaches the port first proves nothing, at the client's own address neither: behind one
    address there may be many. What comes is let shake hands, and the one that resumes the TLS
    session of the control connection is taken. The others are let wait beside it, a few at a
    time and for a while, so that they neither use the port up nor keep it.
    """

    def __init__(self, listener: socket.socket, control: ControlConnection) -> None:
        """Listen on *listener* for *control*."""
        super().__init__(listener, control.ioloop)
        self._control = control
        self._coming: list[DataConnection] = []
        self.opened_at = time.monotonic()
        self.port: int = listener.getsockname()[1]
        # What the last one that was not taken lacked, and when that was seen.
        self.fault = ""
        self.fault_at = 0.0

    def on_readable(self) -> None:
        """Let those who came shake hands; other addresses are hung up on (RFC 2577, 2)."""
        for _ in range(_MOST_COMING):
            try:
                connection, peer = self.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Descriptors ran out: rather no transfer than a loop that spins.
                self._control.data_failed("425 the data connection could not be taken")
                return
            tls = self._control.tls
            if tls is None or not self._control.takes_data_from(plain_address(peer[0])):
                connection.close()
                continue
            self._make_room()
            data = DataConnection(connection, self._control, tls, self)
            self._coming.append(data)
            # Mostly the hello has come with the connection: one turn of the loop is saved.
            data.on_readable()
            if self.is_closed:
                return

    def _make_room(self) -> None:
        """Let go of one that is least likely the right one, when too many shake hands."""
        if len(self._coming) >= _MOST_COMING:
            # The client's own says hello at once, and only with it is a session resumed.
            gone = min(self._coming, key=lambda one: one.progress)
            self._coming.remove(gone)
            gone.close()

    def check_time(self, now: float, seconds: float) -> None:
        """Let go of those that have shaken hands for *seconds*; *now* is monotonic."""
        for one in tuple(self._coming):
            if now - one.moved_at > seconds:
                self._coming.remove(one)
                one.close()

    def not_this(self, data: DataConnection, fault: str) -> None:
        """
        Remember the *fault* of *data*, and wait on: another may be the right one.

        It stays open where its client is there: it would hear of a reset before the reply.
        """
        self.fault = fault
        self.fault_at = time.monotonic()
        if data.tls.established and not data.is_lost:
            data.listen_for(reading=False, writing=False)
            return
        if data in self._coming:
            self._coming.remove(data)
        data.close()

    def taken(self, data: DataConnection) -> None:
        """Hand *data* over, which is the right one, and stop."""
        self._coming.remove(data)
        self.close()
        self._control.data_arrived(data)

    def on_writable(self) -> None:
        """Do nothing: a listener never writes."""

    def close(self) -> None:
        """Stop waiting, and let go of whoever shakes hands."""
        coming, self._coming = self._coming, []
        for one in coming:
            one.close()
        super().close()


class DataConnection(Wire):
    """One data connection: handshake, checks, then the bytes of one transfer."""

    def __init__(
        self,
        connection: socket.socket,
        control: ControlConnection,
        tls: TLSConnection,
        listener: PassiveListener,
    ) -> None:
        """Wait for the hello on *connection*, which came to *listener*, to resume that of *tls*."""
        connection.setblocking(False)
        super().__init__(connection, control.ioloop)
        self._control = control
        self._listener = listener
        self._is_right = False
        self.is_lost = False
        self._outer = tls.measured("") if control.channel is None else control.channel
        self._transfer: Transfer | None = None
        self._clean_end = False
        self.tls = DataTLSConnection(connection, tls)
        self.moved_at = time.monotonic()

    @property
    def progress(self) -> tuple[bool, float]:
        """Return what orders those that shake hands: the session that it resumes, then its age."""
        return self.tls.resumed and not self.tls.established, self.moved_at

    def carry(self, transfer: Transfer) -> None:
        """Let *transfer* have the connection, now that it is established."""
        self._transfer = transfer
        self.moved_at = time.monotonic()
        transfer.start(self)

    def on_readable(self) -> None:
        """Go on with the handshake or the transfer."""
        if not self.tls.established:
            self._shake()
        elif self._transfer is not None:
            self._transfer.on_readable()
        else:
            # One that is not the right one is not read from. Early bytes of an upload wait in the kernel for their command.
            self.listen_for(reading=False, writing=False)

    def on_writable(self) -> None:
        """Go on with the handshake or the transfer."""
        if not self.tls.established:
            self._shake()
        elif self._transfer is not None:
            self._transfer.on_writable()

    @property
    def is_in_loop(self) -> bool:
        """Return whether it is not paused."""
        return self._fileno in self.ioloop.socket_map

    def pause(self) -> None:
        """Leave the loop while a thread works for the transfer."""
        self.del_channel()

    def resume(self, *, reading: bool) -> None:
        """Come back into the loop."""
        if not self.is_closed:
            self._waiting_for = self.ioloop.READ if reading else self.ioloop.WRITE
            self.add_channel(events=self._waiting_for)

    def discard(self) -> None:
        """Read what still comes, unopened, until the client ends, for a while at the most."""
        self._transfer = _Discarding(self)
        self._clean_end = True
        self.ioloop.call_later(DISCARD_SECONDS, self.close)
        if self.is_in_loop:
            self.listen_for(reading=True, writing=False)
        else:
            self.resume(reading=True)

    def end(self) -> None:
        """Close with close_notify: everything was sent."""
        self._clean_end = self.tls.say_goodbye()
        self.close()

    def close(self) -> None:
        """Close; without :meth:`end` by a reset, so that nobody takes it for the end."""
        if self.is_closed:
            return
        if not self._clean_end:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        super().close()

    def handle_close(self) -> None:
        """Tell whoever waits that the client went away."""
        self.is_lost = True
        gone = "426 the data connection was closed before its transfer"
        if self._transfer is not None:
            self._transfer.on_lost()
        elif self._is_right:
            self._control.data_failed(gone)
        elif self.tls.established:
            # What it lacked is known; that is what its client has to hear.
            self._listener.not_this(self, self._listener.fault)
        else:
            self._listener.not_this(self, gone)

    def _shake(self) -> None:
        try:
            need = self.tls.handshake()
        except TLSBrokenError as error:
            self.is_lost = True
            self._listener.not_this(self, f"522 TLS on the data connection failed: {error}")
            return
        if need is not Need.NOTHING:
            self.listen_for(reading=need is Need.READABLE, writing=need is Need.WRITABLE)
            return
        fault = self._fault()
        if fault:
            self._listener.not_this(self, f"522 {fault}")
            return
        self.moved_at = time.monotonic()
        self._is_right = True
        self._listener.taken(self)

    def _fault(self) -> str:
        """Return why the connection is no better than no TLS, "" when it is."""
        if not self.tls.resumed:
            return (
                "the data connection must resume the TLS session of the control connection; "
                "turn session reuse on in the client"
            )
        version, group = self.tls.version_and_group()
        outer = self._outer
        if version != outer.version:
            return f"the data connection uses {version} under {outer.version}"
        if outer.group in HYBRID_GROUPS and group not in HYBRID_GROUPS:
            return f"the data connection uses {group} under {outer.group}"
        return ""


class _Discarding:
    """What a data connection carries once its upload is refused: nothing that is kept."""

    def __init__(self, data: DataConnection) -> None:
        self._data = data
        self._left = DISCARD_BYTES

    def start(self, data: DataConnection) -> None:
        """Do nothing: it begins in the middle."""

    def on_readable(self) -> None:
        """Throw away one piece; a client that sends without end is cut off."""
        try:
            count = len(self._data.socket.recv(_DISCARD_PIECE_BYTES))
        except BlockingIOError:
            return
        except OSError:
            count = 0
        self._left -= count
        if not count or self._left <= 0:
            self._data.close()

    def on_writable(self) -> None:
        """Do nothing: nothing is sent."""

    def on_lost(self) -> None:
        """Let go."""
        self._data.close()

    def stop(self, *replies: str) -> None:
        """Let go; what there was to say is said."""
        del replies
        self._data.close()

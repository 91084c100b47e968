"""
The data connection: passive only, inside the TLS session of its control connection.

RFC 4217, 10 and 12. A data connection comes from the address of the control connection,
resumes its session, negotiates nothing weaker, and an upload is whole only when
close_notify said so.
"""

from __future__ import annotations

import contextlib
import ipaddress
import secrets
import socket
import struct
import time
from typing import TYPE_CHECKING, Any, Protocol

from sealgate.protocols.ftps.channel import ControlChannel, plain_address
from sealgate.protocols.ftps.loop import EventSocket
from sealgate.protocols.ftps.tls import (
    HYBRID_GROUPS,
    DataTLSConnection,
    TLSBrokenError,
    TLSConnection,
    TLSNeed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import PassivePorts
    from sealgate.protocols.ftps.settings import FTPSSettings
    from sealgate.protocols.model import Channel

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


class DataTransfer(Protocol):
    """What a data connection carries."""

    def start(self, data: DataConnection) -> None:
        """Begin on *data*."""

    def on_readable(self) -> None:
        """Go on reading."""

    def on_writable(self) -> None:
        """Go on writing."""

    def on_lost(self) -> None:
        """Give up: the client is gone from the data connection."""

    def stop(self, *replies: str) -> None:
        """Break off, undo what must be undone, then reply *replies*."""


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


def announced_address(sock: socket.socket, ports: PassivePorts) -> str | None:
    """Return the IPv4 address that PASV on *sock* tells, ``None`` when there is none."""
    address = ports.address or plain_address(sock.getsockname()[0])
    with contextlib.suppress(ValueError):
        return str(ipaddress.IPv4Address(address))
    return None


def family_number(sock: socket.socket) -> str:
    """Return the network of *sock* in EPSV's numbers (RFC 2428)."""
    return "2" if ":" in plain_address(sock.getsockname()[0]) else "1"


class PassiveListener:
    """
    Waits for the data connection of *port*, and takes none but that.

    Who reaches the port first proves nothing, at the client's own address neither: behind one
    address there may be many. What comes is let shake hands, and the one that resumes the TLS
    session of the control connection is taken. The others are let wait beside it, a few at a
    time and for a while, so that they neither use the port up nor keep it.
    """

    def __init__(self, listener: socket.socket, port: DataPort) -> None:
        """Listen on *listener* for *port*."""
        self._wire = EventSocket(listener, port.loop, self)
        self._owner = port
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
                connection, peer = self._wire.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # Descriptors ran out: rather no transfer than a loop that spins.
                self._owner.failed("425 the data connection could not be taken")
                return
            control = self._owner.channel
            if control.tls is None or not control.takes_data_from(plain_address(peer[0])):
                connection.close()
                continue
            self._make_room()
            outer = control.tls.measured("") if control.measured is None else control.measured
            data = DataConnection(connection, self._owner, control.tls, outer, self)
            self._coming.append(data)
            # Mostly the hello has come with the connection: one turn of the loop is saved.
            data.on_readable()
            if self._wire.is_closed:
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
            data.wire.listen_for(reading=False, writing=False)
            return
        if data in self._coming:
            self._coming.remove(data)
        data.close()

    def taken(self, data: DataConnection) -> None:
        """Hand *data* over, which is the right one, and stop."""
        self._coming.remove(data)
        self.close()
        self._owner.arrived(data)

    def on_writable(self) -> None:
        """Do nothing: a listener never writes."""

    def on_hangup(self) -> None:
        """Stop waiting."""
        self.close()

    def close(self) -> None:
        """Stop waiting, and let go of whoever shakes hands."""
        coming, self._coming = self._coming, []
        for one in coming:
            one.close()
        self._wire.close()


class DataConnection:
    """One data connection: handshake, checks, then the bytes of one transfer."""

    def __init__(
        self,
        connection: socket.socket,
        port: DataPort,
        tls: TLSConnection,
        outer: Channel,
        listener: PassiveListener,
    ) -> None:
        """
        Wait for the hello on *connection*, which came to *listener*, to resume that of *tls*.

        What *outer* measured of the control connection is the least.
        """
        connection.setblocking(False)
        self.wire = EventSocket(connection, port.loop, self)
        self._port = port
        self._listener = listener
        self._is_right = False
        self.is_lost = False
        self._outer = outer
        self._transfer: DataTransfer | None = None
        self._clean_end = False
        self.tls = DataTLSConnection(connection, tls)
        self.moved_at = time.monotonic()

    @property
    def progress(self) -> tuple[bool, float]:
        """Return what orders those that shake hands: the session that it resumes, then its age."""
        return self.tls.resumed and not self.tls.established, self.moved_at

    def carry(self, transfer: DataTransfer) -> None:
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
            self.wire.listen_for(reading=False, writing=False)

    def on_writable(self) -> None:
        """Go on with the handshake or the transfer."""
        if not self.tls.established:
            self._shake()
        elif self._transfer is not None:
            self._transfer.on_writable()

    def discard(self) -> None:
        """Read what still comes, unopened, until the client ends, for a while at the most."""
        self._transfer = _Discarding(self)
        self._clean_end = True
        self.wire.ioloop.call_later(DISCARD_SECONDS, self.close)
        if self.wire.is_in_loop:
            self.wire.listen_for(reading=True, writing=False)
        else:
            self.wire.resume(reading=True)

    def end(self) -> None:
        """Close with close_notify: everything was sent."""
        self._clean_end = self.tls.say_goodbye()
        self.close()

    def close(self) -> None:
        """Close; without :meth:`end` by a reset, so that nobody takes it for the end."""
        if self.wire.is_closed:
            return
        if not self._clean_end:
            with contextlib.suppress(OSError):
                self.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.wire.close()

    def on_hangup(self) -> None:
        """Tell whoever waits that the client went away."""
        self.is_lost = True
        gone = "426 the data connection was closed before its transfer"
        if self._transfer is not None:
            self._transfer.on_lost()
        elif self._is_right:
            self._port.failed(gone)
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
        if need is not TLSNeed.NOTHING:
            self.wire.listen_for(reading=need is TLSNeed.READABLE, writing=need is TLSNeed.WRITABLE)
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
            count = len(self._data.wire.socket.recv(_DISCARD_PIECE_BYTES))
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


class DataPort:
    """
    The data port of a control connection: at most one connection, for one transfer at a time.

    It brings a command and the connection that carries it together, whichever comes first.
    *listen* opens a port, or returns ``None`` when none is free; *over* is called behind each
    transfer.
    """

    def __init__(
        self,
        channel: ControlChannel,
        loop: Any,
        listen: Callable[[], socket.socket | None],
        over: Callable[[], None],
    ) -> None:
        """Begin without."""
        self.channel = channel
        self.loop = loop
        self._listen = listen
        self._over = over
        self._passive: PassiveListener | None = None
        self._data: DataConnection | None = None
        self._discarded: DataConnection | None = None
        self._fault = ""
        self._transfer: DataTransfer | None = None
        self._transfer_began_at = 0.0

    @property
    def is_busy(self) -> bool:
        """Return whether a transfer is under way."""
        return self._transfer is not None

    def check_time(self, now: float, limits: FTPSSettings) -> None:
        """End what stands still; *now* is monotonic."""
        data, transfer, passive = self._data, self._transfer, self._passive
        if passive is not None:
            passive.check_time(now, limits.handshake_seconds)
        if transfer is None:
            opened_at = data.moved_at if data is not None else now
            opened_at = passive.opened_at if passive is not None else opened_at
            if now - opened_at > limits.data_seconds:
                self.drop()
        elif data is None:
            waited = now - self._transfer_began_at
            fault = passive.fault if passive is not None else ""
            if fault and passive is not None:
                # The client's own may be the one that failed, or still be on its way.
                faulty = min(waited, now - passive.fault_at) > limits.fault_seconds
            else:
                faulty = False
            if faulty or waited > limits.connect_seconds:
                transfer.stop(fault or "425 no data connection came in time")
        elif now - data.moved_at > limits.data_seconds:
            transfer.stop("426 the data connection stood still for too long")

    def open(self) -> PassiveListener | None:
        """Listen for a data connection; one that is open already is dropped."""
        self.drop()
        self.drop_discarded()
        listener = self._listen()
        self._passive = None if listener is None else PassiveListener(listener, self)
        return self._passive

    @property
    def is_waited_for(self) -> bool:
        """Return whether a data port is open that no transfer asks for yet."""
        return self._passive is not None and self._transfer is None

    def give_up(self) -> None:
        """Close a data port that others wait for; the next transfer hears why."""
        self.drop()
        self._fault = "425 others waited for the data port: ask for one again"

    def drop(self) -> None:
        """Close the data connection, or stop waiting for it."""
        passive, self._passive = self._passive, None
        data, self._data = self._data, None
        self._fault = ""
        for one in (passive, data):
            if one is not None:
                one.close()

    def refuse_upload(self) -> None:
        """
        Part with the connection of an upload that is refused, and let the client send on.

        A reset would reach it before the reply, and be all that its user is told.
        """
        self.drop_discarded()
        data, self._data = self._data, None
        if data is not None:
            self._discarded = data
            data.discard()

    def drop_discarded(self) -> None:
        """Close the connection of a refused upload: the client goes on, or is gone."""
        discarded, self._discarded = self._discarded, None
        if discarded is not None:
            discarded.close()

    def arrived(self, data: DataConnection) -> None:
        """Take the data connection, which stands; a waiting transfer begins."""
        self._passive = None
        if self.channel.is_closed:
            data.close()
            return
        self._data = data
        if self._transfer is not None:
            data.carry(self._transfer)
        else:
            data.wire.listen_for(reading=False, writing=False)

    def failed(self, reply: str) -> None:
        """Give up the data connection; a waiting transfer, or the next one, hears *reply*."""
        transfer = self._transfer
        self.drop()
        if transfer is not None:
            transfer.stop(reply)
        else:
            self._fault = reply

    def can_transfer(self) -> bool:
        """Return whether a data connection is there or awaited; if not, the client is told."""
        if self._data is not None or self._passive is not None:
            return True
        fault, self._fault = self._fault, ""
        self.channel.reply(fault or "425 ask for a data connection first, with EPSV or PASV")
        return False

    def begin(self, transfer: DataTransfer) -> None:
        """Let *transfer* have the data connection as soon as it stands."""
        if self._data is None and self._passive is None:
            # It failed while the file was being opened.
            self._transfer = transfer
            transfer.stop(self._fault or "425 the data connection failed")
            return
        self._transfer = transfer
        self._transfer_began_at = time.monotonic()
        self.channel.reply("150 here it comes" if self._data is None else "125 here it comes")
        if self._data is not None:
            self._data.carry(transfer)

    def over(self, *replies: str) -> None:
        """Forget the transfer and say how it ended."""
        self._transfer = None
        passive, self._passive = self._passive, None
        data, self._data = self._data, None
        self._fault = ""
        # First of all: the client waits for it.
        for reply in replies:
            self.channel.reply(reply)
        for one in (passive, data):
            if one is not None:
                one.close()
        self._over()

    def abort(self) -> None:
        """Break the transfer off (RFC 959, 4.1.3)."""
        if self._transfer is not None:
            self._transfer.stop("426 broken off as asked", "226 done")
        else:
            self.drop()
            self.channel.reply("226 nothing is under way")

    def close(self) -> None:
        """Close everything; the client is gone."""
        self.drop()
        self.drop_discarded()
        self._transfer = None

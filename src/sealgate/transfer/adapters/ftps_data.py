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
# A closed socket that resets instead of ending: the client must not take it for the end.
_RESET = struct.pack("ii", 1, 0)


def plain_address(address: str) -> str:
    """
    Return *address* without the prefix that an IPv6 socket gives IPv4 peers.
    """
    return address.removeprefix("::ffff:") if "." in address else address


def open_passive(local: tuple[str, int], family: int, ports: PassivePorts) -> socket.socket | None:
    """
    Return a socket that listens on a free passive port, from a random one on; or ``None``.
    """
    count = ports.last - ports.first + 1
    first = secrets.randbelow(count)
    for step in range(count):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((local[0], ports.first + (first + step) % count))
            listener.listen(1)
        except OSError:
            listener.close()
            continue
        return listener
    return None


class PassiveListener(Wire):
    """
    Waits for one data connection, and takes it only from the control connection's peer.
    """

    def __init__(self, listener: socket.socket, control: ControlConnection) -> None:
        """
        Listen on *listener* for *control*.
        """
        super().__init__(listener, control.ioloop)
        self._control = control
        self.opened_at = time.monotonic()
        self.port: int = listener.getsockname()[1]

    def on_readable(self) -> None:
        """
        Take the connection; strangers are hung up on and waiting goes on (RFC 2577, 2).
        """
        try:
            connection, peer = self.socket.accept()
        except BlockingIOError:
            return
        except OSError:
            # Descriptors ran out: rather no transfer than a loop that spins.
            self.close()
            self._control.data_failed("425 the data connection could not be taken")
            return
        if not self._control.takes_data_from(plain_address(peer[0])):
            connection.close()
            return
        self.close()
        self._control.data_arrived(connection)

    def on_writable(self) -> None:
        """
        Do nothing: a listener never writes.
        """


class DataConnection(Wire):
    """
    One data connection: handshake, checks, then the bytes of one transfer.
    """

    def __init__(
        self, connection: socket.socket, control: ControlConnection, tls: TLSConnection
    ) -> None:
        """
        Wait for the hello on *connection*, which belongs to the session of *tls*.
        """
        connection.setblocking(False)
        super().__init__(connection, control.ioloop)
        self._control = control
        self._outer = tls.measured("") if control.channel is None else control.channel
        self._transfer: Transfer | None = None
        self._clean_end = False
        self.tls = DataTLSConnection(connection, tls)
        self.moved_at = time.monotonic()

    def carry(self, transfer: Transfer) -> None:
        """
        Let *transfer* have the connection, now that it is established.
        """
        self._transfer = transfer
        self.moved_at = time.monotonic()
        transfer.start(self)

    def on_readable(self) -> None:
        """
        Go on with the handshake or the transfer.
        """
        if not self.tls.established:
            self._shake()
        elif self._transfer is not None:
            self._transfer.on_readable()
        else:
            # Early bytes of an upload wait in the kernel for their command.
            self.listen_for(reading=False, writing=False)

    def on_writable(self) -> None:
        """
        Go on with the handshake or the transfer.
        """
        if not self.tls.established:
            self._shake()
        elif self._transfer is not None:
            self._transfer.on_writable()

    @property
    def is_in_loop(self) -> bool:
        """
        Return whether it is not paused.
        """
        return self._fileno in self.ioloop.socket_map

    def pause(self) -> None:
        """
        Leave the loop while a thread works for the transfer.
        """
        self.del_channel()

    def resume(self, *, reading: bool) -> None:
        """
        Come back into the loop.
        """
        if not self.is_closed:
            self._waiting_for = self.ioloop.READ if reading else self.ioloop.WRITE
            self.add_channel(events=self._waiting_for)

    def discard(self) -> None:
        """
        Read what still comes, unopened, until the client ends, for a while at the most.
        """
        self._transfer = _Discarding(self)
        self._clean_end = True
        self.ioloop.call_later(DISCARD_SECONDS, self.close)
        if self.is_in_loop:
            self.listen_for(reading=True, writing=False)
        else:
            self.resume(reading=True)

    def end(self) -> None:
        """
        Close with close_notify: everything was sent.
        """
        self._clean_end = self.tls.say_goodbye()
        self.close()

    def close(self) -> None:
        """
        Close; without :meth:`end` by a reset, so that nobody takes it for the end.
        """
        if self.is_closed:
            return
        if not self._clean_end:
            with contextlib.suppress(OSError):
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        super().close()

    def handle_close(self) -> None:
        """
        Tell whoever waits that the client went away.
        """
        if self._transfer is not None:
            self._transfer.on_lost()
        else:
            self._control.data_failed("426 the data connection was closed before its transfer")

    def _shake(self) -> None:
        try:
            need = self.tls.handshake()
        except TLSBrokenError as error:
            self._control.data_failed(f"522 TLS on the data connection failed: {error}")
            return
        if need is not Need.NOTHING:
            self.listen_for(reading=need is Need.READABLE, writing=need is Need.WRITABLE)
            return
        fault = self._fault()
        if fault:
            self._control.data_failed(f"522 {fault}")
            return
        self.moved_at = time.monotonic()
        self._control.data_established()

    def _fault(self) -> str:
        """
        Return why the connection is no better than no TLS, "" when it is.
        """
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
    """
    What a data connection carries once its upload is refused: nothing that is kept.
    """

    def __init__(self, data: DataConnection) -> None:
        self._data = data
        self._left = DISCARD_BYTES

    def start(self, data: DataConnection) -> None:
        """
        Do nothing: it begins in the middle.
        """

    def on_readable(self) -> None:
        """
        Throw away one piece; a client that sends without end is cut off.
        """
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
        """
        Do nothing: nothing is sent.
        """

    def on_lost(self) -> None:
        """
        Let go.
        """
        self._data.close()

    def stop(self, *replies: str) -> None:
        """
        Let go; what there was to say is said.
        """
        del replies
        self._data.close()

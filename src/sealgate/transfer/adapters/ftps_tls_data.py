"""
TLS of a data connection: the handshake and uploads in memory, downloads over the socket.

OpenSSL sends a session ticket behind each handshake of TLS 1.3, and the bindings have no
switch for it. A client that only sends (lftp) closes without having read it; its kernel then
resets the connection and throws away whatever is still on its way, so that uploads of some
hundred KiB were cut off every second time. In memory the ticket is kept back until there is
something else to send, or the upload is over.

Over a socket OpenSSL asks the kernel twice for each record of 16 KiB. In memory all that has
come is taken at once, and opened where the kernel put it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL

from sealgate.transfer.adapters.ftps_tls import Need, TLSBrokenError, TLSConnection, reason

if TYPE_CHECKING:
    import socket

    from sealgate.storage.model import Buffer
    from sealgate.transfer.adapters.ftps_tls import ReceiveBuffer

# A hello with hybrid key shares takes some 2 KiB.
_HELLO_BYTES = 16_384
_MOST_PENDING_BYTES = 65_536


class DataTLSConnection(TLSConnection):
    """
    The server's end of a data connection, which resumes the session of *resumed_from*.

    Behind the handshake it either receives or is written to.
    """

    def __init__(self, connection: socket.socket, resumed_from: TLSConnection) -> None:
        """Wait for the client's hello on *connection*."""
        super().__init__(resumed_from.context, None, resumed_from=resumed_from)
        self._socket = connection
        # What was made and not sent yet; once established, this is the ticket.
        self._made = bytearray()
        self._is_over_socket = False
        self._has_early = True

    def handshake(self) -> Need:
        """
        Go on with the handshake; NOTHING when it is done.

        Raises:
            TLSBrokenError: it cannot be done.
        """
        while True:
            try:
                self._connection.do_handshake()
                self.established = True
            except SSL.WantReadError:
                pass
            except (SSL.Error, OSError) as error:
                self._take_made()
                self._send_made()  # the alert
                raise TLSBrokenError(reason(error)) from error
            self._take_made()
            if self.established:
                if self._connection.get_protocol_version_name() != "TLSv1.3":
                    # There it is no ticket, but what the client awaits to be established.
                    self._send_made()
                return Need.NOTHING
            if not self._send_made():
                return Need.WRITABLE
            try:
                heard = self._socket.recv(_HELLO_BYTES)
            except BlockingIOError:
                return Need.READABLE
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
            if not heard:
                raise TLSBrokenError(reason(EOFError()))
            self._connection.bio_write(heard)

    def receive(self, wire: ReceiveBuffer, plain: ReceiveBuffer) -> tuple[int, bool | None]:
        """
        Open what has come, up to the size of *wire*, to the beginning of *plain*.

        Return how much that is, and whether it was the last: ``True`` behind close_notify,
        ``False`` when the connection ended without, ``None`` when it goes on. What *wire*
        held is used up.
        """
        if self._has_early:
            # What came with the end of the handshake.
            self._has_early = False
            count, whole = self.open_records(plain)
            if count or whole is not None:
                return count, whole
        try:
            count = self._socket.recv_into(wire.view, wire.size)
        except BlockingIOError:
            return 0, None
        except OSError:
            count = 0
        if not count:
            return 0, False
        self.feed(wire, count)
        return self.open_records(plain)

    def write(self, data: Buffer) -> bool:
        """
        Send all of *data*, the ticket before it; False when the same must be given again.

        Raises:
            TLSBrokenError: nobody is there any more.
        """
        if not self._send_made():
            return False
        if not self._is_over_socket:
            self.use_socket(self._socket)
            self._is_over_socket = True
        return super().write(data)

    def say_goodbye(self) -> bool:
        """Send ticket and close_notify if it still can be. Never raises; tell whether it was."""
        if self._is_over_socket:
            return super().say_goodbye()
        try:
            said = super().say_goodbye()
            self._take_made()
            return self._send_made() and said
        except TLSBrokenError:
            return False

    def _take_made(self) -> None:
        try:
            while True:
                self._made += self._connection.bio_read(_MOST_PENDING_BYTES)
        except SSL.WantReadError:
            return

    def _send_made(self) -> bool:
        """Return whether all that was made is on its way."""
        while self._made:
            try:
                del self._made[: self._socket.send(self._made)]
            except BlockingIOError:
                return False
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
        return True

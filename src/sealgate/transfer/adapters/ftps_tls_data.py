"""
TLS of a data connection: its session ticket is kept back until the upload is over.

OpenSSL sends a ticket behind each handshake of TLS 1.3, and the bindings have no switch for
it. A client that only sends (lftp) closes without having read it; its kernel then resets the
connection and throws away whatever is still on its way, so that uploads of some hundred KiB
were cut off every second time. The handshake is therefore done in memory, one record at a
time so that nothing of what follows it is taken, and the socket comes in afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from OpenSSL import SSL

from sealgate.transfer.adapters.ftps_tls import Need, TLSBrokenError, TLSConnection, reason

if TYPE_CHECKING:
    import socket

    from sealgate.storage.model import Buffer

# RFC 8446, 5.1: type, version, length; the types that there are.
_HEADER_BYTES = 5
_TYPES = range(20, 25)
_MAX_RECORD_BYTES = 16_384 + 256
_MOST_PENDING_BYTES = 65_536


class DataTLSConnection(TLSConnection):
    """
    The server's end of a data connection, which resumes the session of *resumed_from*.
    """

    def __init__(self, connection: socket.socket, resumed_from: TLSConnection) -> None:
        """
        Wait for the client's hello on *connection*.
        """
        super().__init__(resumed_from.context, None, resumed_from=resumed_from)
        self._socket = connection
        self._record = bytearray()
        # What was made and not sent yet; once established, this is the ticket.
        self._made = bytearray()

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
                self.use_socket(self._socket)
                return Need.NOTHING
            if not self._send_made():
                return Need.WRITABLE
            if not self._read_record():
                return Need.READABLE

    def write(self, data: Buffer) -> bool:
        """
        Send all of *data*, the ticket before it; False when the same must be given again.

        Raises:
            TLSBrokenError: nobody is there any more.
        """
        return self._send_made() and super().write(data)

    def say_goodbye(self) -> bool:
        """
        Send ticket and close_notify if it still can be. Never raises; tell whether it was.
        """
        try:
            return self._send_made() and super().say_goodbye()
        except TLSBrokenError:
            return False

    def _take_made(self) -> None:
        try:
            while True:
                self._made += self._connection.bio_read(_MOST_PENDING_BYTES)
        except SSL.WantReadError:
            return

    def _send_made(self) -> bool:
        """
        Return whether all that was made is on its way.
        """
        while self._made:
            try:
                del self._made[: self._socket.send(self._made)]
            except BlockingIOError:
                return False
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
        return True

    def _read_record(self) -> bool:
        """
        Return whether one more record is there for OpenSSL.
        """
        record = self._record
        while missing := _size_of(record) - len(record):
            try:
                more = self._socket.recv(missing)
            except BlockingIOError:
                return False
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
            if not more:
                raise TLSBrokenError(reason(EOFError()))
            record += more
        self._connection.bio_write(bytes(record))
        record.clear()
        return True


def _size_of(record: bytearray) -> int:
    """
    Return how long the record that begins so is; of its header, while that is not there.
    """
    size = int.from_bytes(record[3:_HEADER_BYTES], "big")
    # What is none OpenSSL shall refuse at once.
    if len(record) < _HEADER_BYTES or record[0] not in _TYPES or size > _MAX_RECORD_BYTES:
        return _HEADER_BYTES
    return _HEADER_BYTES + size

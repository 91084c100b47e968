"""
The packets of a settled SSH connection, read and written without the copies.

asyncssh does the protocol: versions, key exchange, sign-in, channels, rekeying. What takes
time afterwards is the packets of file data. asyncssh copies the rest of its input twice for
each, makes a cipher anew for each, and sends an empty packet beside each that only CBC ever
needed (RFC 4251, 9.3.1). Here the bytes of channels take a short way, everything else goes to
asyncssh as before: a packet opened here is handed to it as if it had opened it itself.

Only methods of subclasses; nothing of asyncssh is changed (ADR 0012).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.constants import MSG_IGNORE

from sealgate.transfer.adapters.ssh_channel import DataChannel
from sealgate.transfer.adapters.ssh_cipher import (
    GCM,
    LENGTH_BYTES,
    TAG_BYTES,
    Opened,
    quick,
)
from sealgate.transfer.adapters.ssh_quiet import QUIET

if TYPE_CHECKING:
    from asyncssh.logging import SSHLogger

    from sealgate.storage.model import Buffer

_CHANNEL_DATA = 94  # RFC 4254, 5.2
_BLOCK = 16
_LEAST_PADDING = 4  # RFC 4253, 6
# What comes in while asyncssh still thinks about a packet; more, and the socket waits.
_MAX_WAITING_BYTES = 512 * 1024
# What may wait for a client that does not read; more, and nothing is read from it either.
# Sessions stop answering long before; this is for requests outside of them.
_MAX_UNREAD_BYTES = 2 * 1024 * 1024
_SEQUENCE = 0xFFFFFFFF
# Padding lies under the AEAD: it must be there, and tells nobody anything.
_PADDING = os.urandom(_BLOCK * 2)


class Framing(asyncssh.SSHServerConnection):
    """A server connection whose settled state takes the short way."""

    # asyncssh's own state is untyped on purpose here: these names are its, not ours.
    _recv_encryption: Any
    _send_encryption: Any
    _inpbuf: bytes
    _packet: bytes
    _pktlen: int
    _recv_seq: int
    _recv_handler: Any
    _logger: SSHLogger

    def __init__(self, *arguments: Any) -> None:
        """Take what asyncssh's connection takes."""
        super().__init__(*arguments)
        self._logger = QUIET

    def receive(self, data: memoryview) -> None:
        """Take what came from the socket; *data* is not kept."""
        self._reset_keepalive_timer()
        try:
            if self._settled():
                if self._inpbuf:
                    data = self._complete(data)
                if len(data) and not self._inpbuf:
                    data = data[self._take_packets(data) :]
            if len(data):
                self._inpbuf += data
                self._feed()
        except asyncssh.DisconnectError as error:
            self._send_disconnect(error.code, error.reason, error.lang)
            self._force_close(error)
        except Exception:  # noqa: BLE001  # as asyncssh: a fault ends this connection only
            self.internal_error()
        transport = self._transport
        if (
            transport is not None
            and not transport.is_closing()
            and (
                len(self._inpbuf) > _MAX_WAITING_BYTES
                or transport.get_write_buffer_size() > _MAX_UNREAD_BYTES
            )
        ):
            transport.pause_reading()

    def _complete(self, data: memoryview) -> memoryview:
        """Handle the packet that began with what waits; return what of *data* is left."""
        held = self._inpbuf
        more = max(0, _BLOCK - len(held))
        held += data[:more]
        data = data[more:]
        size = self._packet_size(held) if len(held) >= _BLOCK else 0
        missing = size - len(held)
        self._inpbuf = held
        if not size or missing > len(data):
            self._inpbuf += data
            return data[len(data) :]
        self._inpbuf = b""
        packet = memoryview(held + data[: max(0, missing)])
        used = self._take_packets(packet)
        self._inpbuf += packet[used:]
        return data[max(0, missing) :]

    def _packet_size(self, data: Buffer) -> int:
        """Return how long the packet is that *data* begin with."""
        length = int.from_bytes(data[:LENGTH_BYTES], "big")
        if length > self._max_recv_pktlen or length < _BLOCK or length % _BLOCK:
            raise asyncssh.ProtocolError("Packet of a bad size")
        return LENGTH_BYTES + length + TAG_BYTES

    def _feed(self) -> None:
        """Have asyncssh's own loop go over what waits."""
        while self._inpbuf and self._recv_handler():
            pass

    def _settled(self) -> bool:
        """Return whether the next packet may take the short way."""
        if not self._auth_complete or self._decompressor:
            return False
        if self._recv_handler != self._recv_pkthdr:
            return False  # asyncssh awaits something
        if type(self._recv_encryption) is not GCM:
            self._recv_encryption = quick(self._recv_encryption)
        return type(self._recv_encryption) is GCM

    def _recv_pkthdr(self) -> bool:
        """Read from what waits: whole packets at once where that can be done."""
        if not self._settled():
            return super()._recv_pkthdr()
        waiting = self._inpbuf
        self._inpbuf = b""
        used = self._take_packets(memoryview(waiting))
        # What asyncssh put there meanwhile cannot be: it is given one packet at a time.
        self._inpbuf = waiting[used:]
        return used > 0

    def _take_packets(self, data: memoryview) -> int:
        """Handle every whole packet in *data*; return how many bytes they took."""
        at, end = 0, len(data)
        while end - at >= _BLOCK + LENGTH_BYTES:
            size = self._packet_size(data[at : at + LENGTH_BYTES])
            length = size - LENGTH_BYTES - TAG_BYTES
            if end - at < size:
                break
            plain = self._recv_encryption.open(data[at : at + size])
            at += size
            self._rekey_bytes_sent += length  # both directions count (RFC 4344, 3.2)
            if not self._take_data(plain):
                self._take_other(plain, length)
                if not self._transport or not self._settled():
                    break
        return at

    def _take_data(self, plain: bytes) -> bool:
        """Give file data to its channel; ``False`` when the packet is anything else."""
        if plain[1] != _CHANNEL_DATA:
            return False
        chan = self._channels.get(int.from_bytes(plain[2:6], "big"))
        if not isinstance(chan, DataChannel):
            return False
        payload = len(plain) - plain[0]
        if int.from_bytes(plain[6:10], "big") != payload - 10:
            return False  # asyncssh says what is wrong with it
        chan.take(memoryview(plain)[10:payload])
        self._auth_final = True
        self._recv_seq = (self._recv_seq + 1) & _SEQUENCE
        return True

    def _take_other(self, plain: bytes, length: int) -> None:
        """Have asyncssh handle a packet that is open already."""
        cipher, stand_in = self._recv_encryption, Opened(plain)
        self._pktlen = length
        self._packet = b"\0"  # "in the middle of a packet"
        self._inpbuf = bytes(LENGTH_BYTES + length + TAG_BYTES - self._recv_blocksize)
        self._recv_encryption = stand_in
        try:
            self._recv_packet()
        finally:
            if self._recv_encryption is stand_in:
                self._recv_encryption = cipher

    def _finish_recv_packet(self, *arguments: Any, **named: Any) -> None:
        super()._finish_recv_packet(*arguments, **named)
        if named.get("is_async"):
            self.read_on()

    def read_on(self) -> None:
        """Read from the socket again, unless too much waits on either side."""
        transport = self._transport
        if (
            transport is not None
            and not transport.is_closing()
            and len(self._inpbuf) <= _MAX_WAITING_BYTES
            and transport.get_write_buffer_size() <= _MAX_UNREAD_BYTES
        ):
            transport.resume_reading()

    # Sending.

    def may_send_data(self) -> bool:
        """Return whether channel data can be sealed now: no key exchange is under way."""
        return bool(self._kex_complete and self._auth_complete and self._transport)

    def send_data(self, header: bytes, data: Buffer) -> None:
        """Seal and send one packet of *header* (type, channel, length) and *data*."""
        cipher = self._send_encryption
        if type(cipher) is not GCM:
            cipher = self._send_encryption = quick(cipher)
        if type(cipher) is not GCM or self._rekey_is_due():
            self.send_packet(header[0], header[1:] + bytes(data))
            return
        payload = len(header) + len(data)
        padding = -(1 + payload) % _BLOCK
        if padding < _LEAST_PADDING:
            padding += _BLOCK
        length = 1 + payload + padding
        plain = b"".join((padding.to_bytes(1, "big"), header, data, _PADDING[:padding]))
        out = bytearray(LENGTH_BYTES + length + TAG_BYTES)
        out[:LENGTH_BYTES] = length.to_bytes(LENGTH_BYTES, "big")
        cipher.seal_into(plain, out)
        self._transport.write(out)  # type: ignore[union-attr]  # may_send_data was asked
        self._send_seq = (self._send_seq + 1) & _SEQUENCE
        self._rekey_bytes_sent += length

    def _rekey_is_due(self) -> bool:
        return bool(
            self._rekey_bytes_sent >= self._rekey_bytes
            or (self._rekey_seconds and time.monotonic() >= self._rekey_time)
        )

    def log_sent_packet(self, *_: object) -> None:
        """Keep no log."""

    def log_received_packet(self, *_: object) -> None:
        """Keep no log."""

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Send a packet of asyncssh's; no empty one goes beside it, an AEAD needs none."""
        if pkttype == MSG_IGNORE and args == (b"\0\0\0\0",):
            return
        super().send_packet(pkttype, *args, handler=handler)

    def _send_deferred_packets(self) -> None:
        super()._send_deferred_packets()
        if self._kex_complete and self._auth_complete:
            self.keys_agreed()

    def keys_agreed(self) -> None:
        """A key exchange is over: channels go on."""
        for chan in list(self._channels.values()):
            if isinstance(chan, DataChannel):
                chan.go_on()

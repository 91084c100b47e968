"""
What goes over a data connection: a file out, a file in, a listing out.

A local store is asked in the loop, one block at a time, so that all transfers get their
turn. A remote one is asked in a thread while the connection rests. Both ways at most one
block of a transfer is in memory, however slow the client is.
"""

from __future__ import annotations

import contextlib
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

from sealgate.protocols.ftps.data import DataConnection, DataPort
from sealgate.protocols.ftps.tasks import Tasks, reply_to
from sealgate.protocols.ftps.tls import ReceiveBuffer, TLSBrokenError

if TYPE_CHECKING:
    from sealgate.protocols.model import Uploading
    from sealgate.storage.model import StoreReader

BLOCK_BYTES = 512 * 1024


class OutgoingTransfer:
    """Bytes that are there already: a listing, or the first block of a file."""

    def __init__(self, port: DataPort, first: bytes) -> None:
        """Send *first* through *port*."""
        self._port = port
        self._block = first
        self._data: DataConnection | None = None

    def start(self, data: DataConnection) -> None:
        """Begin at once: mostly the kernel takes the first block."""
        self._data = data
        # The last block, close_notify and the end of the connection leave as one packet.
        with contextlib.suppress(OSError):
            data.wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        data.wire.listen_for(reading=False, writing=True)
        self.on_writable()

    def on_readable(self) -> None:
        """Do nothing: a client has nothing to say while it is sent to."""

    def on_writable(self) -> None:
        """Send one block; get the next one."""
        data = self._data
        if data is None:
            return
        if self._block:
            try:
                if not data.tls.write(self._block):
                    return
            except TLSBrokenError:
                self.on_lost()
                return
            self._sent(len(self._block))
            self._block = b""
            data.moved_at = time.monotonic()
        self._more()

    def _sent(self, count: int) -> None:
        """Count; a listing is not counted."""

    def _more(self) -> None:
        self._over("226 done")

    def _over(self, reply: str) -> None:
        data, self._data = self._data, None
        if data is not None:
            data.end()
        self._port.over(reply)
        self._let_go()

    def on_lost(self) -> None:
        """Give up."""
        self.stop("426 the data connection broke off")

    def stop(self, *replies: str) -> None:
        """Close by a reset, so that the client does not take it for the end."""
        data, self._data = self._data, None
        if data is not None:
            data.close()
        self._port.over(*replies)
        self._let_go()

    def _let_go(self) -> None:
        """Let go of what is sent from."""


class FileTransfer(OutgoingTransfer):
    """A file on its way out, from *offset* on; *first* is its first block, read already."""

    def __init__(
        self,
        port: DataPort,
        tasks: Tasks,
        reader: StoreReader,
        offset: int,
        first: bytes,
        *,
        remote: bool,
    ) -> None:
        """Send what *reader* gives."""
        super().__init__(port, first)
        self._tasks = tasks
        self._reader = reader
        self._offset = offset
        self._remote = remote

    def _sent(self, count: int) -> None:
        self._offset += count

    def _more(self) -> None:
        if self._offset >= self._reader.entry.size:
            self._over("226 done")
            return
        read = partial(self._reader.read_at, self._offset, BLOCK_BYTES)
        if self._remote and self._data is not None:
            self._data.wire.pause()
        self._tasks.do(read, self._got, off_loop=self._remote, otherwise=self._failed)

    def _got(self, block: bytes) -> None:
        if not block:
            self._over("226 done")
            return
        self._block = block
        if self._remote and self._data is not None:
            self._data.wire.resume(reading=False)

    def _failed(self, error: Exception) -> None:
        self.stop(reply_to(error))

    def _let_go(self) -> None:
        # The reply is on its way already. Near by, closing is quicker than another thread.
        self._tasks.do(self._reader.close, _nothing, off_loop=self._remote)


class IncomingTransfer:
    """A file on its way in: acknowledged when close_notify came and the store has it for good."""

    def __init__(
        self,
        port: DataPort,
        tasks: Tasks,
        uploading: Uploading,
        buffers: tuple[ReceiveBuffer, ReceiveBuffer],
        *,
        remote: bool,
    ) -> None:
        """Give *uploading* what comes, through *buffers*: as it is on the line, and opened."""
        self._port = port
        self._tasks = tasks
        self._uploading = uploading
        self._wire, self._plain = buffers
        self._remote = remote
        self._offset = uploading.offset
        self._whole: bool | None = None
        self._data: DataConnection | None = None

    def start(self, data: DataConnection) -> None:
        """Begin: bytes may be there already."""
        self._data = data
        data.wire.listen_for(reading=True, writing=False)
        self.on_readable()

    def on_readable(self) -> None:
        """Take what is there, up to one block, and give it to the store."""
        data = self._data
        if data is None:
            return
        plain = self._plain
        count, self._whole = data.tls.receive(self._wire, plain)
        if not count:
            self._on_written(None)
            return
        data.moved_at = time.monotonic()
        piece: bytes | memoryview = plain.view[:count]
        if self._remote:
            data.wire.pause()
            piece = bytes(piece)  # the buffer is everybody's
        write = partial(self._uploading.write_at, self._offset, piece)
        self._offset += count
        self._tasks.do(write, self._on_written, off_loop=self._remote, otherwise=self._failed)

    def on_writable(self) -> None:
        """Do nothing: nothing is sent."""

    def _on_written(self, _: object) -> None:
        data = self._data
        if data is None:
            return
        if self._whole:
            self._data = None
            self._tasks.do(
                self._uploading.close, self._stored, off_loop=True, otherwise=self._refused
            )
            # While it is made durable.
            data.end()
        elif self._whole is False:
            self.stop("426 the upload ended without close_notify and is not complete")
        elif self._remote and not data.wire.is_in_loop:
            data.wire.resume(reading=True)

    def _stored(self, _: object) -> None:
        self._port.over("226 stored")

    def _refused(self, error: Exception) -> None:
        self._port.over(reply_to(error))

    def _failed(self, error: Exception) -> None:
        # The store takes no more of it: full, over a quota, too large.
        self._data = None
        self._port.refuse_upload()
        self._abort(reply_to(error))

    def on_lost(self) -> None:
        """Take what is still there; how it ended, TLS tells."""
        taken = -1
        while self._whole is None and self._data is not None and taken != self._offset:
            taken = self._offset
            self.on_readable()
        if self._whole is None and self._data is not None and self._data.wire.is_in_loop:
            self.stop("426 the upload broke off and is not complete")

    def stop(self, *replies: str) -> None:
        """Keep what can be resumed, and reply when that is done."""
        data, self._data = self._data, None
        if data is not None:
            data.close()
        self._abort(*replies)

    def _abort(self, *replies: str) -> None:
        self._tasks.do(
            self._uploading.abort,
            lambda _: self._port.over(*replies),
            off_loop=True,
        )


def _nothing(_: object) -> None:
    """Do nothing more."""

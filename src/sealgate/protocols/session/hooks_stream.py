"""An upload on its way, or a file of a store, as a stream that the formats of ``assess`` read."""

from __future__ import annotations

import contextlib
import io
import queue
import threading
from typing import TYPE_CHECKING, BinaryIO, cast

from sealgate.assess.adapters.opened import PIECE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import Buffer, StoreReader

# Pieces of an upload that may wait to be looked at; the client waits beyond that.
_MAX_WAITING = 32
# Once for the head that tells the format, once to read.
_MOST_OPENED = 2


class Passing:
    """
    What one thread writes and another reads, in order, with little in between.

    The reader may begin anew once, as one does that looked at the head of a file before.
    It sees an end after *max_bytes*; *was_cut* tells so.
    """

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._pieces: queue.Queue[bytes] = queue.Queue(_MAX_WAITING)
        self._reader_gone = threading.Event()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self.was_cut = False
        self._opened = 0
        self._head: list[bytes] = []
        self._at_end = False

    def feed(self, data: Buffer) -> None:
        """Take *data*; waits while the reader is behind, and not once it has gone."""
        if self._left <= 0:
            self.was_cut = self.was_cut or len(data) > 0
            return
        piece = bytes(data[: self._left])
        self.was_cut = self.was_cut or len(piece) < len(data)
        self._left -= len(piece)
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes >= PIECE_BYTES:
            self._flush()

    def end(self) -> None:
        """There is no more."""
        self._flush()
        self._put(b"")

    def reader_gone(self) -> None:
        """Nobody reads any more."""
        self._reader_gone.set()

    def stop(self) -> None:
        """Let the reader see an end now, whatever still waits."""
        self._reader_gone.set()
        while True:
            try:
                self._pieces.put_nowait(b"")
            except queue.Full:
                with contextlib.suppress(queue.Empty):
                    self._pieces.get_nowait()
                continue
            return

    def open(self) -> BinaryIO:
        """
        Return a stream over it from the beginning.

        Raises:
            OSError: it was opened twice already.
        """
        self._opened += 1
        if self._opened > _MOST_OPENED:
            raise OSError("it passed by already")
        head, self._head = b"".join(self._head), []
        return cast("BinaryIO", io.BufferedReader(_Opened(self.next_piece, head), PIECE_BYTES))

    def _flush(self) -> None:
        if self._held:
            self._put(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0

    def _put(self, piece: bytes) -> None:
        while not self._reader_gone.is_set():
            try:
                self._pieces.put(piece, timeout=0.1)
            except queue.Full:
                continue
            return

    def next_piece(self) -> bytes:
        """Return the next piece, ``b""`` at the end; waits for it."""
        if self._at_end:
            return b""
        piece = self._pieces.get()
        self._at_end = not piece
        if self._opened < _MOST_OPENED:
            self._head.append(piece)
        return piece


class _Opened(io.RawIOBase):
    def __init__(self, next_piece: Callable[[], bytes], head: bytes) -> None:
        super().__init__()
        self._next_piece = next_piece
        self._rest = head

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]  # io's own is wider
        """Fill *buffer* as far as one piece goes."""
        if not self._rest:
            self._rest = self._next_piece()
        size = min(len(buffer), len(self._rest))
        memoryview(buffer)[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


class StoredStream(io.RawIOBase):
    """The first *max_bytes* of a file of a store; reading goes on while *may_go_on*."""

    def __init__(self, reader: StoreReader, max_bytes: int, may_go_on: Callable[[], bool]) -> None:
        super().__init__()
        self._reader = reader
        self._left = max_bytes
        self._at = 0
        self._may_go_on = may_go_on

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]  # io's own is wider
        """Fill *buffer* as far as the store gives at once."""
        size = min(len(buffer), self._left, PIECE_BYTES)
        if size <= 0 or not self._may_go_on():
            return 0
        data = self._reader.read_at(self._at, size)
        self._at += len(data)
        self._left -= len(data)
        memoryview(buffer)[: len(data)] = data
        return len(data)

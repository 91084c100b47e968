"""
Reading anywhere in a sealed file, without opening what lies before.

The last chunk is verified first (c2sp.org/age, "Payload"), so that the size is true. Reads
that follow each other are answered from a window that grows as they go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.storage.age.errors import TruncatedError
from sealgate.storage.age.payload import (
    CHUNK_BYTES,
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    ChunkOpener,
    chunk_count,
    plain_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import Buffer

# How many chunks are opened ahead at most: 256 KiB of memory for a reader that goes on.
AHEAD_CHUNKS = 4
# How many are opened at once for a read that asks for so much: it is then one copy of them.
AT_ONCE_CHUNKS = 8


class RandomAccess:
    """
    The plain bytes of one sealed file. For one thread at a time.

    *read_at(offset, size)* gives the sealed bytes of the whole file, header included. Its
    own errors pass through.
    """

    __slots__ = (
        "_ahead",
        "_ahead_chunks",
        "_body_at",
        "_body_size",
        "_chunks",
        "_first",
        "_next",
        "_opener",
        "_read",
        "_window",
        "_window_size",
        "size",
    )

    def __init__(
        self,
        read_at: Callable[[int, int], Buffer],
        sealed_size: int,
        header_len: int,
        file_key: bytes,
        *,
        ahead_chunks: int = AHEAD_CHUNKS,
    ) -> None:
        """
        Read the nonce and verify the last chunk.

        Raises:
            TruncatedError: no payload has this size, or the source gives less than it said.
            PayloadError: the last chunk is not the one that was sealed as the last.
        """
        self.size = plain_size(sealed_size - header_len)
        self._read = read_at
        self._body_at = header_len + NONCE_BYTES
        self._body_size = sealed_size - self._body_at
        self._chunks = chunk_count(self.size)
        self._ahead_chunks = ahead_chunks
        self._opener = ChunkOpener(file_key, bytes(self._exactly(header_len, NONCE_BYTES)))
        self._window = memoryview(bytearray(min(self.size, CHUNK_BYTES)))
        self._first = self._chunks - 1
        self._ahead = 1
        # The chunk that a reader who goes on asks for next.
        self._next = 0
        self._window_size = 0
        self._open(self._chunks - 1, 1)

    def read_at(self, offset: int, size: int) -> bytes:
        """
        Return up to *size* plain bytes from *offset*; ``b""`` at and behind the end.

        Raises:
            PayloadError: a chunk that it needs is not what was sealed.
            ValueError: *offset* or *size* is negative.
        """
        if offset < 0 or size < 0:
            raise ValueError("an offset or size below zero")
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        begin = self._first * CHUNK_BYTES
        if begin <= offset and end <= begin + self._window_size:
            return bytes(self._window[offset - begin : end - begin])
        parts = []
        while offset < end:
            begin = self._first * CHUNK_BYTES
            if not begin <= offset < begin + self._window_size:
                self._move(offset // CHUNK_BYTES, -(-end // CHUNK_BYTES))
                begin = self._first * CHUNK_BYTES
            until = min(end, begin + self._window_size)
            parts.append(bytes(self._window[offset - begin : until - begin]))
            offset = until
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _move(self, chunk: int, until: int) -> None:
        # One who goes on gets twice as much each time; one who jumps only what is needed.
        self._ahead = min(self._ahead * 2, self._ahead_chunks) if chunk == self._next else 1
        asked_for = min(until - chunk, max(AT_ONCE_CHUNKS, self._ahead_chunks))
        count = min(max(asked_for, self._ahead), self._chunks - chunk)
        self._open(chunk, count)
        self._next = chunk + count

    def _open(self, first: int, count: int) -> None:
        at = first * SEALED_CHUNK_BYTES
        size = min(count * SEALED_CHUNK_BYTES, self._body_size - at)
        sealed = memoryview(self._exactly(self._body_at + at, size))
        if len(self._window) < count * CHUNK_BYTES and len(self._window) < self.size:
            self._window = memoryview(bytearray(min(count * CHUNK_BYTES, self.size)))
        # Should a chunk fail, nothing of the window may be given out any more.
        self._window_size = 0
        has_last = first + count == self._chunks
        whole = (count - has_last) * SEALED_CHUNK_BYTES
        opened = self._opener.open_many(first, sealed[:whole], self._window)
        if has_last:
            last = self._chunks - 1
            opened += self._opener.open_into(
                last, sealed[whole:], self._window[opened:], final=True
            )
        self._first = first
        self._window_size = opened

    def _exactly(self, offset: int, size: int) -> Buffer:
        data = self._read(offset, size)
        if len(data) != size:
            raise TruncatedError("the sealed file is shorter than it was")
        return data

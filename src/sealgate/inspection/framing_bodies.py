"""Bodies taken out of their framing as they come (RFC 9112, 6 and 7), in any pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.inspection.framing import Framed, Head, refused

if TYPE_CHECKING:
    from collections.abc import Iterable

# RFC 9112, 7.1: hexadecimal digits, perhaps extensions, which nobody uses and we drop.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,12})(?:[ \t]*;[\t -~\x80-\xff]*)?")
_LONGEST_SIZE_LINE = 256
_TRAILERS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r\n)*\r\n")
# RFC 9110, 6.5.1: what says how a message is read has no place behind it.
_FORBIDDEN = re.compile(
    rb"(?:\A|\r\n)(?:content-(?:length|type|encoding|range)|transfer-encoding|trailer|host|connection|te|upgrade"
    rb"|set-cookie|authorization|cache-control|location|vary|expires|age):",
    re.IGNORECASE,
)
_MOST_TRAILERS = 8 * 1024
_LINE_END = 2


class BodyReader:
    """
    Takes what follows a head, and gives the body's own bytes.

    *done* once the body has ended; *rest* then holds what came behind it, *trailers* the
    fields behind a chunked body with their empty line.
    """

    __slots__ = ("done", "rest", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""
        self.trailers = b""

    def feed(self, data: bytes) -> bytes:
        """
        Return the bytes of the body in *data*.

        Raises:
            RefusedError: the framing is broken.
        """
        raise NotImplementedError

    def end(self) -> None:
        """
        Take it that the connection has ended.

        Raises:
            RefusedError: the body had not.
        """
        if not self.done:
            raise refused("the connection ended before the body")


class LengthReader(BodyReader):
    """A body of so many bytes."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        super().__init__()
        self._left = length
        self.done = not length

    def feed(self, data: bytes) -> bytes:
        """Return the part of *data* that belongs to the body."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done = True
        body, self.rest = (data, b"") if left == 0 else (data[:left], data[left:])
        self._left = 0
        return body


class CloseReader(BodyReader):
    """A body that ends with its connection."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Return *data*."""
        return data

    def end(self) -> None:
        """Be done."""
        self.done = True


class ChunkReader(BodyReader):
    """A chunked body."""

    __slots__ = ("_buffer", "_in_trailers", "_left")

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._left = 0  # of the chunk at hand, with the line end behind it
        self._in_trailers = False

    def feed(self, data: bytes) -> bytes:
        """
        Return the bytes of all chunks in *data*, without their sizes.

        Raises:
            RefusedError: a size or a line end is malformed, or a trailer is forbidden.
        """
        buffer = self._buffer + data if self._buffer else data
        parts: list[bytes] = []
        at = moved = 0
        while not self.done:
            moved = self._take_part(buffer, at, parts)
            if moved == at:
                break
            at = moved
        if self.done:
            self._buffer, self.rest = b"", buffer[at:]
        else:
            self._buffer = buffer[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take_part(self, buffer: bytes, at: int, parts: list[bytes]) -> int:
        """Return the end of the part that begins *at*; the same while it is not whole."""
        if self._left > _LINE_END:
            part = buffer[at : at + self._left - _LINE_END]
            if part:
                parts.append(part)
            self._left -= len(part)
            return at + len(part)
        if self._left:
            found = buffer[at : at + self._left]
            if found != b"\r\n"[_LINE_END - self._left :][: len(found)]:
                raise refused("a chunk does not end where its size says")
            self._left -= len(found)
            return at + len(found)
        if self._in_trailers:
            return self._take_trailers(buffer, at)
        end = buffer.find(b"\n", at, at + _LONGEST_SIZE_LINE)
        if end >= 0:
            return self._take_size(buffer, at, end)
        if len(buffer) - at >= _LONGEST_SIZE_LINE:
            raise refused("a chunk size is too long")
        return at

    def _take_size(self, buffer: bytes, at: int, end: int) -> int:
        line = _SIZE.fullmatch(buffer, at, end - 1) if end > at else None
        if line is None or buffer[end - 1 : end] != b"\r":
            raise refused("a chunk size is malformed")
        length = int(line[1], 16)
        if length:
            self._left = length + _LINE_END
        else:
            self._in_trailers = True
        return end + 1

    def _take_trailers(self, buffer: bytes, at: int) -> int:
        if buffer.startswith(b"\r\n", at):
            end = at + 2
        else:
            found = buffer.find(b"\r\n\r\n", at, at + _MOST_TRAILERS)
            if found < 0:
                if len(buffer) - at >= _MOST_TRAILERS:
                    raise refused("the trailers are too long")
                return at
            end = found + 4
        trailers = buffer[at:end]
        if not _TRAILERS.fullmatch(trailers) or _FORBIDDEN.search(trailers):
            raise refused("a trailer is malformed or has no place there")
        self.trailers = trailers
        self.done = True
        return end


def reader_of(head: Head) -> BodyReader:
    """Return what reads the body behind *head*."""
    if head.framed is Framed.CHUNKED:
        return ChunkReader()
    if head.framed is Framed.CLOSE:
        return CloseReader()
    return LengthReader(head.length if head.framed is Framed.LENGTH else 0)


def chunk(data: bytes) -> bytes:
    """Return *data* as one chunk; of nothing, nothing."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def chunked(parts: Iterable[bytes | memoryview]) -> list[bytes | memoryview]:
    """Return *parts* in one chunk, uncopied; of nothing, nothing."""
    kept = [part for part in parts if part]
    return [b"%x\r\n" % sum(map(len, kept)), *kept, b"\r\n"] if kept else []


def last_chunk(trailers: bytes) -> bytes:
    """Return the end of a chunked body; *trailers* with their empty line, or nothing."""
    return b"0\r\n" + (trailers or b"\r\n")

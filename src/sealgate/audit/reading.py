"""
An HTTP answer read as tolerantly as browsers read it. No I/O.

What a browser shows was served, however it was framed: a long head, many headers, lines that
end in LF alone, folded lines, interim answers before, no head at all (HTTP/0.9). So nothing is
refused here for its form; what is no HTTP is told apart by how it begins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from sealgate.audit.model import Response

# All heads of one answer together. Chromium reads 256 KiB, Firefox 384 KiB of one.
MAX_HEAD_BYTES = 1024 * 1024
# Chromium looks for the status line behind up to four bytes that do not belong there.
_SLOP = 4
_NAME = b"http"
# White space in front, which servers leave behind an earlier answer (RFC 9112, 2.2, the other way).
_BLANKS = b"\r\n\t "
_HEAD_ENDS = re.compile(rb"\n\r?\n")
_VERSION = re.compile(rb"http/([0-9])\.([0-9])", re.IGNORECASE)
_STATUS = re.compile(rb"[^ ]+ +([0-9]+)")
_NUMBER = re.compile(rb"[0-9]{1,15}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_MAX_CHUNK_LINE = 64 * 1024
_STATUS_DIGITS = 3  # RFC 9110, 15
_SWITCHING = 101
_OK = 200
# RFC 9110, 15.3.5, 15.4.5: these have no body.
_BODILESS = frozenset([204, 304])
# RFC 8446, 5.1 and 6: the type of an alert's record, the versions, and its length.
_ALERT = re.compile(rb"(?:\x15\x03[\x00-\x04]\x00\x02[\x01\x02].)+", re.DOTALL)
# RFC 9113, 3.4 and 6.5: the first frame of an HTTP/2 server is SETTINGS on stream 0.
_SETTINGS = re.compile(rb"\x00[\x00-\x03].\x04[\x00\x01]\x00\x00\x00\x00", re.DOTALL)
_GREETINGS = (b"SSH-", b"220 ", b"220-", b"* OK", b"+OK", b"RFB ")


class Spoken(StrEnum):
    """What a peer speaks instead of HTTP/1, by the first bytes of its answer."""

    NOTHING = "nothing"
    INTERIM = "interim answers alone"
    ENDLESS = f"a head of over {MAX_HEAD_BYTES} bytes"
    TLS = "TLS"  # an alert, and nothing else
    HTTP_2 = "HTTP/2"
    ANOTHER = "another protocol"


class NotHTTPError(ValueError):
    """The answer is no answer of HTTP/1; *spoken* is what it is."""

    def __init__(self, spoken: Spoken) -> None:
        """Keep what was spoken."""
        super().__init__(f"the answer is no HTTP, but {spoken.value}")
        self.spoken = spoken


@dataclass(frozen=True, slots=True)
class _Head:
    status: int
    headers: tuple[tuple[str, str], ...]
    can_chunk: bool

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self.headers if key == name)

    @property
    def is_chunked(self) -> bool:
        # RFC 9112, 6.1: HTTP/1.0 knows no chunks, and browsers do not look for any there.
        codings = ",".join(self.values("transfer-encoding")).lower().split(",")
        return self.can_chunk and any(coding.strip() == "chunked" for coding in codings)

    @property
    def length(self) -> int | None:
        # RFC 9112, 6.3: two that differ say nothing; then the body ends with the connection.
        given = {
            part.strip() for value in self.values("content-length") for part in value.split(",")
        }
        if len(given) != 1:
            return None
        (only,) = given
        return int(only) if _NUMBER.fullmatch(only.encode("latin-1", "replace")) else None


class AnswerReader:
    """Takes an answer to *method* piece by piece, and keeps *max_bytes* of its body."""

    def __init__(self, method: str, max_bytes: int) -> None:
        """Begin before the first byte."""
        self._method = method
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._passed_over = 0
        self._head: _Head | None = None
        self._begun = False
        self._bare = False
        self._body = bytearray()
        self._chunk_left: int | None = None
        self._finished = False
        self._cut = False

    @property
    def has_begun(self) -> bool:
        """Return whether anything came."""
        return bool(self._buffer or self._passed_over or self._bare)

    @property
    def is_bare(self) -> bool:
        """Return whether there is no head, and all that came is taken for the body (HTTP/0.9)."""
        return self._bare

    def feed(self, data: bytes) -> bool:
        """Take *data*; return whether nothing more is needed."""
        self._buffer += data
        if not self._bare and self._head is None:
            self._take_heads(ended=False)
        self._take_body()
        return self._finished or self._cut

    def end(self, *, broken: bool = False) -> Response:
        """
        Return the answer, as far as it came; *broken*: the connection did not end by itself.

        Raises:
            NotHTTPError: nothing came, or something that is no HTTP.
        """
        if not self.is_bare and self._head is None:
            self._take_heads(ended=True)
            self._take_body()
        head = self._head
        if head is None and not self.is_bare:
            interim = Spoken.INTERIM if self._passed_over else Spoken.NOTHING
            raise NotHTTPError(Spoken.ENDLESS if self._cut else interim)
        if head is None:
            spoken = _spoken(bytes(self._body))
            if spoken is not None:
                raise NotHTTPError(spoken)
            return Response(_OK, (), bytes(self._body), not (self._cut or broken))
        open_ended = not head.is_chunked and head.length is None
        whole = self._finished or (open_ended and not broken)
        return Response(head.status, head.headers, bytes(self._body), whole and not self._cut)

    def _take_heads(self, *, ended: bool) -> None:
        while self._head is None and not self._bare:
            if not self._is_http(ended=ended):
                return
            found = _HEAD_ENDS.search(self._buffer, max(0, self._searched - 2))
            if found is None:
                self._searched = len(self._buffer)
                if self._passed_over + len(self._buffer) > MAX_HEAD_BYTES:
                    self._cut = True
                elif ended and self._buffer:
                    # Over http, browsers take a head for whole that broke off.
                    self._see(bytes(self._buffer), len(self._buffer))
                return
            self._see(bytes(self._buffer[: found.start()]), found.end())

    def _is_http(self, *, ended: bool) -> bool:
        if self._begun:
            return True
        blanks = len(self._buffer) - len(self._buffer.lstrip(_BLANKS))
        del self._buffer[:blanks]
        start = bytes(self._buffer[: _SLOP + len(_NAME)]).lower()
        place = start.find(_NAME)
        if place >= 0:
            del self._buffer[:place]
            self._begun = True
        elif len(start) == _SLOP + len(_NAME) or (ended and start):
            self._bare = True
        return self._begun

    def _see(self, head: bytes, size: int) -> None:
        del self._buffer[:size]
        self._searched = 0
        self._begun = False
        self._passed_over += size
        read = _read_head(head)
        if read.status // 100 == 1 and read.status != _SWITCHING:
            if self._passed_over > MAX_HEAD_BYTES:
                self._cut = True
            return
        self._head = read
        without = read.status in _BODILESS or (read.length == 0 and not read.is_chunked)
        self._finished = self._method == "HEAD" or without

    def _take_body(self) -> None:
        if self._finished or self._cut or not (self._bare or self._head):
            return
        if self._head is not None and self._head.is_chunked:
            self._take_chunks()
            return
        length = None if self._head is None else self._head.length
        self._body += self._buffer
        self._buffer.clear()
        if length is not None and len(self._body) >= length:
            del self._body[length:]
            self._finished = True
        if len(self._body) > self._max_bytes:
            del self._body[self._max_bytes :]
            self._cut = True

    def _take_chunks(self) -> None:
        position = 0
        while not self._finished and not self._cut:
            if self._chunk_left is None:
                ends = self._buffer.find(b"\n", position)
                if ends < 0:
                    self._cut = len(self._buffer) - position > _MAX_CHUNK_LINE
                    break
                line = bytes(self._buffer[position:ends]).strip()
                position = ends + 1
                if not line:
                    continue  # the end of a chunk
                size = _CHUNK.fullmatch(line)
                if size is None:
                    self._cut = True
                elif int(size.group(1), 16) == 0:
                    self._finished = True
                else:
                    self._chunk_left = int(size.group(1), 16)
                continue
            piece = self._buffer[position : position + self._chunk_left]
            if not piece:
                break
            self._body += piece
            position += len(piece)
            self._chunk_left = self._chunk_left - len(piece) or None
            if len(self._body) > self._max_bytes:
                del self._body[self._max_bytes :]
                self._cut = True
        del self._buffer[:position]


def _read_head(head: bytes) -> _Head:
    first, _, rest = head.partition(b"\n")
    version = _VERSION.match(first)
    # A status that is none is 200 to browsers.
    found = _STATUS.match(first)
    digits = found.group(1) if found else b""
    return _Head(
        int(digits) if len(digits) == _STATUS_DIGITS and digits[:1] != b"0" else _OK,
        tuple(_fields(rest)),
        version is None or version.groups() >= (b"1", b"1"),
    )


def _fields(lines: bytes) -> list[tuple[str, str]]:
    found: list[tuple[str, list[str]]] = []
    for raw in lines.decode("latin-1").split("\n"):
        line = raw.rstrip("\r")
        if line[:1] in {" ", "\t"}:
            # RFC 9112, 5.2: a folded line goes on with the one before.
            if found:
                found[-1][1].append(line.strip(" \t"))
            continue
        name, colon, value = line.partition(":")
        if colon and name.strip():
            found.append((name.strip().lower(), [value.strip(" \t")]))
    return [(name, " ".join(values)) for name, values in found]


def _spoken(data: bytes) -> Spoken | None:
    if not data:
        return Spoken.NOTHING
    if _ALERT.fullmatch(data):
        return Spoken.TLS
    if _SETTINGS.match(data):
        return Spoken.HTTP_2
    return Spoken.ANOTHER if data.startswith(_GREETINGS) else None

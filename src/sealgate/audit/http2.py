"""
One request of HTTP/2 with prior knowledge, and as much of its answer as an audit needs. No I/O.

RFC 9113, 3.3: a server may speak HTTP/2 in clear to whoever begins with the preface. Of the
header block only the status is read (RFC 7541), which stands first.
"""

from __future__ import annotations

from dataclasses import dataclass

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_FRAME_HEAD = 9
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _END_HEADERS, _PADDED, _PRIORITY, _ACK = 0x1, 0x4, 0x8, 0x20, 0x1
_MAX_FRAME = 16_384
# RFC 7541, A: fields with their value, and names.
_METHOD_GET, _SCHEME_HTTP, _PATH, _AUTHORITY, _STATUS = 2, 6, 4, 1, 8
_STATUSES = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# RFC 7541, B: the digits; three have at most 18 bits.
_SHORT_DIGITS, _FIRST_LONG = {0b00000: 0, 0b00001: 1, 0b00010: 2}, 0b011001
_OURS = 1


def request_bytes(authority: str, path: str) -> bytes:
    """Return everything that a client says for ``GET path``: preface, settings, one request."""
    block = bytes([0x80 | _METHOD_GET, 0x80 | _SCHEME_HTTP])
    block += _literal(_PATH, path) + _literal(_AUTHORITY, authority)
    # RFC 9113, 6.5.2: no server push.
    settings = _frame(_SETTINGS, 0, 0, b"\x00\x02\x00\x00\x00\x00")
    return _PREFACE + settings + _frame(_HEADERS, _END_STREAM | _END_HEADERS, _OURS, block)


def _literal(name: int, value: str) -> bytes:
    content = value.encode("ascii", "replace")
    size = len(content)
    if size < 0x7F:  # noqa: PLR2004  # RFC 7541, 5.1: seven bits
        return bytes([name, size]) + content
    left, rest = size - 0x7F, bytearray()
    while left > 0x7F:  # noqa: PLR2004  # as above
        rest.append(0x80 | left & 0x7F)
        left >>= 7
    return bytes([name, 0x7F]) + bytes([*rest, left]) + content


def _frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content


@dataclass(slots=True)
class AnswerFrames:
    """
    Takes the frames of a server as they come.

    *speaks*: it began with SETTINGS, as a server of HTTP/2 does. *status* is 0 until the
    answer began, or when it is none that can be read.
    """

    speaks: bool = False
    status: int = 0
    body: bytes = b""
    finished: bool = False
    _left: bytes = b""

    def feed(self, data: bytes, max_bytes: int) -> bytes:
        """Take *data*; return what has to be sent back."""
        data = self._left + data
        back: list[bytes] = []
        at = 0
        while not self.finished and len(data) - at >= _FRAME_HEAD:
            size = int.from_bytes(data[at : at + 3])
            kind, flags = data[at + 3], data[at + 4]
            begins = at + _FRAME_HEAD
            stream = int.from_bytes(data[at + 5 : begins]) & 0x7FFF_FFFF
            if size > _MAX_FRAME or (not self.speaks and kind != _SETTINGS):
                self.finished = True
                break
            if len(data) < begins + size:
                break
            at = begins + size
            back.append(self._take(kind, flags, stream, data[begins:at]))
            self.finished = self.finished or len(self.body) > max_bytes
        self._left = data[at:]
        return b"".join(back)

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> bytes:
        if kind == _SETTINGS and not flags & _ACK:
            self.speaks = True
            return _frame(_SETTINGS, _ACK, 0, b"")
        if kind == _PING and not flags & _ACK:
            return _frame(_PING, _ACK, 0, content)
        if kind == _GOAWAY and not self.status:
            self.finished = True
        if stream != _OURS:
            return b""
        if kind in {_HEADERS, _DATA}:
            content = _unpadded(content, flags)
            if kind == _DATA:
                self.body += content
            else:
                status = _status(content[5:] if flags & _PRIORITY else content)
                # RFC 9110, 15.2: an interim answer is followed by the one that counts.
                self.status = 0 if 100 <= status < 200 else self.status or status  # noqa: PLR2004
            self.finished = bool(flags & _END_STREAM)
        self.finished = self.finished or kind == _RESET
        return b""


def _unpadded(content: bytes, flags: int) -> bytes:
    if not flags & _PADDED or not content:
        return content
    return content[1 : max(1, len(content) - content[0])]


def _status(block: bytes) -> int:
    while block and block[0] >> 5 == 1:  # RFC 7541, 6.3: the size of the table
        block = block[1:] if block[0] & 0x1F != 0x1F else b""  # noqa: PLR2004  # five bits
    if not block:
        return 0
    first = block[0]
    if first & 0x80:
        return _STATUSES.get(first & 0x7F, 0)
    index = first & (0x3F if first & 0x40 else 0x0F)
    if not _STATUS <= index <= max(_STATUSES) or len(block) < 2:  # noqa: PLR2004  # and a length
        return 0
    size, coded = block[1] & 0x7F, block[1] & 0x80
    value = block[2 : 2 + size]
    if not coded:
        return int(value) if len(value) == 3 and value.isdigit() else 0  # noqa: PLR2004  # RFC 9110, 15
    return _huffman_digits(value)


def _huffman_digits(value: bytes) -> int:
    bits = "".join(f"{byte:08b}" for byte in value[:3])
    digits, position = "", 0
    for _ in range(3):
        short = _SHORT_DIGITS.get(int(bits[position : position + 5] or "11111", 2))
        if short is not None:
            digits, position = f"{digits}{short}", position + 5
            continue
        code = int(bits[position : position + 6] or "0", 2)
        if not _FIRST_LONG <= code <= _FIRST_LONG + 6:
            return 0
        digits, position = f"{digits}{code - _FIRST_LONG + 3}", position + 6
    return int(digits)

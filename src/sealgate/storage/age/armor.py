"""
ASCII armour: strict PEM with the label "AGE ENCRYPTED FILE" (RFC 7468, 3; c2sp.org/age).

Lines of 64 characters, the last one shorter or as long, canonical base64 with padding. LF
and CRLF both end lines; white space is allowed before and behind the block, nowhere else.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from sealgate.storage.age.errors import ArmorError

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer, ByteSink, ByteSource

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"

_COLUMNS = 64
_LINE_BYTES = 48
_SPACE = b" \t\r\n"
# So much white space may stand before the block, and behind it.
_MAX_SPACE_BYTES = 1024
_PIECE_BYTES = 1 << 16


def is_armored(data: Buffer) -> bool:
    """Return whether *data* begins as armour does, white space left out."""
    beginning = bytes(data[: _MAX_SPACE_BYTES + len(BEGIN)]).lstrip(_SPACE)
    return beginning.startswith(b"-----BEGIN AGE")


def encode_armor(data: bytes) -> bytes:
    """Return *data* in armour."""
    lines = [
        binascii.b2a_base64(data[at : at + _LINE_BYTES]) for at in range(0, len(data), _LINE_BYTES)
    ]
    return b"".join([BEGIN, b"\n", *lines, END, b"\n"])


class ArmorWriter:
    """Puts what is written to it into armour, into *out*."""

    __slots__ = ("_held", "_out")

    def __init__(self, out: ByteSink) -> None:
        """Write the first line at once."""
        self._out = out
        self._held = bytearray()
        _write(out, BEGIN + b"\n")

    def write(self, data: Buffer) -> int:
        """Take *data*, the next bytes, and return how many that were: all."""
        size = len(data)
        self._held += data
        whole = len(self._held) // _LINE_BYTES * _LINE_BYTES
        self._put(whole)
        del self._held[:whole]
        return size

    def close(self) -> None:
        """Write the last lines. The sink is not closed."""
        self._put(len(self._held))
        self._held.clear()
        _write(self._out, END + b"\n")

    def _put(self, size: int) -> None:
        with memoryview(self._held) as view:
            lines = [
                binascii.b2a_base64(view[at : min(at + _LINE_BYTES, size)])
                for at in range(0, size, _LINE_BYTES)
            ]
        _write(self._out, b"".join(lines))


class ArmorReader:
    """
    Takes the armour off; *begun* are bytes of it that were read already.

    The end of the block is followed to the end of the file: nothing may stand there.
    """

    __slots__ = ("_at", "_ended", "_last", "_plain", "_raw", "_source", "_started")

    def __init__(self, source: ByteSource, begun: bytes = b"") -> None:
        """Read from *source* behind *begun*."""
        self._source = source
        self._raw = bytearray(begun)
        self._plain = b""
        self._at = 0
        self._started = False
        self._last = False
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        """
        Fill *buffer* as far as bytes are decoded; 0 at the end.

        Raises:
            ArmorError: the armour breaks the format.
        """
        while self._at == len(self._plain) and not self._ended:
            self._advance()
        size = min(len(buffer), len(self._plain) - self._at)
        buffer[:size] = self._plain[self._at : self._at + size]
        self._at += size
        return size

    def _advance(self) -> None:
        piece = memoryview(bytearray(_PIECE_BYTES))
        size = self._source.readinto(piece) or 0
        self._raw += piece[:size]
        if not self._started and not self._start(at_end=not size):
            return
        cut = len(self._raw) if not size else self._raw.rfind(b"\n") + 1
        if not cut and len(self._raw) > _COLUMNS + len(END):
            raise ArmorError("the armour has a line of more than 64 characters")
        lines = bytes(self._raw[:cut]).split(b"\n")
        del self._raw[:cut]
        # What follows the last line feed is nothing, or at the end of the file a line.
        if not lines[-1]:
            lines.pop()
        self._plain, self._at = self._decode(lines), 0
        if not size and not self._ended:
            raise ArmorError("the armour is cut off: its last line is missing")

    def _start(self, *, at_end: bool) -> bool:
        stripped = self._raw.lstrip(_SPACE)
        if len(self._raw) - len(stripped) > _MAX_SPACE_BYTES:
            raise ArmorError("the armour begins with too much white space")
        line, feed, rest = stripped.partition(b"\n")
        if not feed and not at_end and len(stripped) <= len(BEGIN) + 1:
            return False
        if line.removesuffix(b"\r") != BEGIN or not feed:
            raise ArmorError('the armour\'s first line is not "-----BEGIN AGE ENCRYPTED FILE-----"')
        self._raw = rest
        self._started = True
        return True

    def _decode(self, lines: list[bytes]) -> bytes:
        body = []
        for number, raw_line in enumerate(lines):
            line = raw_line.removesuffix(b"\r")
            if line == END:
                self._finish(lines[number + 1 :])
                break
            # Only the last line may be shorter or end in padding.
            if self._last or not 0 < len(line) <= _COLUMNS or len(line) % 4:
                raise ArmorError("the armour has a line of the wrong length")
            if len(line) < _COLUMNS or line.endswith(b"="):
                self._last = True
            body.append(line)
        text = b"".join(body)
        try:
            plain = binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            raise ArmorError("the armour holds what is not base64") from None
        if binascii.b2a_base64(plain, newline=False) != text:
            raise ArmorError("the armour is not canonical base64")
        return plain

    def _finish(self, lines: list[bytes]) -> None:
        rest = b"\n".join(lines) + bytes(self._raw)
        piece = memoryview(bytearray(_PIECE_BYTES))
        while size := self._source.readinto(piece) or 0:
            rest += piece[:size]
            if rest.strip(_SPACE) or len(rest) > _MAX_SPACE_BYTES:
                break
        if rest.strip(_SPACE) or len(rest) > _MAX_SPACE_BYTES:
            raise ArmorError("something stands behind the armour's last line")
        self._raw.clear()
        self._ended = True


def _write(out: ByteSink, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = out.write(view)
        view = view[len(view) if written is None else written :]

"""A file as bytes: opened without following surprises, and read in pieces."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sealgate.assess.model import Missed, Text

# Pieces in which files are read; the scanner works on the same size.
PIECE_BYTES = 1 << 18
# How much of a file's beginning decides what it is.
HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class OpenableFile:
    """
    A file, or what a packed file holds: *open* gives its bytes from the beginning.

    *path* is where it lies; *packed* tells that the bytes come out of a packed file,
    so that formats which need to seek cannot be read.
    """

    path: str
    open: Callable[[], BinaryIO]
    packed: bool = False

    @property
    def name(self) -> str:
        """Return the name without folders; of a packed file, without the packer's ending."""
        name = os.path.basename(self.path)  # noqa: PTH119  # undecodable names stay as they are
        return os.path.splitext(name)[0] if self.packed else name  # noqa: PTH122

    @property
    def ending(self) -> str:
        """Return the lower-case ending, with its dot."""
        return os.path.splitext(self.name)[1].lower()  # noqa: PTH122


class NotAFileError(OSError):
    """The path leads to something else by now."""


def open_regular(path: str) -> BinaryIO:
    """
    Open the regular file at *path* for reading.

    Never blocks on a pipe that took the file's place.

    Raises:
        OSError: it cannot be opened, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise NotAFileError
    return stream


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of *stream* in pieces of at most ``PIECE_BYTES``."""
    while piece := stream.read(PIECE_BYTES):
        yield piece


def read_head(file: OpenableFile) -> bytes:
    """Return the first ``HEAD_BYTES`` of *file*."""
    with file.open() as stream:
        head = b""
        while len(head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(head))):
            head += piece
    return head


def why(error: BaseException) -> str:
    """
    Return why something could not be read, without the words of *error*.

    Messages of other programs quote what they stumbled over.
    """
    match error:
        case NotAFileError():
            return "it is no regular file"
        case PermissionError():
            return "no permission to read it"
        case FileNotFoundError():
            return "it went away while it was looked at"
        case OSError() if error.errno is not None:
            return f"the system cannot read it ({os.strerror(error.errno).lower()})"
        case _:
            return "it is damaged or cut off"


# A byte order mark tells the encoding; the longer ones first, they begin like the shorter.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# UTF-16 without a mark: in Latin scripts every other byte is zero.
_MOSTLY = 0.7
# Control characters that stand in text: those of layout, and escape (coloured logs).
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b\x1e"))
# A log that was cut by a crash has some of them, and is text still.
_FEW = 0.01


def encoding_of(head: bytes) -> tuple[str, int] | None:
    """
    Return the encoding of text that begins with *head*, and the length of its mark.

    UTF-8 stands for every encoding that extends ASCII, until a byte shows otherwise.
    ``None``: this is no text.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if not controls or (controls <= _FEW * len(head) and _is_utf8(head)):
        return "utf-8", 0
    even, odd = head[0::2], head[1::2]
    if odd and odd.count(0) > _MOSTLY * len(odd) and not even.count(0):
        return "utf-16-le", 0
    if even and even.count(0) > _MOSTLY * len(even) and not odd.count(0):
        return "utf-16-be", 0
    return None


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def as_utf8(stream: BinaryIO) -> Iterator[Text | Missed]:
    """
    Yield the text of *stream* in UTF-8, whatever its encoding.

    Bytes that are no UTF-8 are read as Latin-1 from there on, so that all of it is
    looked at; a text that was UTF-8 before tells so. The caller has made sure that
    it is text.
    """
    first = stream.read(PIECE_BYTES)
    encoding, skip = encoding_of(first) or ("utf-8", 0)
    first = first[skip:]
    if encoding == "utf-8":
        yield from _utf8_or_latin1(first, stream)
    else:
        yield from _decoded(first, stream, encoding)


def _utf8_or_latin1(first: bytes, stream: BinaryIO) -> Iterator[Text | Missed]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    was_utf8 = False
    piece = first
    held = b""
    while piece:
        if piece.isascii() and not held:
            yield Text(piece)
        else:
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                if was_utf8:
                    yield Missed("its encoding breaks: read as Latin-1 from there on", partly=True)
                yield from _latin1(held + piece, stream)
                return
            was_utf8 = True
            held, piece = _whole_characters(held + piece)
            if piece:
                yield Text(piece)
        piece = stream.read(PIECE_BYTES)
    if held:
        yield from _latin1(held, stream)


def _whole_characters(data: bytes) -> tuple[bytes, bytes]:
    # The bytes of a character that is cut wait for the rest (RFC 3629, 3).
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:  # noqa: PLR2004  # a leading byte
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4  # noqa: PLR2004
            return (data[-back:], data[:-back]) if length > back else (b"", data)
        if byte < 0x80:  # noqa: PLR2004  # ASCII
            break
    return b"", data


def _latin1(first: bytes, stream: BinaryIO) -> Iterator[Text]:
    piece = first
    while piece:
        yield Text(piece.decode("latin-1").encode("utf-8"))
        piece = stream.read(PIECE_BYTES)


def _decoded(first: bytes, stream: BinaryIO, encoding: str) -> Iterator[Text | Missed]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    broken = False
    piece = first
    while piece:
        text = decoder.decode(piece)
        broken = broken or "\ufffd" in text
        if text:
            yield Text(text.encode("utf-8", "surrogatepass"))
        piece = stream.read(PIECE_BYTES)
    rest = decoder.decode(b"", final=True)
    if rest:
        broken = True
        yield Text(rest.encode("utf-8", "surrogatepass"))
    if broken:
        yield Missed("its encoding is broken in places", partly=True)

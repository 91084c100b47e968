"""
The textual header of a sealed file: who can open it, and a MAC over that.

Read strictly after the grammar of c2sp.org/age ("ABNF definition of file header"): one
spelling for one header. Nothing is decrypted here, and the MAC is not verified.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.storage.age.encoding import decode_base64, encode_base64
from sealgate.storage.age.errors import HeaderError, NotAgeError

if TYPE_CHECKING:
    from collections.abc import Iterable

MAGIC = b"age-encryption.org/v1\n"
# A hybrid stanza takes 1.6 KB, an X25519 one 110 bytes: hundreds of recipients fit.
MAX_HEADER_BYTES = 1 << 20
MAC_BYTES = 32

_FAMILY = b"age-encryption.org/"
_COLUMNS = 64
_ARGUMENT = re.compile(r"[!-~]+", re.ASCII)
# A header ends with the first line that begins so; none before it can.
_END = b"\n---"
_MAC_LINE_BYTES = len("--- ") + 43 + 1
_BROKEN_OFF = "the header is cut off before its MAC"


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key, wrapped for one recipient: *type* is the first argument, *args* the rest."""

    type: str
    args: tuple[str, ...]
    body: bytes

    def encode(self) -> bytes:
        """
        Return the stanza as it stands in a header.

        Raises:
            ValueError: an argument is empty or not printable ASCII without spaces.
        """
        arguments = (self.type, *self.args)
        if not all(_ARGUMENT.fullmatch(argument) for argument in arguments):
            raise ValueError("a stanza's argument is empty or not printable")
        body = encode_base64(self.body)
        # The last line is shorter than the others, and may be empty.
        lines = [body[at : at + _COLUMNS] for at in range(0, len(body) + 1, _COLUMNS)]
        return "\n".join(["-> " + " ".join(arguments), *lines, ""]).encode("ascii")


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it was read: *raw* are its bytes, the line feed behind the MAC included."""

    stanzas: tuple[Stanza, ...]
    mac: bytes
    raw: bytes

    @property
    def signed(self) -> bytes:
        """Return the bytes that the MAC is computed over: up to and including ``---``."""
        return self.raw[: len(self.raw) - _MAC_LINE_BYTES + len("---")]


def encode_unsigned(stanzas: Iterable[Stanza]) -> bytes:
    """Return a header of *stanzas* up to and including ``---``, which the MAC covers."""
    return MAGIC + b"".join(stanza.encode() for stanza in stanzas) + b"---"


def finish_header(unsigned: bytes, mac: bytes) -> bytes:
    """Return the whole header for :func:`encode_unsigned` and its *mac*."""
    return unsigned + b" " + encode_base64(mac).encode("ascii") + b"\n"


def find_end(data: bytes | bytearray, searched: int = 0) -> int:
    """
    Return the length of the header that *data* begins with, 0 while its end is not there.

    *searched* is how much was looked at before. What is found is not checked.

    Raises:
        NotAgeError: it does not begin as a header.
        HeaderError: it is too long.
    """
    check_beginning(data)
    # The last line may have begun in what was searched, and end only now.
    at = data.find(_END, max(0, searched - _MAC_LINE_BYTES - len(_END)))
    end = data.find(b"\n", at + 1) + 1 if at >= 0 else 0
    if max(end, 0 if end else len(data)) > MAX_HEADER_BYTES:
        raise HeaderError(f"the header is longer than {MAX_HEADER_BYTES} bytes")
    return end


def check_beginning(data: bytes | bytearray) -> None:
    """
    Return when *data*, which may be short, can be the beginning of a header.

    Raises:
        NotAgeError: it cannot.
    """
    beginning = bytes(data[: len(MAGIC)])
    if MAGIC.startswith(beginning):
        return
    if beginning.startswith(_FAMILY):
        raise NotAgeError("the file has another version of the age format, v1 is required")
    raise NotAgeError(
        "not a sealed file: it does not begin as the age format does",
        hint="a file in ASCII armour begins with -----BEGIN AGE ENCRYPTED FILE-----",
    )


def parse_header(data: bytes | bytearray) -> tuple[Header, int]:
    """
    Return the header that *data* begins with, and its length.

    Raises:
        NotAgeError: *data* does not begin as a header.
        HeaderError: it is cut off, too long, or breaks the grammar.
    """
    length = find_end(data)
    if not length:
        raise HeaderError(_BROKEN_OFF)
    raw = bytes(data[:length])
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise HeaderError("the header holds a character that it must not") from None
    lines = text.split("\n")
    # Behind the last line feed nothing is left; before it stands the MAC.
    mac = _parse_mac(lines[-2])
    stanzas = tuple(_parse_stanzas(lines[1:-2]))
    if not stanzas:
        raise HeaderError("the header names no recipient")
    return Header(stanzas, mac, raw), length


def _parse_mac(line: str) -> bytes:
    if not line.startswith("--- "):
        raise HeaderError("the header's last line is not a MAC")
    try:
        mac = decode_base64(line.removeprefix("--- "))
    except ValueError:
        mac = b""
    if len(mac) != MAC_BYTES:
        raise HeaderError("the header's last line is not a MAC")
    return mac


def _parse_stanzas(lines: list[str]) -> Iterable[Stanza]:
    at = 0
    while at < len(lines):
        if not lines[at].startswith("-> "):
            raise HeaderError("the header has a line that begins no stanza")
        arguments = lines[at].removeprefix("-> ").split(" ")
        if not all(_ARGUMENT.fullmatch(argument) for argument in arguments):
            raise HeaderError("a stanza has an argument that is empty or not printable")
        at += 1
        body = []
        while True:
            if at == len(lines):
                raise HeaderError("a stanza's body has no last line")
            line = lines[at]
            if len(line) > _COLUMNS:
                raise HeaderError("a stanza's body has a line of more than 64 characters")
            body.append(line)
            at += 1
            if len(line) < _COLUMNS:
                break
        try:
            yield Stanza(arguments[0], tuple(arguments[1:]), decode_base64("".join(body)))
        except ValueError:
            raise HeaderError("a stanza's body is not canonical base64") from None

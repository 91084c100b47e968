"""
The packets of SFTP version 3, read and made (draft-ietf-secsh-filexfer-02). Pure.

Version 3 is what every client speaks; its extensions are OpenSSH's (its file PROTOCOL).
"""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from sealgate.protocols.lines import sentence
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.storage.model import Buffer, Entry, Space

VERSION = 3
# OpenSSH takes packets of 256 KiB; data and name must fit in one.
MAX_PACKET_BYTES = 256 * 1024
MAX_READ_BYTES = MAX_PACKET_BYTES - 1024
MAX_WRITE_BYTES = MAX_PACKET_BYTES - 1024
MAX_HANDLES = 256
_FILE_MODE = 0o100600
_FOLDER_MODE = 0o040700
_HALF_YEAR_SECONDS = 182 * 86400
_U32 = 0xFFFFFFFF


class PacketType(IntEnum):
    """The types of packets (3)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class StatusCode(IntEnum):
    """How a request ended (7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    OP_UNSUPPORTED = 8


class OpenFlag(IntEnum):
    """How a file is opened (6.3). No IntFlag: those make an object for each "&"."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREATE = 0x08
    TRUNCATE = 0x10
    EXCLUSIVE = 0x20


class AttributeFlag(IntEnum):
    """Which attributes follow (5)."""

    SIZE = 0x01
    OWNER = 0x02
    PERMISSIONS = 0x04
    TIMES = 0x08
    EXTENDED = 0x80000000


# What a client makes of it: version 3 has no word for most of these.
STATUS_OF = {
    Trouble.NOT_FOUND: StatusCode.NO_SUCH_FILE,
    Trouble.NOT_FOLDER: StatusCode.NO_SUCH_FILE,
    Trouble.BAD_NAME: StatusCode.PERMISSION_DENIED,
    Trouble.DENIED: StatusCode.PERMISSION_DENIED,
    Trouble.SEALED_ELSEWHERE: StatusCode.PERMISSION_DENIED,
    Trouble.UNSUPPORTED: StatusCode.OP_UNSUPPORTED,
}


class PacketError(ValueError):
    """A packet that does not hold what its type demands."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a client asks a file to be; ``None`` is not asked for."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    permissions: int | None = None
    times: tuple[int, int] | None = None


class Reader:
    """Reads one packet from the front; never behind its end."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: memoryview, at: int = 0) -> None:
        """Begin at *at*."""
        self._data = data
        self._at = at

    def u32(self) -> int:
        """Return the next four bytes as a number."""
        at, self._at = self._at, self._at + 4
        if self._at > len(self._data):
            raise PacketError("packet cut short")
        return int.from_bytes(self._data[at : self._at], "big")

    def u64(self) -> int:
        """Return the next eight bytes as a number."""
        at, self._at = self._at, self._at + 8
        if self._at > len(self._data):
            raise PacketError("packet cut short")
        return int.from_bytes(self._data[at : self._at], "big")

    def view(self) -> memoryview:
        """Return the next string without a copy; it lives as long as the packet."""
        size = self.u32()
        at, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise PacketError("packet cut short")
        return self._data[at : self._at]

    def string(self) -> bytes:
        """Return the next string."""
        return bytes(self.view())

    def attributes(self) -> Attributes:
        """Return the attributes that come next."""
        flags = self.u32()
        known = 0x8000000F
        if flags & ~known:
            raise PacketError("attributes that version 3 does not have")
        size = self.u64() if flags & AttributeFlag.SIZE else None
        owner = (self.u32(), self.u32()) if flags & AttributeFlag.OWNER else None
        permissions = self.u32() if flags & AttributeFlag.PERMISSIONS else None
        times = (self.u32(), self.u32()) if flags & AttributeFlag.TIMES else None
        if flags & AttributeFlag.EXTENDED:
            for _ in range(self.u32()):
                self.view()
                self.view()
        return Attributes(size, owner, permissions, times)


def string(value: bytes | str) -> bytes:
    """Return *value* with its length before it."""
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return len(data).to_bytes(4, "big") + data


def packet(kind: int, body: bytes) -> bytes:
    """Return a whole packet."""
    return struct.pack(">IB", len(body) + 1, kind) + body


def status(request: int, code: StatusCode, message: str = "") -> bytes:
    """Return the answer that tells how *request* ended."""
    text = sentence(message).encode("utf-8", "replace")[:1024] if message else b""
    return (
        struct.pack(">IBIII", 17 + len(text), PacketType.STATUS, request, code, len(text))
        + text
        + b"\0\0\0\0"
    )


def data_header(request: int, size: int) -> bytes:
    """Return what stands before *size* bytes of file content."""
    return struct.pack(">IBII", 9 + size, PacketType.DATA, request, size)


def attributes(entry: Entry, owner: int) -> bytes:
    """Return what is told of *entry*: owner-only modes, whatever was asked for."""
    mode = _FOLDER_MODE if entry.is_folder else _FILE_MODE
    at = wire_time(entry)
    flags = (
        AttributeFlag.SIZE | AttributeFlag.OWNER | AttributeFlag.PERMISSIONS | AttributeFlag.TIMES
    )
    return struct.pack(">IQIIIII", flags, entry.size, owner, owner, mode, at, at)


def wire_time(entry: Entry) -> int:
    """
    Return when *entry* was changed, in the seconds that version 3 has.

    A time that is none of the calendar is shown as its nearest, and hides no folder.
    """
    return int(max(0, min(_U32, entry.modified_at)))


def names(request: int, found: Iterable[tuple[bytes, bytes, bytes]]) -> bytes:
    """Return names with their long form and attributes."""
    parts = [string(name) + string(long) + attrs for name, long, attrs in found]
    body = struct.pack(">II", request, len(parts)) + b"".join(parts)
    return packet(PacketType.NAME, body)


def long_name(entry: Entry, name: str, now: float) -> str:
    """Return *entry* as ``ls -l`` shows it; clients print this line as it is."""
    mode = "drwx------" if entry.is_folder else "-rw-------"
    at = time.gmtime(wire_time(entry))
    recent = abs(now - entry.modified_at) < _HALF_YEAR_SECONDS
    when = time.strftime("%b %d %H:%M" if recent else "%b %d  %Y", at)
    owner = (entry.owner or "-").replace(" ", "_")[:32]
    return sentence(f"{mode}    1 {owner:<8} {owner:<8} {entry.size:>12} {when} {name}")


def statvfs(request: int, space: Space, name_bytes: int) -> bytes:
    """Return *space* in the form of statvfs@openssh.com."""
    block = 4096
    blocks, free = space.total_bytes // block, space.free_bytes // block
    files, free_files = space.total_files, space.free_files
    return packet(
        PacketType.EXTENDED_REPLY,
        struct.pack(
            ">I11Q",
            request,
            block,
            block,
            blocks,
            free,
            free,
            files,
            free_files,
            free_files,
            0,
            2,  # no set-uid bits count here
            name_bytes,
        ),
    )


def whole(data: Buffer) -> tuple[int, int]:
    """
    Return length and type of the packet that begins *data*, at least five bytes.

    Raises:
        PacketError: no packet has that length.
    """
    length = int.from_bytes(data[:4], "big")
    if not 1 <= length <= MAX_PACKET_BYTES:
        raise PacketError("packet of a bad length")
    return length, data[4]

"""
The extended requests: those that OpenSSH's client knows, and check-file for others.

Names and forms are those of OpenSSH's PROTOCOL file, and of
draft-ietf-secsh-filexfer-extensions-00, 3, for check-file. Hard links are refused: a
sealed file is bound to one place.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from sealgate.storage.model import Trouble
from sealgate.transfer.adapters import sftp_packets as wire
from sealgate.transfer.adapters.sftp_files import Reading, Writing
from sealgate.transfer.adapters.sftp_packets import Kind, PacketError, Status
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import Buffer, StoreReader
    from sealgate.transfer.adapters.sftp_packets import Reader
    from sealgate.transfer.adapters.sftp_requests import Requests

ADVERTISED = (
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("fsync@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("expand-path@openssh.com", "1"),
    ("copy-data", "1"),
    ("home-directory", "1"),
    ("users-groups-by-id@openssh.com", "1"),
    ("check-file", "1"),
)
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}
_LEAST_BLOCK = 256  # draft, 3: "the block-size MUST be at least 256"
_MOST_HASHES = 4096
_CHUNK = 192 * 1024
_MOST_IDS = 1024
_NAME_BYTES = 255
_MANY_BYTES = 1 << 62
# These read whole files.
_SLOW = frozenset([b"copy-data", b"check-file", b"check-file-handle", b"check-file-name"])
_BY_PATH = frozenset([b"posix-rename@openssh.com", b"statvfs@openssh.com", b"lsetstat@openssh.com"])


class Extensions:
    """Answers extended requests on behalf of *requests*."""

    def __init__(self, requests: Requests) -> None:
        """Keep whom they belong to."""
        self._requests = requests
        self._by_name: dict[bytes, Callable[[int, Reader], tuple[Buffer, ...]]] = {
            b"posix-rename@openssh.com": self._posix_rename,
            b"statvfs@openssh.com": self._statvfs,
            b"fstatvfs@openssh.com": self._fstatvfs,
            b"fsync@openssh.com": self._fsync,
            b"hardlink@openssh.com": self._hardlink,
            b"lsetstat@openssh.com": self._lsetstat,
            b"limits@openssh.com": self._limits,
            b"expand-path@openssh.com": self._expand_path,
            b"copy-data": self._copy_data,
            b"home-directory": self._home_directory,
            b"users-groups-by-id@openssh.com": self._users_groups,
            b"check-file": self._check_handle,
            b"check-file-handle": self._check_handle,
            b"check-file-name": self._check_name,
        }

    def answer(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        """Return the answer to the extended request that *reader* stands before."""
        handler = self._by_name.get(reader.string())
        if handler is None:
            return (wire.status(request, Status.OP_UNSUPPORTED, "no such extension"),)
        return handler(request, reader)

    def is_slow(self, packet: memoryview) -> bool:
        """Return whether *packet* reads whole files or waits for a network."""
        reader = wire.Reader(packet, 5)
        try:
            name = reader.string()
            if name in _SLOW:
                return True
            if name in _BY_PATH:
                return self._requests.is_remote(reader.string())
        except PacketError:
            pass
        return False

    def _posix_rename(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self._requests.files.rename(reader.string(), reader.string(), replace=True)
        return (wire.status(request, Status.OK),)

    def _statvfs(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        space = self._requests.files.space(reader.string())
        return (wire.statvfs(request, space, _NAME_BYTES),)

    def _fstatvfs(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self._requests.handles.get(reader.string())
        return (wire.statvfs(request, self._requests.files.space(handle.path), _NAME_BYTES),)

    def _fsync(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        # Nothing of an upload is visible before CLOSE, and CLOSE is answered once all of it
        # is durable: what a client wants to know by asking now, it learns then.
        self._requests.handles.get(reader.string())
        return (wire.status(request, Status.OK),)

    def _hardlink(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        message = "there are no hard links here: a sealed file is bound to its place"
        return (wire.status(request, Status.OP_UNSUPPORTED, message),)

    def _lsetstat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self._requests.set_attributes(reader.string(), reader.attributes())
        return (wire.status(request, Status.OK),)

    def _limits(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        limits = struct.pack(
            ">I4Q",
            request,
            wire.MAX_PACKET_BYTES,
            wire.MAX_READ_BYTES,
            wire.MAX_WRITE_BYTES,
            wire.MAX_HANDLES,
        )
        return (wire.packet(Kind.EXTENDED_REPLY, limits),)

    def _expand_path(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        path = reader.string()
        if path == b"~" or path.startswith(b"~/"):
            path = b"/" + path[2:]
        elif path.startswith(b"~"):
            raise TransferError(Trouble.NOT_FOUND, "nobody has a home here but you")
        name = self._requests.files.real_path(path).encode("utf-8", "surrogateescape")
        return (wire.names(request, [(name, name, b"\0\0\0\0")]),)

    def _home_directory(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        return (wire.names(request, [(b"/", b"/", b"\0\0\0\0")]),)

    def _users_groups(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        answers = []
        for _ in range(2):  # users, then groups: an uploader's group bears their name
            ids = reader.string()
            if len(ids) % 4 or len(ids) > 4 * _MOST_IDS:
                raise PacketError("ids of a bad length")
            numbers = struct.unpack(f">{len(ids) // 4}I", ids)
            names = [self._requests.owners.name(number) for number in numbers]
            answers.append(wire.string(b"".join(wire.string(name) for name in names)))
        body = struct.pack(">I", request) + b"".join(answers)
        return (wire.packet(Kind.EXTENDED_REPLY, body),)

    def _copy_data(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        source = self._requests.handles.get(reader.string())
        at, left = reader.u64(), reader.u64()
        target = self._requests.handles.get(reader.string())
        to = reader.u64()
        if not isinstance(source, Reading) or not isinstance(target, Writing):
            raise TransferError(Trouble.DENIED, "copy from a file that is read to one written")
        left = left or _MANY_BYTES  # 0 means up to the end
        while left and at < source.reader.entry.size:
            data = source.reader.read_at(at, min(left, _CHUNK))
            if not data:
                break
            target.write(self._requests.files, to, memoryview(data))
            at, to, left = at + len(data), to + len(data), left - len(data)
        return (wire.status(request, Status.OK),)

    def _check_handle(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self._requests.handles.get(reader.string())
        if not isinstance(handle, Reading):
            raise TransferError(Trouble.DENIED, "it is not open for reading")
        return self._check(request, handle.reader, reader)

    def _check_name(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        file = self._requests.files.open_read(reader.string())
        try:
            return self._check(request, file, reader)
        finally:
            file.close()

    def _check(self, request: int, file: StoreReader, reader: Reader) -> tuple[Buffer, ...]:
        asked = reader.string().decode("ascii", "replace").split(",")
        at, length, block = reader.u64(), reader.u64(), reader.u32()
        name = next((one for one in asked if one in _HASHES), None)
        if name is None:
            raise TransferError(
                Trouble.UNSUPPORTED, f"hashes that are computed here: {', '.join(_HASHES)}"
            )
        if block and block < _LEAST_BLOCK:
            raise PacketError("block size below 256")
        left = max(0, file.entry.size - at)
        left = min(left, length) if length else left
        if block and left > block * _MOST_HASHES:
            raise TransferError(
                Trouble.UNSUPPORTED, f"at most {_MOST_HASHES} blocks are hashed at once"
            )
        found = []
        while True:
            part = min(left, block) if block else left
            found.append(_digest(file, name, at, part))
            at, left = at + part, left - part
            if not left:
                break
        body = struct.pack(">I", request) + wire.string("check-file") + wire.string(name)
        return (wire.packet(Kind.EXTENDED_REPLY, body + b"".join(found)),)


def _digest(file: StoreReader, name: str, at: int, left: int) -> bytes:
    """Return the hash of *left* bytes from *at*."""
    digest = _HASHES[name]()
    while left:
        data = file.read_at(at, min(left, _CHUNK))
        if not data:
            break
        digest.update(data)
        at, left = at + len(data), left - len(data)
    return digest.digest()

"""
The requests of SFTP, each answered by the caller's file session.

Names and forms of extended requests are those of OpenSSH's PROTOCOL file, and of
draft-ietf-secsh-filexfer-extensions-00, 3, for check-file. Hard links are refused: a sealed
file is bound to one place.
"""

from __future__ import annotations

import hashlib
import struct
import time
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh import sftp_packets as wire
from sealgate.protocols.ssh.sftp_files import FileReading, Handles, Listing, Writing, open_file
from sealgate.protocols.ssh.sftp_packets import OpenFlag, PacketError, PacketType, StatusCode
from sealgate.storage.model import Trouble
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.model import FileSession
    from sealgate.protocols.ssh.sftp_packets import Attributes, Reader
    from sealgate.storage.model import Buffer, Entry, StoreReader

_NAMES_AT_ONCE = 128
# Clients ask for the attributes of each file twice and three times before they open it, and
# a listing has told them already. Such an answer may be as old as this (NFS clients take
# three seconds); a change of the session's own makes it forget. What is opened is never old.
_SEEN_SECONDS = 2.0
_MAX_SEEN = 1024
_MAX_FOLDERS = 256
_CHANGES_NOTHING = frozenset(
    [
        PacketType.OPEN,  # for writing it forgets by itself
        PacketType.LSTAT,
        PacketType.STAT,
        PacketType.FSTAT,
        PacketType.READ,
        PacketType.OPENDIR,
        PacketType.READDIR,
        PacketType.REALPATH,
        PacketType.CLOSE,  # as above
    ]
)
_FIRST_OWNER = 1000
_FILE_OWNER_BITS = 0o600
_FOLDER_OWNER_BITS = 0o700
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


class Owners:
    """Numbers for the names of those who uploaded: version 3 has no other way to tell them."""

    def __init__(self) -> None:
        """Begin with the nameless."""
        self._numbers = {"": 65534}

    def number(self, name: str) -> int:
        """Return the number of *name*, the same within a session."""
        return self._numbers.setdefault(name, _FIRST_OWNER + len(self._numbers) - 1)

    def name(self, number: int) -> str:
        """Return the name behind *number*, "" for none."""
        return next((name for name, one in self._numbers.items() if one == number), "")


class Requests:
    """Answers the requests of one session over *files*."""

    def __init__(self, files: FileSession) -> None:
        """Begin with nothing open."""
        self.files = files
        self.handles = Handles()
        self.owners = Owners()
        self._extensions = Extensions(self)
        self._seen: dict[bytes, tuple[bytes, float]] = {}
        self._remote: dict[bytes, bool] = {}
        self._by_kind: dict[int, Callable[[int, Reader], tuple[Buffer, ...]]] = {
            PacketType.OPEN: self._open,
            PacketType.CLOSE: self._close,
            PacketType.READ: self._read,
            PacketType.WRITE: self._write,
            PacketType.LSTAT: self._stat,
            PacketType.STAT: self._stat,
            PacketType.FSTAT: self._fstat,
            PacketType.SETSTAT: self._setstat,
            PacketType.FSETSTAT: self._fsetstat,
            PacketType.OPENDIR: self._opendir,
            PacketType.READDIR: self._readdir,
            PacketType.REMOVE: self._remove,
            PacketType.MKDIR: self._mkdir,
            PacketType.RMDIR: self._rmdir,
            PacketType.REALPATH: self._realpath,
            PacketType.RENAME: self._rename,
            PacketType.READLINK: self._readlink,
            PacketType.SYMLINK: self._symlink,
            PacketType.EXTENDED: self._extensions.answer,
        }

    def answer(self, kind: int, request: int, reader: Reader) -> tuple[Buffer, ...]:
        """
        Return the packets that answer *request*.

        Raises:
            TransferError, StorageError: no, and why.
            PacketError: the packet does not hold what its type demands.
        """
        if self._seen and kind not in _CHANGES_NOTHING:
            self._seen.clear()
        handler = self._by_kind.get(kind)
        if handler is None:
            return (
                wire.status(request, StatusCode.OP_UNSUPPORTED, "no such request in version 3"),
            )
        return handler(request, reader)

    def extended_is_slow(self, packet: memoryview) -> bool:
        """Return whether an extended request belongs into a thread."""
        return self._extensions.is_slow(packet)

    # Files.

    def _open(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        path, flags = reader.string(), reader.u32()
        reader.attributes()  # modes are not kept
        self.handles.check_room()
        if flags & OpenFlag.WRITE:
            self._seen.clear()
        remote = self.is_remote(path)
        name = self.handles.add(open_file(self.files, path, flags, remote=remote))
        return (_handle(request, name),)

    def _close(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self.handles.take(reader.string())
        if isinstance(handle, Writing):
            self._seen.clear()
            handle.close(self.files)
        elif isinstance(handle, FileReading):
            handle.reader.close()
        return (_ok(request),)

    def _read(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self.handles.get(reader.string())
        offset, size = reader.u64(), reader.u32()
        if not isinstance(handle, FileReading):
            raise TransferError(Trouble.UNSUPPORTED, "what is being uploaded cannot be read yet")
        data = b""
        if offset < handle.reader.entry.size:  # nor any offset that no file can have
            data = handle.reader.read_at(offset, min(size, wire.MAX_READ_BYTES))
        if not data:
            return (wire.status(request, StatusCode.EOF, "end of file"),)
        return wire.data_header(request, len(data)), data

    def _write(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self.handles.get(reader.string())
        offset, data = reader.u64(), reader.view()
        if not isinstance(handle, Writing):
            raise TransferError(Trouble.DENIED, "it is not open for writing")
        handle.write(self.files, offset, data)
        return (_ok(request),)

    def _stat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        path = reader.string()
        seen = self._seen.get(path)
        now = time.monotonic()
        if seen is None or now >= seen[1]:
            entry = self.files.stat(path)
            seen = self._see(path, wire.attributes(entry, self.owners.number(entry.owner)), now)
        return (wire.packet(PacketType.ATTRS, struct.pack(">I", request) + seen[0]),)

    def _see(self, path: bytes, attributes: bytes, now: float) -> tuple[bytes, float]:
        """Keep the *attributes* of *path* for a moment."""
        if len(self._seen) >= _MAX_SEEN:
            self._seen.clear()
        seen = self._seen[path] = attributes, now + _SEEN_SECONDS
        return seen

    def is_remote(self, path: bytes) -> bool:
        """Return whether *path* lies behind a network; asked once for each folder."""
        folder = path.rpartition(b"/")[0] or path
        remote = self._remote.get(folder)
        if remote is None:
            if len(self._remote) >= _MAX_FOLDERS:
                self._remote.clear()
            remote = self._remote[folder] = self.files.is_remote(path)
        return remote

    def _fstat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self.handles.get(reader.string())
        if isinstance(handle, FileReading):
            entry = handle.reader.entry
        elif isinstance(handle, Writing):
            # Its owner is told as by its name; how long it is, the handle knows best.
            entry = replace(self.files.stat(handle.path), size=handle.size)
            if handle.modified_at is not None:
                entry = replace(entry, modified_at=handle.modified_at)
        else:
            entry = self.files.stat(handle.path)
        return (self._attributes(request, entry),)

    def _attributes(self, request: int, entry: Entry) -> bytes:
        owner = self.owners.number(entry.owner)
        return wire.packet(
            PacketType.ATTRS, struct.pack(">I", request) + wire.attributes(entry, owner)
        )

    # Attributes.

    def _setstat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.set_attributes(reader.string(), reader.attributes())
        return (_ok(request),)

    def set_attributes(self, path: bytes, asked: Attributes) -> None:
        """
        Make the file at *path* what is *asked* for, or say which part cannot be.

        Raises:
            TransferError: UNSUPPORTED or DENIED, or what the store says.
        """
        entry = self.files.stat(path)
        self._check_owner_and_mode(asked, entry)
        if asked.size is not None and (asked.size != entry.size or entry.is_folder):
            if asked.size != 0 or entry.is_folder:
                raise TransferError(
                    Trouble.UNSUPPORTED, "sealed files are cut to nothing or not at all"
                )
            self.files.open_write(path).close()
        if asked.times is not None and not entry.is_folder and not entry.partial:
            self.files.set_modified(path, float(asked.times[1]))

    def _fsetstat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle, asked = self.handles.get(reader.string()), reader.attributes()
        if not isinstance(handle, Writing):
            self.set_attributes(handle.path, asked)
            return (_ok(request),)
        self._check_owner_and_mode(asked, None)
        if asked.size is not None:
            handle.truncate(self.files, asked.size)
        if asked.times is not None:
            handle.modified_at = float(asked.times[1])
        return (_ok(request),)

    def _check_owner_and_mode(self, asked: Attributes, entry: Entry | None) -> None:
        """
        Refuse what would not be so afterwards.

        Modes that leave the owner what they have are taken, for clients set them after every
        upload; they change nothing, since nobody but the drop's own people gets in.
        """
        folder = entry is not None and entry.is_folder
        bits = _FOLDER_OWNER_BITS if folder else _FILE_OWNER_BITS
        if asked.permissions is not None and asked.permissions & bits != bits:
            raise TransferError(
                Trouble.UNSUPPORTED,
                f"mode {asked.permissions & 0o7777:04o} cannot be kept:"
                " who may read and write is the drop's to say",
            )
        if asked.owner is None or entry is None:
            return
        owner = self.owners.number(entry.owner)
        if asked.owner != (owner, owner):
            raise TransferError(
                Trouble.UNSUPPORTED, "a file belongs to whoever uploaded it, and cannot be given"
            )

    # Folders and names.

    def _opendir(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        path = reader.string()
        self.handles.check_room()
        listing = Listing(path, iter(self.files.list(path)), self.is_remote(path))
        return (_handle(request, self.handles.add(listing)),)

    def _readdir(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self.handles.get(reader.string())
        if not isinstance(handle, Listing):
            raise TransferError(Trouble.NOT_FOLDER, "it is not open as a folder")
        now, clock = time.time(), time.monotonic()
        prefix = handle.path.rstrip(b"/") + b"/"
        found = []
        for entry in islice(handle.entries, _NAMES_AT_ONCE):
            name = given(entry.path[-1]) if entry.path else "."
            attributes = wire.attributes(entry, self.owners.number(entry.owner))
            long = wire.long_name(entry, name, now)
            raw = _raw(name)
            self._see(prefix + raw, attributes, clock)
            found.append((raw, _raw(long), attributes))
        if not found:
            return (wire.status(request, StatusCode.EOF, "end of folder"),)
        return (wire.names(request, found),)

    def _remove(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.files.remove(reader.string())
        return (_ok(request),)

    def _mkdir(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.files.make_folder(reader.string())
        return (_ok(request),)

    def _rmdir(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.files.remove_folder(reader.string())
        return (_ok(request),)

    def _realpath(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        name = _raw(self.files.real_path(reader.string()))
        return (wire.names(request, [(name, name, b"\0\0\0\0")]),)

    def _rename(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.files.rename(reader.string(), reader.string(), replace=False)
        return (_ok(request),)

    def _readlink(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self.files.stat(reader.string())
        return (wire.status(request, StatusCode.FAILURE, "it is no symbolic link"),)

    def _symlink(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        message = "there are no symbolic links here"
        return (wire.status(request, StatusCode.OP_UNSUPPORTED, message),)


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
            return (wire.status(request, StatusCode.OP_UNSUPPORTED, "no such extension"),)
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
        return (wire.status(request, StatusCode.OK),)

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
        return (wire.status(request, StatusCode.OK),)

    def _hardlink(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        message = "there are no hard links here: a sealed file is bound to its place"
        return (wire.status(request, StatusCode.OP_UNSUPPORTED, message),)

    def _lsetstat(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        self._requests.set_attributes(reader.string(), reader.attributes())
        return (wire.status(request, StatusCode.OK),)

    def _limits(self, request: int, _reader: Reader) -> tuple[Buffer, ...]:
        limits = struct.pack(
            ">I4Q",
            request,
            wire.MAX_PACKET_BYTES,
            wire.MAX_READ_BYTES,
            wire.MAX_WRITE_BYTES,
            wire.MAX_HANDLES,
        )
        return (wire.packet(PacketType.EXTENDED_REPLY, limits),)

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
        return (wire.packet(PacketType.EXTENDED_REPLY, body),)

    def _copy_data(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        source = self._requests.handles.get(reader.string())
        at, left = reader.u64(), reader.u64()
        target = self._requests.handles.get(reader.string())
        to = reader.u64()
        if not isinstance(source, FileReading) or not isinstance(target, Writing):
            raise TransferError(Trouble.DENIED, "copy from a file that is read to one written")
        left = left or _MANY_BYTES  # 0 means up to the end
        while left and at < source.reader.entry.size:
            data = source.reader.read_at(at, min(left, _CHUNK))
            if not data:
                break
            target.write(self._requests.files, to, memoryview(data))
            at, to, left = at + len(data), to + len(data), left - len(data)
        return (wire.status(request, StatusCode.OK),)

    def _check_handle(self, request: int, reader: Reader) -> tuple[Buffer, ...]:
        handle = self._requests.handles.get(reader.string())
        if not isinstance(handle, FileReading):
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
        return (wire.packet(PacketType.EXTENDED_REPLY, body + b"".join(found)),)


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


def _ok(request: int) -> bytes:
    return wire.status(request, StatusCode.OK)


def _handle(request: int, name: bytes) -> bytes:
    return wire.packet(PacketType.HANDLE, struct.pack(">I", request) + wire.string(name))


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")

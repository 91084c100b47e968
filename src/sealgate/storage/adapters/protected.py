"""
Rung 1: readable bytes, and a keyed tag over each 64 KiB of them.

The tag is HMAC-SHA256 (FIPS 198-1) over the object's id, the chunk's number and the chunk.
The record binds the HMAC of all tags and the size; the tags themselves lie beside the
object, where it has more than one chunk. So a read at any offset verifies what it gives
and no more.
"""

from __future__ import annotations

import hmac
import struct
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES, tampered
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.storage.adapters.medium import Source
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.model import Buffer
    from sealgate.storage.record import Record

TAG_BYTES = 32
_PLACE = struct.Struct(">q")


class ProtectedEncoder:
    """Tags the chunks that pass."""

    header = b""

    def __init__(self, key: bytes, object_id: str) -> None:
        self._key = key
        self._object_id = object_id
        self._tags = bytearray()
        self._size = 0

    def whole(self, plain: memoryview, out: bytearray) -> Buffer:  # noqa: ARG002  # nothing to encode
        """Return *plain*, tagged."""
        for at in range(0, len(plain), CHUNK_BYTES):
            self._tag(plain[at : at + CHUNK_BYTES])
        return plain

    def last(self, plain: memoryview) -> bytes:
        """Return *plain*, tagged."""
        self._tag(plain)
        return bytes(plain)

    def binding(self) -> bytes:
        """Return the HMAC over all tags."""
        return root(self._key, self._object_id, self._size, bytes(self._tags))

    def aside(self) -> bytes:
        """Return the tags, where there is more than one."""
        return bytes(self._tags) if len(self._tags) > TAG_BYTES else b""

    def _tag(self, chunk: memoryview) -> None:
        number = len(self._tags) // TAG_BYTES
        self._tags += tag(self._key, self._object_id, number, chunk)
        self._size += len(chunk)


class ProtectedForm:
    """The form of rung 1, under the store's *content_key*."""

    rung = StorageRung.PROTECTED
    has_aside = True

    def __init__(self, content_key: bytes) -> None:
        self._key = content_key

    def begin(self, object_id: str) -> ProtectedEncoder:
        """Begin an object."""
        return ProtectedEncoder(self._key, object_id)

    def open(self, record: Record, source: Source, aside: bytes) -> ProtectedReader:
        """Open the object; its tags are verified now, its chunks when they are read."""
        return ProtectedReader(self._key, record, source, self._tags(record, source, aside))

    def verify(self, record: Record, source: Source, aside: bytes) -> None:
        """Compare size, tags and the last chunk."""
        reader = self.open(record, source, aside)
        reader.read_at(max(0, record.size - 1), 1)

    def kept_size(self, noted: Noted, object_size: int) -> int:
        """Return what was kept properly; without its tags a chunk cannot be told from a forged one."""
        return noted.size if 0 < noted.size <= object_size else 0

    def resume(self, noted: Noted, source: Source, aside: bytes) -> Iterator[bytes]:
        """Yield what was kept, verified."""
        size = self.kept_size(noted, source.size)
        if size <= CHUNK_BYTES:
            aside = tag(self._key, noted.object_id, 0, source.read_at(0, size))
        made = root(self._key, noted.object_id, size, aside)
        if not hmac.compare_digest(made, noted.binding):
            raise _broken(noted)
        for number, offset in enumerate(range(0, size, CHUNK_BYTES)):
            chunk = source.read_at(offset, CHUNK_BYTES)
            wanted = aside[number * TAG_BYTES : (number + 1) * TAG_BYTES]
            if not hmac.compare_digest(tag(self._key, noted.object_id, number, chunk), wanted):
                raise _broken(noted)
            yield chunk

    def _tags(self, record: Record, source: Source, aside: bytes) -> bytes:
        if source.size != record.size:
            raise tampered(record, f"has {source.size} bytes, {record.size} were stored")
        if record.size <= CHUNK_BYTES:
            aside = tag(self._key, record.object_id, 0, source.read_at(0, CHUNK_BYTES))
        made = root(self._key, record.object_id, record.size, aside)
        if not hmac.compare_digest(made, record.binding):
            raise tampered(record, "was changed, or what it is verified by was")
        return aside


class ProtectedReader:
    """Verifies each chunk that it reads; keeps the last one, for those who read on."""

    def __init__(self, key: bytes, record: Record, source: Source, tags: bytes) -> None:
        self._key = key
        self._record = record
        self._source = source
        self._tags = tags
        self._number = -1
        self._chunk = b""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes from *offset*."""
        end = min(offset + size, self._record.size)
        parts = []
        while offset < end:
            number, within = divmod(offset, CHUNK_BYTES)
            part = self._read(number)[within : within + end - offset]
            parts.append(part)
            offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, number: int) -> bytes:
        if number != self._number:
            chunk = self._source.read_at(number * CHUNK_BYTES, CHUNK_BYTES)
            wanted = self._tags[number * TAG_BYTES : (number + 1) * TAG_BYTES]
            made = tag(self._key, self._record.object_id, number, chunk)
            if not chunk or not hmac.compare_digest(made, wanted):
                raise tampered(self._record, f"was changed from outside in its chunk {number}")
            self._number, self._chunk = number, chunk
        return self._chunk


def tag(key: bytes, object_id: str, number: int, chunk: Buffer) -> bytes:
    """Return the tag of one chunk."""
    made = hmac.new(key, b"chunk" + object_id.encode() + _PLACE.pack(number), "sha256")
    made.update(chunk)
    return made.digest()


def root(key: bytes, object_id: str, size: int, tags: bytes) -> bytes:
    """Return what binds all *tags* of an object of *size* bytes."""
    return hmac.digest(key, b"root" + object_id.encode() + _PLACE.pack(size) + tags, "sha256")


def _broken(noted: Noted) -> StorageError:
    message = f'the broken-off upload "{"/".join(noted.path)}" was changed from outside'
    return StorageError(Trouble.TAMPERED, message, hint="upload it anew from its beginning")

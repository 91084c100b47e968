"""Rung 0: the object is the content. Nothing but its size can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES, tampered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.storage.adapters.medium import Source
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.model import Buffer
    from sealgate.storage.record import Record


class PlainEncoder:
    """Gives back what it is given."""

    header = b""

    def whole(self, plain: memoryview, out: bytearray) -> Buffer:  # noqa: ARG002  # nothing to encode
        """Return *plain*."""
        return plain

    def last(self, plain: memoryview) -> bytes:
        """Return *plain*."""
        return bytes(plain)

    def binding(self) -> bytes:
        """Return nothing."""
        return b""

    def aside(self) -> bytes:
        """Return nothing."""
        return b""


class PlainForm:
    """The form of rung 0."""

    rung = StorageRung.NONE
    has_aside = False

    def begin(self, object_id: str) -> PlainEncoder:  # noqa: ARG002  # the object does not say it
        """Begin an object."""
        return PlainEncoder()

    def open(self, record: Record, source: Source, aside: bytes) -> Source:
        """Open the object: it is read as it lies."""
        self.verify(record, source, aside)
        return source

    def verify(self, record: Record, source: Source, aside: bytes) -> None:  # noqa: ARG002
        """Compare the size."""
        if source.size != record.size:
            raise tampered(record, f"has {source.size} bytes, {record.size} were stored")

    def kept_size(self, noted: Noted, object_size: int) -> int:
        """Return whole chunks."""
        whole = object_size // CHUNK_BYTES * CHUNK_BYTES
        return whole if noted.size < 0 else min(noted.size, whole)

    def resume(self, noted: Noted, source: Source, aside: bytes) -> Iterator[bytes]:  # noqa: ARG002
        """Yield what was kept."""
        size = self.kept_size(noted, source.size)
        for offset in range(0, size, CHUNK_BYTES):
            yield source.read_at(offset, CHUNK_BYTES)

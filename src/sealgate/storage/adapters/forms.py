"""
How bytes lie in an object: one form for each rung, all in chunks of 64 KiB.

A form makes encoders for uploads and opens what was stored. It compares everything that
the record says of the object before it gives a byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sealgate.policy.protection import StorageRung
from sealgate.storage.age.payload import CHUNK_BYTES
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.storage.adapters.medium import Source
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.model import Buffer
    from sealgate.storage.record import Record

__all__ = ["CHUNK_BYTES", "Encoder", "Form", "Opened", "tampered"]


class Encoder(Protocol):
    """
    Turns the plain bytes of one upload, in order, into those of its object.

    It goes forward only: what was encoded once is never encoded again, so it may be kept
    in memory and go on later.
    """

    header: bytes

    def whole(self, plain: memoryview, out: bytearray) -> Buffer:
        """Return whole chunks encoded, none of them the last; *out* may be used for it."""

    def last(self, plain: memoryview) -> bytes:
        """Return the last chunk encoded, up to a whole one; nothing comes behind it."""

    def binding(self) -> bytes:
        """Return what the record binds the object by, for what was encoded so far."""

    def aside(self) -> bytes:
        """Return what has to lie beside the object to verify it, or ``b""``."""


class Opened(Protocol):
    """The plain bytes of one object."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* plain bytes from *offset*, verified."""


class Form(Protocol):
    """
    The form of one rung. Every method raises :class:`StorageError`.

    *has_aside*: of an object of more than one chunk, something lies beside it.
    """

    rung: StorageRung
    has_aside: bool

    def begin(self, object_id: str) -> Encoder:
        """Begin an object."""

    def open(self, record: Record, source: Source, aside: bytes) -> Opened:
        """
        Open the object of *record*.

        Raises:
            StorageError: TAMPERED, SEALED_ELSEWHERE.
        """

    def verify(self, record: Record, source: Source, aside: bytes) -> None:
        """
        Compare with *record* what can be compared at little cost: size, beginning, end.

        Raises:
            StorageError: TAMPERED.
        """

    def kept_size(self, noted: Noted, object_size: int) -> int:
        """Return how many plain bytes of a broken-off upload can be resumed here."""

    def resume(self, noted: Noted, source: Source, aside: bytes) -> Iterator[bytes]:
        """Yield the plain bytes of a broken-off upload, verified, chunk by chunk."""


def tampered(record: Record, what: str) -> StorageError:
    """Return the error for an object that is not what was stored as *record*."""
    return StorageError(
        Trouble.TAMPERED, f'"{"/".join(record.path)}" {what}', hint="sealgate verify"
    )

"""
Rungs 2 and 3: the object is a file of the age v1 format, which any age program opens.

Its random id rides in a stanza that other programs ignore, under the header's MAC; the
record binds the digest of header and nonce. A header therefore belongs to one record, and a payload to one
header. Rung 3 differs only in who can open it: nobody here.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES, tampered
from sealgate.storage.age.errors import DamagedError, NoMatchError
from sealgate.storage.age.file import begin, unlock
from sealgate.storage.age.header import Header, Stanza, find_end, parse_header
from sealgate.storage.age.payload import (
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    ChunkOpener,
    ChunkSealer,
    plain_size,
)
from sealgate.storage.age.random_access import RandomAccess
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.storage.adapters.medium import Source
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.age.wrapping import Identity, Recipient
    from sealgate.storage.model import Buffer
    from sealgate.storage.record import Record

# The type of the stanza that names the object: its arguments are the id and whom it is for.
OBJECT_STANZA = "sealgate.object"
# One read that holds the header of a few recipients of any kind.
_HEADER_READ = 16384
# About 400 bytes each.
_MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What the header of an object gave when it was unlocked."""

    object_id: str
    header_size: int
    file_key: bytes = field(repr=False)


class KnownKeys:
    """
    File keys of objects that this process has sealed or opened, by the digest of their header.

    Only where it holds an identity that opens them anyway. The oldest are forgotten; all die
    with the process. Safe for several threads.
    """

    def __init__(self, most: int = _MOST_KNOWN) -> None:
        self._most = most
        self._known: OrderedDict[bytes, KnownKey] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, binding: bytes) -> KnownKey | None:
        """Return what is known of the header and nonce with that digest."""
        with self._lock:
            return self._known.get(binding)

    def keep(self, binding: bytes, known: KnownKey) -> None:
        """Keep *known* of them."""
        with self._lock:
            self._known[binding] = known
            if len(self._known) > self._most:
                self._known.popitem(last=False)


class SealedEncoder:
    """Seals chunks under one file key, each under a number of its own."""

    def __init__(
        self,
        object_id: str,
        recipients: tuple[Recipient, ...],
        sealed_for: str,
        known: KnownKeys | None = None,
    ) -> None:
        begun = begin(recipients, extra=(object_stanza(object_id, sealed_for),))
        self.header = begun.header + begun.nonce
        self._binding = binding_of(self.header)
        self._sealer = ChunkSealer(begun.file_key, begun.nonce)
        self.whole = self._sealer.seal_many
        self._known = known
        self._kept = KnownKey(object_id, len(begun.header), begun.file_key if known else b"")

    def last(self, plain: memoryview) -> bytes:
        """Seal the last chunk."""
        if self._known is not None:
            self._known.keep(self._binding, self._kept)
        return self._sealer.seal(plain, final=True)

    def binding(self) -> bytes:
        """Return the digest of header and nonce."""
        return self._binding

    def aside(self) -> bytes:
        """Return nothing: the chunks speak for themselves."""
        return b""


class SealedForm:
    """Seals for *recipients*, opens with *identities*: none where they are elsewhere."""

    has_aside = False

    def __init__(
        self,
        rung: StorageRung,
        recipients: tuple[Recipient, ...],
        identities: tuple[Identity, ...],
    ) -> None:
        self.rung = rung
        self.recipients = recipients
        self.identities = identities
        told = "\n".join(sorted(str(recipient) for recipient in recipients))
        self.sealed_for = hashlib.sha256(told.encode()).hexdigest()[:16]
        self._known = KnownKeys()
        ours = {str(identity.recipient()) for identity in identities}
        self._opens_own = any(str(recipient) in ours for recipient in recipients)

    def with_identities(self, identities: tuple[Identity, ...]) -> SealedForm:
        """Return the form that opens with *identities*, too."""
        return SealedForm(self.rung, self.recipients, (*identities, *self.identities))

    def begin(self, object_id: str) -> SealedEncoder:
        """Begin an object under a new file key."""
        known = self._known if self._opens_own else None
        return SealedEncoder(object_id, self.recipients, self.sealed_for, known)

    def open(self, record: Record, source: Source, aside: bytes) -> SealedReader:  # noqa: ARG002
        """Open the object: its header is compared with the record, its last chunk verified."""
        # One read holds all of a small object.
        beginning = source.read_at(0, _HEADER_READ)

        def read_at(offset: int, size: int) -> Buffer:
            end = offset + size
            return beginning[offset:end] if end <= len(beginning) else source.read_at(offset, size)

        known = self._known.find(record.binding)
        try:
            if known is not None and known.object_id == record.object_id:
                # The very bytes that were compared and unlocked before.
                check_binding(record, beginning[: known.header_size + NONCE_BYTES])
                check_size(record, source.size, known.header_size)
            else:
                header, length = bound_header(record, source)
                known = KnownKey(record.object_id, length, unlock(header, self.identities))
                self._known.keep(record.binding, known)
            opened = RandomAccess(read_at, source.size, known.header_size, known.file_key)
        except NoMatchError as error:
            message = f'"{"/".join(record.path)}" is sealed for others: its identity is not here'
            raise StorageError(
                Trouble.SEALED_ELSEWHERE, message, hint="whoever holds the identity can open it"
            ) from error
        except DamagedError as error:
            raise tampered(record, f"cannot be opened: {error.message}") from error
        return SealedReader(record, opened)

    def verify(self, record: Record, source: Source, aside: bytes) -> None:
        """Compare header and size; where it can be opened, verify the last chunk."""
        try:
            self.open(record, source, aside)
        except StorageError as error:
            if error.trouble is not Trouble.SEALED_ELSEWHERE:
                raise

    def kept_size(self, noted: Noted, object_size: int) -> int:
        """Return whole chunks. The last of them may have been sealed as the end, so it is left out."""
        if not self.identities:
            return 0
        chunks = max(0, object_size - noted.header_size - 1) // SEALED_CHUNK_BYTES
        if noted.size >= 0:
            chunks = min(noted.size // CHUNK_BYTES, chunks + 1)
        return chunks * CHUNK_BYTES

    def resume(self, noted: Noted, source: Source, aside: bytes) -> Iterator[bytes]:  # noqa: ARG002
        """Yield what was kept, opened, to be sealed again under another file key."""
        size = self.kept_size(noted, source.size)
        try:
            header, length = read_header(source)
            nonce = source.read_at(length, NONCE_BYTES)
            if binding_of(header.raw + nonce) != noted.binding:
                raise DamagedError("its header is another one")
            opener = ChunkOpener(unlock(header, self.identities), nonce)
            for index in range(size // CHUNK_BYTES):
                at = noted.header_size + index * SEALED_CHUNK_BYTES
                yield opener.open(index, source.read_at(at, SEALED_CHUNK_BYTES), final=False)
        except SealgateError as error:
            if isinstance(error, StorageError):
                raise
            message = f'the broken-off upload "{"/".join(noted.path)}" cannot be gone on with'
            raise StorageError(
                Trouble.TAMPERED, f"{message}: {error.message}", hint="upload it anew"
            ) from error


class SealedReader:
    """Opens the chunks that are read."""

    def __init__(self, record: Record, opened: RandomAccess) -> None:
        self._record = record
        self._opened = opened

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* plain bytes from *offset*."""
        try:
            return self._opened.read_at(offset, size)
        except DamagedError as error:
            raise tampered(self._record, f"cannot be opened: {error.message}") from error


def object_stanza(object_id: str, sealed_for: str) -> Stanza:
    """Return the stanza that names the object, and (by a digest) whom it is sealed for."""
    return Stanza(OBJECT_STANZA, (object_id, sealed_for), b"")


def sealed_for(header: Header) -> str:
    """Return the digest of the recipients that *header* was made for, "" when it tells none."""
    found = [s.args for s in header.stanzas if s.type == OBJECT_STANZA]
    return found[0][1] if found and len(found[0]) > 1 else ""


def read_header(source: Source) -> tuple[Header, int]:
    """
    Return the header of the object and its length.

    Raises:
        DamagedError: it has none.
    """
    data = source.read_at(0, _HEADER_READ)
    while not find_end(data) and len(data) < source.size:
        data += source.read_at(len(data), len(data))
    return parse_header(data)


def bound_header(record: Record, source: Source) -> tuple[Header, int]:
    """
    Return the header of the object of *record*, which both agree on.

    Raises:
        StorageError: TAMPERED: another header, another id, or another size.
    """
    try:
        header, length = read_header(source)
        plain_size(source.size - length)
    except DamagedError as error:
        raise tampered(record, f"is no whole sealed file: {error.message}") from error
    check_binding(record, header.raw + source.read_at(length, NONCE_BYTES))
    if not any(
        s.type == OBJECT_STANZA and s.args[:1] == (record.object_id,) for s in header.stanzas
    ):
        raise tampered(record, "is another file than was stored there: its id differs")
    check_size(record, source.size, length)
    return header, length


def check_binding(record: Record, beginning: bytes) -> None:
    """
    Return if *beginning*, header and nonce, is what *record* binds its object by.

    Raises:
        StorageError: TAMPERED.
    """
    if not hmac.compare_digest(binding_of(beginning), record.binding):
        raise tampered(record, "is another file than was stored there: its header differs")


def check_size(record: Record, object_size: int, header_size: int) -> None:
    """
    Return if an object of *object_size* bytes has the size that *record* tells.

    Raises:
        StorageError: TAMPERED.
        TruncatedError: no sealed file has that size.
    """
    size = plain_size(object_size - header_size)
    if (object_size, size) != (record.object_size, record.size):
        raise tampered(record, f"has {size} bytes, {record.size} were stored")


def binding_of(beginning: bytes) -> bytes:
    """
    Return what a record binds a sealed object by: the SHA-256 of its header and nonce.

    The header ends in its own MAC, but that alone would let a stanza be changed unnoticed
    where nobody can open the file.
    """
    return hashlib.sha256(beginning).digest()

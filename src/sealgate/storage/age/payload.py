"""
The payload: 64 KiB chunks under ChaCha20-Poly1305, each with its number (STREAM).

Its size always counts the 16-byte nonce that it begins with. Chunks are numbered from 0.
A sealer never uses a nonce twice: it only goes forward, and ends with the final chunk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sealgate.storage.age.errors import PayloadError, TruncatedError
from sealgate.storage.age.wrapping import derive_key

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer

CHUNK_BYTES = 65536
TAG_BYTES = 16
SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES
NONCE_BYTES = 16

_COUNTER_BYTES = 11
_MORE, _FINAL = b"\x00", b"\x01"


def sealed_size(plain: int) -> int:
    """Return how long the payload of *plain* bytes is, its nonce included."""
    chunks = max(1, -(-plain // CHUNK_BYTES))
    return NONCE_BYTES + plain + chunks * TAG_BYTES


def plain_size(sealed_payload_size: int) -> int:
    """
    Return how much a payload of so many bytes, its nonce included, holds if it is whole.

    Raises:
        TruncatedError: no payload has this size.
    """
    body = sealed_payload_size - NONCE_BYTES
    full, rest = divmod(max(body, 0), SEALED_CHUNK_BYTES)
    if body < TAG_BYTES or 0 < rest < TAG_BYTES or (rest == TAG_BYTES and full):
        raise TruncatedError("the sealed file is cut off: no file has this size")
    return body - TAG_BYTES * (full + (rest > 0))


def chunk_count(plain: int) -> int:
    """Return in how many chunks *plain* bytes are sealed: at least one."""
    return max(1, -(-plain // CHUNK_BYTES))


def payload_key(file_key: bytes, nonce: bytes) -> ChaCha20Poly1305:
    """Return the cipher of one payload."""
    return ChaCha20Poly1305(derive_key(file_key, nonce, b"payload"))


def seal_chunks(
    cipher: ChaCha20Poly1305, first_index: int, plain: memoryview, out: memoryview
) -> int:
    """
    Seal the whole chunks of *plain*, none of them final, into *out*; return the bytes written.

    The caller keeps the rule that an index is sealed only once.
    """
    encrypt = cipher.encrypt_into
    index, to = first_index, 0
    for at in range(0, len(plain), CHUNK_BYTES):
        nonce = index.to_bytes(_COUNTER_BYTES, "big") + _MORE
        end = to + SEALED_CHUNK_BYTES
        encrypt(nonce, plain[at : at + CHUNK_BYTES], None, out[to:end])
        index += 1
        to = end
    return to


class ChunkSealer:
    """Seals chunks in order, from *first_index* on."""

    __slots__ = ("_cipher", "_ended", "_index")

    def __init__(self, file_key: bytes, nonce: bytes, first_index: int = 0) -> None:
        """Begin at *first_index*: only where no chunk of that index was ever sealed."""
        self._cipher = payload_key(file_key, nonce)
        self._index = first_index
        self._ended = False

    @property
    def index(self) -> int:
        """Return the index of the next chunk."""
        return self._index

    def seal(self, data: Buffer, *, final: bool) -> bytes:
        """
        Return the next chunk sealed: 64 KiB, or up to that in the *final* one.

        Raises:
            ValueError: a chunk of the wrong size, or one behind the final one.
        """
        size = len(data)
        empty = size == 0 and self._index > 0
        if self._ended or size > CHUNK_BYTES or empty or (size < CHUNK_BYTES and not final):
            raise ValueError("a chunk of the wrong size, or behind the final one")
        nonce = self._index.to_bytes(_COUNTER_BYTES, "big") + (_FINAL if final else _MORE)
        self._index += 1
        self._ended = final
        return self._cipher.encrypt(nonce, data, None)

    def seal_many(self, plain: Buffer, out: bytearray | memoryview) -> memoryview:
        """
        Seal *plain*, whole chunks of which none is final, into *out*; return what was written.

        Raises:
            ValueError: *plain* is no multiple of 64 KiB, *out* too small, or all is sealed.
        """
        chunks, rest = divmod(len(plain), CHUNK_BYTES)
        if self._ended or rest or len(out) < chunks * SEALED_CHUNK_BYTES:
            raise ValueError("chunks of the wrong size, or behind the final one")
        first = self._index
        self._index += chunks
        view = memoryview(out)
        return view[: seal_chunks(self._cipher, first, memoryview(plain), view)]


class ChunkOpener:
    """Opens chunks in any order. Safe for several threads."""

    __slots__ = ("_cipher",)

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        """Take what the header and the payload's beginning gave."""
        self._cipher = payload_key(file_key, nonce)

    def open(self, index: int, sealed: Buffer, *, final: bool) -> bytes:
        """
        Return the plain bytes of the chunk at *index*.

        Raises:
            PayloadError: it is not what was sealed as this chunk.
        """
        self._check(index, len(sealed), final=final)
        nonce = index.to_bytes(_COUNTER_BYTES, "big") + (_FINAL if final else _MORE)
        try:
            return self._cipher.decrypt(nonce, sealed, None)
        except InvalidTag:
            raise _changed(index) from None

    def open_into(self, index: int, sealed: Buffer, out: memoryview, *, final: bool) -> int:
        """
        Open the chunk at *index* to the beginning of *out*; return its plain size.

        Raises:
            PayloadError: it is not what was sealed as this chunk.
        """
        self._check(index, len(sealed), final=final)
        nonce = index.to_bytes(_COUNTER_BYTES, "big") + (_FINAL if final else _MORE)
        size = len(sealed) - TAG_BYTES
        try:
            self._cipher.decrypt_into(nonce, sealed, None, out[:size])
        except InvalidTag:
            raise _changed(index) from None
        return size

    def open_many(self, first_index: int, sealed: memoryview, out: memoryview) -> int:
        """
        Open the whole chunks in *sealed*, none of them final, into *out*; return the plain size.

        Raises:
            PayloadError: one is not what was sealed; *out* holds as much as it tells before it.
        """
        decrypt = self._cipher.decrypt_into
        index, to = first_index, 0
        try:
            for at in range(0, len(sealed), SEALED_CHUNK_BYTES):
                nonce = index.to_bytes(_COUNTER_BYTES, "big") + _MORE
                end = to + CHUNK_BYTES
                decrypt(nonce, sealed[at : at + SEALED_CHUNK_BYTES], None, out[to:end])
                index += 1
                to = end
        except InvalidTag:
            error = _changed(index)
            error.opened = to
            raise error from None
        return to

    @staticmethod
    def _check(index: int, size: int, *, final: bool) -> None:
        if size < TAG_BYTES:
            raise TruncatedError("the sealed file is cut off: its last chunk is too short")
        if size > SEALED_CHUNK_BYTES or (size < SEALED_CHUNK_BYTES and not final):
            raise PayloadError(f"chunk {index} of the sealed file has the wrong size")
        if size == TAG_BYTES and index > 0:
            raise PayloadError("the sealed file ends with an empty chunk, which must not be")


def _changed(index: int) -> PayloadError:
    return PayloadError(
        f"chunk {index} of the sealed file is not what was sealed: changed, moved or cut off"
    )

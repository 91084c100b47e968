from __future__ import annotations

import io

import pytest

from sealgate.storage.age.envelope import unlock
from sealgate.storage.age.errors import PayloadError, TruncatedError
from sealgate.storage.age.header import parse_header
from sealgate.storage.age.keys import X25519Identity
from sealgate.storage.age.payload import CHUNK_BYTES, SEALED_CHUNK_BYTES
from sealgate.storage.age.random_access import AHEAD_CHUNKS, AT_ONCE_CHUNKS, RandomAccess
from sealgate.storage.age.stream import SealWriter

ONE = X25519Identity.generate()
CHUNKS = 20
PLAIN = b"".join(n.to_bytes(4, "big") for n in range(CHUNKS * CHUNK_BYTES // 4)) + b"end"


class Medium:
    """A sealed file that counts what is read of it."""

    def __init__(self, plain: bytes = PLAIN) -> None:
        """Seal *plain*."""
        out = io.BytesIO()
        with SealWriter(out, [ONE.recipient()]) as writer:
            writer.write(plain)
        self.data = bytearray(out.getvalue())
        header, self.header_len = parse_header(self.data)
        self.file_key = unlock(header, [ONE])
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, size: int) -> bytes:
        """Return a piece."""
        self.reads.append((offset, size))
        return bytes(self.data[offset : offset + size])

    def open(self) -> RandomAccess:
        """Return random access to it."""
        access = RandomAccess(self.read_at, len(self.data), self.header_len, self.file_key)
        self.reads.clear()
        return access


def test_a_jump_reads_one_chunk_and_a_second_look_none() -> None:
    """Nothing before is opened, and what was opened last is kept."""
    medium = Medium()
    access = medium.open()
    assert access.size == len(PLAIN)
    at = 11 * CHUNK_BYTES + 100
    assert access.read_at(at, 4096) == PLAIN[at : at + 4096]
    assert access.read_at(at + 5000, 10) == PLAIN[at + 5000 : at + 5010]
    assert [size for _, size in medium.reads] == [SEALED_CHUNK_BYTES]


def test_the_end_is_known_after_opening() -> None:
    """The last chunk was verified first, so a small file is read only once."""
    medium = Medium(b"small")
    access = medium.open()
    assert access.read_at(0, 100) == b"small"
    assert access.read_at(5, 100) == access.read_at(6, 1) == b""
    assert medium.reads == []


def test_reading_on_reads_ahead() -> None:
    """Fewer, larger reads, but never more than the limit, and nothing twice."""
    medium = Medium()
    access = medium.open()
    whole, at = b"", 0
    while piece := access.read_at(at, 32768):
        whole += piece
        at += len(piece)
    assert whole == PLAIN
    sizes = [size for _, size in medium.reads]
    assert max(sizes) == AHEAD_CHUNKS * SEALED_CHUNK_BYTES
    assert len(sizes) < CHUNKS // 2
    assert sum(sizes) == len(medium.data) - medium.header_len - 16


@pytest.mark.parametrize("offset", [0, CHUNK_BYTES - 2, 3 * CHUNK_BYTES + 5])
def test_a_read_over_many_chunks_is_one_answer(offset: int) -> None:
    """Also longer than what is ever held."""
    size = (AT_ONCE_CHUNKS + 3) * CHUNK_BYTES
    assert Medium().open().read_at(offset, size) == PLAIN[offset : offset + size]


def test_a_large_read_is_one_of_the_medium() -> None:
    """Up to the limit, and what is more comes in pieces of that size."""
    medium = Medium()
    access = medium.open()
    for chunk in (0, AT_ONCE_CHUNKS):
        at, size = chunk * CHUNK_BYTES, AT_ONCE_CHUNKS * CHUNK_BYTES
        assert access.read_at(at, size) == PLAIN[at : at + size]
    assert [size for _, size in medium.reads] == [AT_ONCE_CHUNKS * SEALED_CHUNK_BYTES] * 2
    medium.reads.clear()
    assert medium.open().read_at(0, len(PLAIN)) == PLAIN
    assert max(size for _, size in medium.reads) == AT_ONCE_CHUNKS * SEALED_CHUNK_BYTES


def test_nothing_of_a_bad_chunk_comes_out() -> None:
    """Not at once, and not from what is held afterwards; the others are still good."""
    medium = Medium()
    access = medium.open()
    bad = medium.header_len + 16 + 5 * SEALED_CHUNK_BYTES + 9
    medium.data[bad] ^= 1
    for _ in range(2):
        assert access.read_at(2 * CHUNK_BYTES, 10) == PLAIN[2 * CHUNK_BYTES :][:10]
        with pytest.raises(PayloadError, match="chunk 5"):
            access.read_at(4 * CHUNK_BYTES + 9, 2 * CHUNK_BYTES)
        # What was held before was overwritten by chunk 4: it must be read again.
        assert access.read_at(2 * CHUNK_BYTES, 10) == PLAIN[2 * CHUNK_BYTES :][:10]
        with pytest.raises(PayloadError, match="chunk 5"):
            access.read_at(5 * CHUNK_BYTES, 100)
        with pytest.raises(PayloadError, match="chunk 5"):
            access.read_at(4 * CHUNK_BYTES, 2 * CHUNK_BYTES)
    assert access.read_at(6 * CHUNK_BYTES, 10) == PLAIN[6 * CHUNK_BYTES :][:10]


def test_a_file_that_was_cut_is_not_even_opened() -> None:
    """Between two chunks, where the size alone would not tell."""
    medium = Medium()
    del medium.data[medium.header_len + 16 + 5 * SEALED_CHUNK_BYTES :]
    with pytest.raises(PayloadError):
        medium.open()


def test_a_file_that_shrinks_is_told() -> None:
    """The medium gives less than it said."""
    medium = Medium()
    access = medium.open()
    del medium.data[1000:]
    with pytest.raises(TruncatedError, match="shorter"):
        access.read_at(0, 10)


def test_negative_places_are_a_mistake() -> None:
    """They are no way to read from the end."""
    access = Medium(b"small").open()
    for offset, size in ((-1, 1), (0, -1)):
        with pytest.raises(ValueError, match="below zero"):
            access.read_at(offset, size)

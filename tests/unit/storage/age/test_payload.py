from __future__ import annotations

import pytest

from sealgate.storage.age.errors import PayloadError, TruncatedError
from sealgate.storage.age.payload import (
    CHUNK_BYTES,
    SEALED_CHUNK_BYTES,
    ChunkOpener,
    ChunkSealer,
    chunk_count,
    plain_size,
    sealed_size,
)

KEY, NONCE = b"k" * 16, b"n" * 16
FULL = b"x" * CHUNK_BYTES


@pytest.mark.parametrize(
    ("plain", "chunks"),
    [(0, 1), (1, 1), (CHUNK_BYTES, 1), (CHUNK_BYTES + 1, 2), (2 * CHUNK_BYTES, 2)],
)
def test_sizes_are_exact(plain: int, chunks: int) -> None:
    """A nonce of 16 bytes, and 16 for each chunk; nothing takes one chunk too."""
    assert chunk_count(plain) == chunks
    assert sealed_size(plain) == 16 + plain + 16 * chunks
    assert plain_size(sealed_size(plain)) == plain


@pytest.mark.parametrize(
    "size",
    [-1, 0, 16, 31, 16 + SEALED_CHUNK_BYTES + 1, 16 + SEALED_CHUNK_BYTES + 16],
)
def test_sizes_that_no_file_has_are_refused(size: int) -> None:
    """Too short, a tag cut off, and an empty last chunk behind others."""
    with pytest.raises(TruncatedError):
        plain_size(size)


def test_nothing_is_sealed_behind_the_final_chunk() -> None:
    """A sealer that has ended stays ended: no nonce comes twice."""
    sealer = ChunkSealer(KEY, NONCE)
    sealer.seal(b"end", final=True)
    assert sealer.index == 1
    with pytest.raises(ValueError, match="behind the final"):
        sealer.seal(b"", final=True)
    with pytest.raises(ValueError, match="behind the final"):
        sealer.seal_many(FULL, bytearray(SEALED_CHUNK_BYTES))


@pytest.mark.parametrize(
    ("data", "final"), [(b"short", False), (FULL + b"x", False), (FULL + b"x", True)]
)
def test_chunks_of_the_wrong_size_are_refused(data: bytes, final: bool) -> None:  # noqa: FBT001
    """Only the final chunk may be short."""
    with pytest.raises(ValueError, match="wrong size"):
        ChunkSealer(KEY, NONCE).seal(data, final=final)


def test_an_empty_chunk_ends_only_an_empty_file() -> None:
    """Whoever holds back the last chunk never needs one."""
    assert len(ChunkSealer(KEY, NONCE).seal(b"", final=True)) == 16
    sealer = ChunkSealer(KEY, NONCE)
    sealer.seal(FULL, final=False)
    with pytest.raises(ValueError, match="wrong size"):
        sealer.seal(b"", final=True)


@pytest.mark.parametrize(
    ("data", "room"), [(FULL + b"x", 2 * SEALED_CHUNK_BYTES), (FULL, SEALED_CHUNK_BYTES - 1)]
)
def test_many_chunks_need_whole_chunks_and_room(data: bytes, room: int) -> None:
    """Nothing is sealed when one does not fit."""
    sealer = ChunkSealer(KEY, NONCE)
    with pytest.raises(ValueError, match="wrong size"):
        sealer.seal_many(data, bytearray(room))
    assert sealer.index == 0


def test_a_sealer_goes_on_where_it_is_told() -> None:
    """What was sealed by two sealers, the second behind the first, is one file."""
    first, second = ChunkSealer(KEY, NONCE), ChunkSealer(KEY, NONCE, 1)
    opener = ChunkOpener(KEY, NONCE)
    assert opener.open(0, first.seal(FULL, final=False), final=False) == FULL
    assert opener.open(1, second.seal(b"end", final=True), final=True) == b"end"


def test_a_chunk_opens_only_as_what_it_is() -> None:
    """Its number, its being final, its key and its nonce all count."""
    sealed = ChunkSealer(KEY, NONCE, 3).seal(FULL, final=False)
    assert ChunkOpener(KEY, NONCE).open(3, sealed, final=False) == FULL
    for key, nonce, index, final in (
        (b"K" * 16, NONCE, 3, False),
        (KEY, b"N" * 16, 3, False),
        (KEY, NONCE, 2, False),
        (KEY, NONCE, 3, True),
    ):
        with pytest.raises(PayloadError):
            ChunkOpener(key, nonce).open(index, sealed, final=final)


def test_chunks_of_other_sizes_are_refused_before_they_are_opened() -> None:
    """Too short for a tag, too long for a chunk, short in the middle, empty at the end."""
    opener = ChunkOpener(KEY, NONCE)
    empty = ChunkSealer(KEY, NONCE).seal(b"", final=True)
    for index, sealed, final in (
        (0, b"x" * 15, True),
        (0, b"x" * (SEALED_CHUNK_BYTES + 1), True),
        (0, b"x" * 100, False),
        (1, empty, True),
    ):
        with pytest.raises(PayloadError):
            opener.open(index, sealed, final=final)


def test_many_chunks_stop_at_the_bad_one() -> None:
    """How much is good before it is told."""
    sealer, sealed = ChunkSealer(KEY, NONCE), bytearray(3 * SEALED_CHUNK_BYTES)
    sealer.seal_many(FULL * 3, sealed)
    sealed[-1] ^= 1
    out = memoryview(bytearray(3 * CHUNK_BYTES))
    with pytest.raises(PayloadError, match="chunk 2") as caught:
        ChunkOpener(KEY, NONCE).open_many(0, memoryview(sealed), out)
    assert caught.value.opened == 2 * CHUNK_BYTES
    assert out[: caught.value.opened] == FULL * 2

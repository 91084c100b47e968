from __future__ import annotations

import io

import pytest

from sealgate.storage.age.armor import encode_armor
from sealgate.storage.age.errors import (
    AgeError,
    HeaderError,
    NotAgeError,
    PayloadError,
    TruncatedError,
)
from sealgate.storage.age.header import MAX_HEADER_BYTES, Stanza
from sealgate.storage.age.keys import X25519Identity
from sealgate.storage.age.payload import CHUNK_BYTES, SEALED_CHUNK_BYTES
from sealgate.storage.age.stream import SealWriter, open_stream

ONE = X25519Identity.generate()


class Dripping(io.BytesIO):
    """A pipe: gives and takes a few bytes at a time."""

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill at most 1,000 bytes."""
        return super().readinto(buffer[:1000])

    def write(self, data: memoryview, /) -> int:  # type: ignore[override]
        """Take at most 1,000 bytes."""
        return super().write(data[:1000])


def sealed(plain: bytes) -> bytes:
    """Return *plain* sealed."""
    out = Dripping()
    with SealWriter(out, [ONE.recipient()], block_chunks=2) as writer:
        assert writer.write(plain) == len(plain)
    assert writer.plain_bytes == len(plain)
    return out.getvalue()


def released(data: bytes) -> tuple[bytes, AgeError | None]:
    """Return what comes out of *data*, and what went wrong."""
    out = b""
    try:
        for block in open_stream(Dripping(data), [ONE], block_chunks=2).blocks():
            out += block
    except AgeError as error:
        return out, error
    return out, None


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES, 5 * CHUNK_BYTES + 7])
def test_a_pipe_that_drips_is_enough(size: int) -> None:
    """Short reads and short writes change nothing, in armour neither."""
    plain = bytes(range(251)) * (size // 251 + 1)
    data = sealed(plain[:size])
    assert released(data) == (plain[:size], None)
    assert released(encode_armor(data)) == (plain[:size], None)


def test_what_was_broken_off_is_no_file() -> None:
    """An error while sealing leaves a file without its end, which everybody refuses."""
    out = io.BytesIO()
    writer = SealWriter(out, [ONE.recipient()])
    writer.write(b"x" * 3 * CHUNK_BYTES)
    writer.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
    plain, error = released(out.getvalue())
    assert isinstance(error, TruncatedError)
    assert plain == b"x" * 2 * CHUNK_BYTES


def test_only_what_was_verified_comes_out() -> None:
    """Everything before the bad chunk, and nothing of it."""
    data = bytearray(sealed(b"x" * 5 * CHUNK_BYTES))
    data[-SEALED_CHUNK_BYTES - 1] ^= 1
    plain, error = released(bytes(data))
    assert type(error) is PayloadError
    assert plain == b"x" * 3 * CHUNK_BYTES


def test_what_stands_behind_the_end_is_told() -> None:
    """Two sealed files behind each other are no file."""
    data = sealed(b"x" * CHUNK_BYTES)
    plain, error = released(data + b"more")
    assert "behind the end" in str(error)
    assert plain == b"x" * CHUNK_BYTES


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"hello" * 100_000, bytes(1 << 20)])
def test_foreign_files_are_told(data: bytes) -> None:
    """The empty one too, and none is read to its end."""
    source = io.BytesIO(data)
    with pytest.raises(HeaderError):
        open_stream(source, [ONE])
    assert source.tell() <= 1 << 15


def test_a_header_without_end_is_not_held_in_memory() -> None:
    """The limit holds for what is read, not only for what is parsed."""
    source = io.BytesIO(b"age-encryption.org/v1\n" + b"-> a\n\n" * (1 << 20))
    with pytest.raises(HeaderError, match="longer than"):
        open_stream(source, [ONE])
    assert source.tell() < MAX_HEADER_BYTES + (1 << 16)


@pytest.mark.parametrize("size", range(16384 - 60, 16384 + 60))
def test_a_header_is_found_wherever_it_ends(size: int) -> None:
    """Also where its last line lies in two of the pieces that are read."""
    out = io.BytesIO()
    ride = Stanza("example.org/x", ("x" * (size - 220),), b"")
    with SealWriter(out, [ONE.recipient()], extra=[ride]) as writer:
        writer.write(b"plain")
    assert released(out.getvalue()) == (b"plain", None)


def test_another_version_is_told() -> None:
    """Not as a foreign file, but as one of this family."""
    with pytest.raises(NotAgeError, match="v1 is required"):
        open_stream(io.BytesIO(b"age-encryption.org/v2\n"), [ONE])

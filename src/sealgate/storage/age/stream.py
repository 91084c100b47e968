"""Sealing and opening from one end to the other: bytes in, bytes out, memory flat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from sealgate.storage.age.armor import ArmorReader, is_armored
from sealgate.storage.age.envelope import begin, unlock
from sealgate.storage.age.errors import HeaderError, PayloadError, TruncatedError
from sealgate.storage.age.header import (
    MAGIC,
    Header,
    Stanza,
    find_end,
    parse_header,
)
from sealgate.storage.age.payload import (
    CHUNK_BYTES,
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    ChunkOpener,
    ChunkSealer,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealgate.storage.age.wrapping import Identity, Recipient
    from sealgate.storage.model import Buffer, ByteSink, ByteSource

# How many chunks go through at once: enough to be quick, few enough to stay in the cache.
BLOCK_CHUNKS = 16
_PIECE_BYTES = 16384


class SealWriter:
    """
    Seals what is written to it for *recipients*, into *out*.

    As a context manager it writes the final chunk only when its block ends well: what was
    broken off can never be taken for a whole file. *out* is not closed.
    """

    __slots__ = ("_block", "_held", "_out", "_sealer", "plain_bytes")

    def __init__(
        self,
        out: ByteSink,
        recipients: Sequence[Recipient],
        *,
        extra: Sequence[Stanza] = (),
        block_chunks: int = BLOCK_CHUNKS,
    ) -> None:
        """
        Write the header at once.

        Raises:
            MixError: the recipients must not share a file.
        """
        begun = begin(recipients, extra=extra)
        self._out = out
        self._sealer = ChunkSealer(begun.file_key, begun.nonce)
        self._block = memoryview(bytearray(block_chunks * SEALED_CHUNK_BYTES))
        # The last chunk is held back, as it may be the final one.
        self._held = bytearray()
        self.plain_bytes = 0
        write_all(out, begun.header + begun.nonce)

    def write(self, data: Buffer) -> int:
        """Take *data*, the next bytes, and return how many that were: all."""
        view = memoryview(data)
        size = len(view)
        self.plain_bytes += size
        if self._held:
            taken = min(CHUNK_BYTES - len(self._held), size)
            self._held += view[:taken]
            view = view[taken:]
            if not view:
                return size
            write_all(self._out, self._sealer.seal(self._held, final=False))
            self._held.clear()
        at, whole = 0, max(0, len(view) - 1) // CHUNK_BYTES * CHUNK_BYTES
        step = len(self._block) // SEALED_CHUNK_BYTES * CHUNK_BYTES
        while at < whole:
            end = min(at + step, whole)
            write_all(self._out, self._sealer.seal_many(view[at:end], self._block))
            at = end
        self._held += view[whole:]
        return size

    def close(self) -> None:
        """Write the final chunk: now the file is whole."""
        write_all(self._out, self._sealer.seal(self._held, final=True))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the file if the block ended well."""
        if kind is None:
            self.close()


class PlainStream:
    """An unlocked file that is read from its beginning to its end, once."""

    __slots__ = ("_block_chunks", "_opener", "_rest", "_source", "header")

    def __init__(
        self,
        source: ByteSource,
        header: Header,
        file_key: bytes,
        rest: bytes,
        *,
        block_chunks: int = BLOCK_CHUNKS,
    ) -> None:
        """
        Read the nonce; *rest* was read behind the header already.

        Raises:
            HeaderError: the file ends before the payload begins.
        """
        self.header = header
        self._source = source
        self._block_chunks = block_chunks
        held = bytearray(max(NONCE_BYTES, len(rest)))
        held[: len(rest)] = rest
        if fill(source, memoryview(held), len(rest)) < NONCE_BYTES:
            raise HeaderError("the sealed file is cut off behind its header")
        self._opener = ChunkOpener(file_key, bytes(held[:NONCE_BYTES]))
        self._rest = held[NONCE_BYTES:]

    def blocks(self) -> Iterator[memoryview]:
        """
        Yield the plain bytes, each verified; a block holds until the next is asked for.

        Raises:
            TruncatedError: the file ends before its final chunk; all before it was yielded.
            PayloadError: a chunk is not what was sealed; all before it was yielded.
        """
        whole = self._block_chunks * SEALED_CHUNK_BYTES
        # One byte more than is opened tells whether the last chunk is the final one.
        sealed = memoryview(bytearray(max(whole, len(self._rest)) + 1))
        plain = memoryview(bytearray(self._block_chunks * CHUNK_BYTES))
        held = len(self._rest)
        sealed[:held] = self._rest
        index = 0
        while (filled := fill(self._source, sealed[: whole + 1], held)) > whole:
            yield from self._open_many(index, sealed[:whole], plain)
            index += self._block_chunks
            sealed[: filled - whole] = sealed[whole:filled]
            held = filled - whole
        last = max(0, filled - 1) // SEALED_CHUNK_BYTES
        if last:
            yield from self._open_many(index, sealed[: last * SEALED_CHUNK_BYTES], plain)
        yield from self._open_last(index + last, sealed[last * SEALED_CHUNK_BYTES : filled], plain)

    def _open_many(self, index: int, sealed: memoryview, plain: memoryview) -> Iterator[memoryview]:
        try:
            size = self._opener.open_many(index, sealed, plain)
        except PayloadError as error:
            yield plain[: error.opened]
            bad = error.opened // CHUNK_BYTES
            yield from self._open_early_end(
                index + bad, sealed[bad * SEALED_CHUNK_BYTES :][:SEALED_CHUNK_BYTES], plain
            )
            raise
        yield plain[:size]

    def _open_early_end(
        self, index: int, sealed: memoryview, plain: memoryview
    ) -> Iterator[memoryview]:
        # A chunk that was sealed as the final one is good; what stands behind it is not.
        try:
            size = self._opener.open_into(index, sealed, plain, final=True)
        except PayloadError:
            return
        yield plain[:size]
        raise PayloadError("something stands behind the end of the sealed file")

    def _open_last(self, index: int, sealed: memoryview, plain: memoryview) -> Iterator[memoryview]:
        try:
            size = self._opener.open_into(index, sealed, plain, final=True)
        except PayloadError:
            # Cut off exactly between two chunks? Then this one is good, but not the final one.
            if len(sealed) == SEALED_CHUNK_BYTES:
                with_more = self._opener.open_many(index, sealed, plain)
                yield plain[:with_more]
                raise TruncatedError("the sealed file is cut off: its end is missing") from None
            raise
        yield plain[:size]


def open_stream(
    source: ByteSource, identities: Sequence[Identity], *, block_chunks: int = BLOCK_CHUNKS
) -> PlainStream:
    """
    Return the file in *source*, in ASCII armour or not, unlocked by one of *identities*.

    Raises:
        NotAgeError: it is no sealed file.
        NoMatchError: none of the identities is a recipient.
        DamagedError: its header or its armour breaks the format.
    """
    sealed, header, rest = read_header(source)
    file_key = unlock(header, identities)
    return PlainStream(sealed, header, file_key, rest, block_chunks=block_chunks)


def read_header(source: ByteSource) -> tuple[ByteSource, Header, bytes]:
    """
    Return where to read on, the header, and what was read behind it.

    Where to read on is *source* itself, or the reader that takes its ASCII armour off.

    Raises:
        NotAgeError: it is no sealed file.
        DamagedError: its header or its armour breaks the format.
    """
    piece = memoryview(bytearray(_PIECE_BYTES))
    data = bytearray()
    searched = 0
    armored = False
    while True:
        size = fill(source, piece, 0)
        data += piece[:size]
        if not armored and searched == 0 and is_armored(data):
            source = ArmorReader(source, bytes(data))
            armored = True
            data.clear()
            continue
        if not size and not data:
            raise HeaderError("the sealed file is empty")
        if end := find_end(data, searched):
            header, _ = parse_header(data)
            return source, header, bytes(data[end:])
        if size < len(piece):
            raise HeaderError("the sealed file is cut off in its header")
        searched = len(data)


def is_sealed(data: bytes) -> bool:
    """Return whether *data* begins as a sealed file does, in ASCII armour or not."""
    return data.startswith(MAGIC) or is_armored(data)


def fill(source: ByteSource, view: memoryview, held: int) -> int:
    """Read into *view* behind the *held* bytes until it is full; return how much is in it."""
    while held < len(view):
        size = source.readinto(view[held:])
        if not size:
            break
        held += size
    return held


def write_all(out: ByteSink, data: Buffer) -> None:
    """Write all of *data*, however little *out* takes at once."""
    view = memoryview(data)
    while view:
        # A sink that tells nothing took all.
        written = out.write(view)
        view = view[len(view) if written is None else written :]

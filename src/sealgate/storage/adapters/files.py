"""
Sealing and opening files, pipes and standard streams outside of any store.

Regular files go through several threads, each with its own blocks: the cipher and the
system calls let go of the interpreter's lock. Everything else goes through as a stream.
"""

from __future__ import annotations

import codecs
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.errors import UsageError
from sealgate.storage.age.armor import ArmorWriter, is_armored
from sealgate.storage.age.errors import PayloadError
from sealgate.storage.age.file import SealWriter, begin, open_stream, read_header, unlock
from sealgate.storage.age.payload import (
    CHUNK_BYTES,
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    ChunkOpener,
    ChunkSealer,
    chunk_count,
    payload_key,
    plain_size,
    seal_chunks,
)
from sealgate.storage.age.stream import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.storage.adapters.file_ends import Input, Output
    from sealgate.storage.age.keys import Identity, Recipient

    # Told how many plain bytes went through since the last call; from any thread.
    Tick = Callable[[int], None]
    # Does one block: from a first chunk so many; returns what to write, and the plain bytes.
    Work = Callable[[int, int], tuple[memoryview, int]]

_BLOCK_CHUNKS = 16
# More threads than this wait for memory, not for the cipher.
_MAX_THREADS = 4
# Below it, starting a thread takes longer than the work.
_LEAST_PARALLEL_BYTES = 8 << 20


def seal(
    source: Input,
    out: Output,
    recipients: Sequence[Recipient],
    *,
    armor: bool = False,
    tick: Tick | None = None,
) -> int:
    """
    Seal all of *source* into *out* and return its plain size.

    Of a regular file those bytes are sealed that it has now, also while it grows.

    Raises:
        MixError: the recipients must not share a file.
        SourceError: *source* cannot be read, or *out* not be written.
    """
    is_large = source.status.st_size >= _LEAST_PARALLEL_BYTES
    if source.is_regular and not armor and (is_large or not out.is_stream):
        return _seal_file(source, out, recipients, tick)
    armored = ArmorWriter(out) if armor else None
    with SealWriter(armored or out, recipients) as writer:
        buffer = memoryview(bytearray(_BLOCK_CHUNKS * CHUNK_BYTES))
        while size := source.readinto(buffer):
            writer.write(buffer[:size])
            if tick:
                tick(size)
    if armored:
        armored.close()
    return writer.plain_bytes


def unseal(
    source: Input,
    out: Output,
    identities: Sequence[Identity],
    *,
    text_only: bool = False,
    tick: Tick | None = None,
) -> int:
    """
    Open all of *source* into *out* and return the plain size.

    A stream gets only what was verified; when its end is missing, that is known at the end.

    Raises:
        AgeError: it is no sealed file, is damaged, or is sealed for somebody else.
        SourceError: *source* cannot be read, or *out* not be written.
        UsageError: it begins with other bytes than text, and *text_only* was asked for.
    """
    if source.is_regular and not out.is_stream and not is_armored(_beginning(source)):
        return _open_file(source, out, identities, tick)
    total = 0
    try:
        for block in open_stream(source, identities).blocks():
            if text_only and not total and not _is_text(block):
                raise UsageError(
                    "what is in it is no text, so it is not for the terminal",
                    hint="-o OUT writes it to a file, -o - to the terminal all the same",
                )
            write_all(out, block)
            total += len(block)
            if tick:
                tick(len(block))
    except PayloadError as error:
        if total and out.is_stream:
            error.message += "; what was written is only a beginning"
        raise
    return total


def _is_text(block: memoryview) -> bool:
    # A character may be cut in two at the end of what is looked at.
    beginning = codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(block[:1024]))
    return all(
        (letter.isprintable() and letter != "\N{REPLACEMENT CHARACTER}") or letter in "\n\r\t"
        for letter in beginning
    )


def _beginning(source: Input) -> bytes:
    view = memoryview(bytearray(min(source.status.st_size, 2048)))
    source.read_at(view, 0)
    return bytes(view)


def _seal_file(
    source: Input, out: Output, recipients: Sequence[Recipient], tick: Tick | None
) -> int:
    begun = begin(recipients)
    head = begun.header + begun.nonce
    size = source.status.st_size
    last = chunk_count(size) - 1
    cipher = payload_key(begun.file_key, begun.nonce)

    def worker() -> Work:
        plain = memoryview(bytearray(_BLOCK_CHUNKS * CHUNK_BYTES))
        sealed = memoryview(bytearray(_BLOCK_CHUNKS * SEALED_CHUNK_BYTES))

        def work(first: int, count: int) -> tuple[memoryview, int]:
            here = plain[: count * CHUNK_BYTES]
            source.read_at(here, first * CHUNK_BYTES)
            done = seal_chunks(cipher, first, here, sealed)
            return sealed[:done], len(here)

        return work

    write_all(out, head)
    # Each index is sealed once: whole blocks by the crew, the final chunk here.
    at = _Places(len(head), SEALED_CHUNK_BYTES)
    _Crew(last, worker, out, at, tick).run(_threads(size))
    rest = memoryview(bytearray(size - last * CHUNK_BYTES))
    source.read_at(rest, last * CHUNK_BYTES)
    end = ChunkSealer(begun.file_key, begun.nonce, last).seal(rest, final=True)
    _put(out, memoryview(end), at, last)
    if tick:
        tick(len(rest))
    return size


def _open_file(
    source: Input, out: Output, identities: Sequence[Identity], tick: Tick | None
) -> int:
    _, header, _ = read_header(source)
    file_key = unlock(header, identities)
    header_size = len(header.raw)
    sealed_size = source.status.st_size
    size = plain_size(sealed_size - header_size)
    last = chunk_count(size) - 1
    nonce = memoryview(bytearray(NONCE_BYTES))
    source.read_at(nonce, header_size)
    opener = ChunkOpener(file_key, bytes(nonce))
    body_at = header_size + NONCE_BYTES

    # The end first: of a file that is cut off nothing is opened in vain.
    last_at = body_at + last * SEALED_CHUNK_BYTES
    rest = memoryview(bytearray(sealed_size - last_at))
    source.read_at(rest, last_at)
    end = opener.open(last, rest, final=True)

    def worker() -> Work:
        sealed = memoryview(bytearray(_BLOCK_CHUNKS * SEALED_CHUNK_BYTES))
        plain = memoryview(bytearray(_BLOCK_CHUNKS * CHUNK_BYTES))

        def work(first: int, count: int) -> tuple[memoryview, int]:
            here = sealed[: count * SEALED_CHUNK_BYTES]
            source.read_at(here, body_at + first * SEALED_CHUNK_BYTES)
            done = opener.open_many(first, here, plain)
            return plain[:done], done

        return work

    at = _Places(0, CHUNK_BYTES)
    _Crew(last, worker, out, at, tick).run(_threads(size))
    _put(out, memoryview(end), at, last)
    if tick:
        tick(len(end))
    return size


@dataclass(frozen=True, slots=True)
class _Places:
    """Where chunks go in a file: the first at *begin*, each *step* bytes behind the one before."""

    begin: int
    step: int


def _put(out: Output, block: memoryview, at: _Places, first: int) -> None:
    if out.is_stream:
        write_all(out, block)
    else:
        out.write_at(block, at.begin + first * at.step)


class _Crew:
    """
    Threads that do the blocks of one file, each block once.

    In a file each block has its place; into a stream they go in turn.
    """

    def __init__(
        self,
        chunks: int,
        worker: Callable[[], Work],
        out: Output,
        at: _Places,
        tick: Tick | None,
    ) -> None:
        """Have *chunks* done by what *worker* gives, which is called once in each thread."""
        self._out = out
        self._at = at
        self._turn = threading.Condition()
        self._next = 0
        self._chunks = chunks
        self._worker = worker
        self._tick = tick
        self._firsts = iter(range(0, chunks, _BLOCK_CHUNKS))
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []

    def run(self, threads: int) -> None:
        """Do it all; this thread works too. The first error ends all of them and is raised."""
        others = [threading.Thread(target=self._run) for _ in range(1, threads)]
        for thread in others:
            thread.start()
        self._run()
        try:
            for thread in others:
                thread.join()
        except BaseException as error:
            # An interrupt comes while waiting, too: nobody may write when this returns.
            self._fail(error)
            for thread in others:
                thread.join()
            raise
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            work = self._worker()
            while not self._errors:
                with self._lock:
                    first = next(self._firsts, None)
                if first is None:
                    return
                block, done = work(first, min(_BLOCK_CHUNKS, self._chunks - first))
                if not self._write(block, first):
                    return
                if self._tick:
                    self._tick(done)
        except BaseException as error:  # noqa: BLE001  # raised again in the calling thread
            self._fail(error)

    def _write(self, block: memoryview, first: int) -> bool:
        if not self._out.is_stream:
            _put(self._out, block, self._at, first)
            return True
        with self._turn:
            self._turn.wait_for(lambda: self._errors or self._next == first)
            if self._errors:
                return False
            _put(self._out, block, self._at, first)
            self._next += _BLOCK_CHUNKS
            self._turn.notify_all()
        return True

    def _fail(self, error: BaseException) -> None:
        self._errors.append(error)
        with self._turn:
            self._turn.notify_all()


def _threads(size: int) -> int:
    cores = len(os.sched_getaffinity(0))
    return min(cores, _MAX_THREADS) if size >= _LEAST_PARALLEL_BYTES else 1

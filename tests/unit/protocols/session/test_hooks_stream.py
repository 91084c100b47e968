from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path

import pytest

from sealgate.protocols.session.digests import RunningDigest
from sealgate.protocols.session.hooks_stream import Passing, StoredStream
from tests.unit.protocols.session.dropped import Ground, put


def test_what_passes_by_is_read_once_more_from_its_head() -> None:
    """The head is read, then everything from the beginning; a third time is too late."""
    passing = Passing(10_000_000)
    content = bytes(range(256)) * 8000

    def write() -> None:
        for at in range(0, len(content), 50_000):
            passing.feed(memoryview(content)[at : at + 50_000])
        passing.end()

    writer = threading.Thread(target=write)
    writer.start()
    with passing.open() as stream:
        assert stream.read(1000) == content[:1000]
    with passing.open() as stream:
        assert stream.read() == content
    writer.join()
    assert not passing.was_cut
    with pytest.raises(OSError, match="passed by"):
        passing.open()


def test_no_more_passes_than_may() -> None:
    """The reader sees an end at the limit, and it is told that there was more."""
    passing = Passing(10)
    passing.feed(b"0123456")
    seen = [passing.was_cut]
    passing.feed(b"789ab")
    passing.feed(b"c")
    passing.end()
    seen.append(passing.was_cut)
    assert seen == [False, True]
    with passing.open() as stream:
        assert stream.read() == b"0123456789"


def test_neither_side_waits_for_one_that_is_gone() -> None:
    """A writer goes on without a reader, and a reader ends without a writer."""
    passing = Passing(1 << 30)
    passing.reader_gone()
    for _ in range(100):
        passing.feed(b"x" * 300_000)
    passing.end()
    other = Passing(1 << 30)
    read: list[bytes] = []
    with other.open() as stream:
        reader = threading.Thread(target=lambda: read.append(stream.read()))
        reader.start()
        other.feed(b"x" * 300_000)
        other.stop()
        reader.join(5)
        assert not reader.is_alive()


def test_a_stored_file_is_read_as_far_as_it_may(tmp_path: Path) -> None:
    """Only the first part, and only while it may go on."""
    ground = Ground(tmp_path)
    drop = ground.add()
    put(ground.session(), "in/a", b"0123456789" * 1000)
    reader = drop.store.open_read(("a",))
    with io.BufferedReader(StoredStream(reader, 25, lambda: True)) as stream:
        assert stream.read() == b"0123456789012345678901234"
    with io.BufferedReader(StoredStream(reader, 25, lambda: False)) as stream:
        assert stream.read() == b""
    reader.close()
    ground.close()


@pytest.mark.parametrize("most", [50_000, 70_000, 600_000])
@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 9_000_000])
def test_a_digest_is_that_of_all_bytes_in_order(size: int, most: int) -> None:
    """Whatever the pieces, and whether a buffer is used again by its owner."""
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    running, buffer = RunningDigest(), bytearray(most)
    for at in range(0, size, most):
        piece = content[at : at + most]
        buffer[: len(piece)] = piece
        running.update(memoryview(buffer)[: len(piece)] if at % (2 * most) else piece)
    assert running.hexdigest() == hashlib.sha256(content).hexdigest()
    assert running.hexdigest() == hashlib.sha256(content).hexdigest()

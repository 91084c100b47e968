"""Bodies are taken out of their framing, whatever the pieces; broken framing is refused."""

import pytest

from sealgate.inspection.framing_bodies import (
    ChunkReader,
    CloseReader,
    LengthReader,
    chunk,
    last_chunk,
)
from sealgate.inspection.model import BodyRefusedError

WHOLE = b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"


def test_chunks_are_joined_whatever_the_pieces() -> None:
    """Sizes, line ends and trailers may be cut anywhere."""
    for size in range(1, len(WHOLE) + 1):
        reader = ChunkReader()
        body = b""
        for at in range(0, len(WHOLE), size):
            assert not reader.done
            body += reader.feed(WHOLE[at : at + size])
        assert body == b"hello world"
        assert reader.done
        assert reader.trailers == b"X-Sum: 1\r\n\r\n"
        assert reader.rest == b""


@pytest.mark.parametrize(
    "broken",
    [
        b"5\nhello\r\n",
        b"g\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\n",
        b"5\r\nhello\rX",
        b"5\x00\r\n",
        b"5;a\rb\r\n",
        b"f" * 300,
        b"fffffffffffff\r\n",
        b"0\r\nbad trailer\r\n\r\n",
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nSet-Cookie: a=b\r\n\r\n",
        b"0\r\nA: b\nC: d\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 3000,
    ],
)
def test_broken_chunks_are_refused(broken: bytes) -> None:
    """A size, line end or trailer of any other form is refused, in one piece and byte by byte."""
    with pytest.raises(BodyRefusedError):
        ChunkReader().feed(broken)
    reader = ChunkReader()
    with pytest.raises(BodyRefusedError):  # noqa: PT012
        for at in range(len(broken)):
            reader.feed(broken[at : at + 1])


def test_what_comes_behind_a_body_is_told_apart() -> None:
    """Bytes behind the end are the rest, not the body."""
    reader = LengthReader(3)
    assert reader.feed(b"ab") == b"ab"
    assert reader.feed(b"cde") == b"c"
    assert (reader.done, reader.rest) == (True, b"de")
    chunks = ChunkReader()
    assert chunks.feed(b"1\r\na\r\n0\r\n\r\nHTTP") == b"a"
    assert (chunks.done, chunks.rest) == (True, b"HTTP")


def test_early_end_is_refused_but_where_it_is_the_end() -> None:
    """A connection that ends before the body is a fault, unless it is how the body ends."""
    for reader in (LengthReader(3), ChunkReader()):
        reader.feed(b"1\r")
        with pytest.raises(BodyRefusedError):
            reader.end()
    closing = CloseReader()
    assert closing.feed(b"abc") == b"abc"
    closing.end()
    assert closing.done


def test_written_chunks_are_read() -> None:
    """What is framed here is read here; nothing makes no chunk, which would be the last one."""
    reader = ChunkReader()
    data = chunk(b"ab") + chunk(b"") + chunk(b"c" * 300) + last_chunk(b"")
    assert reader.feed(data) == b"ab" + b"c" * 300
    assert reader.done

"""One request of HTTP/2 in clear, and the status of its answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.http2 import AnswerFrames, request_bytes

SETTINGS = bytes.fromhex("000000 04 00 00000000")


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """Return one frame (RFC 9113, 4.1)."""
    return len(content).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + content


def read(*frames: bytes, size: int = 65536) -> AnswerFrames:
    """Return what is read of *frames*."""
    found, data = AnswerFrames(), b"".join(frames)
    for begins in range(0, len(data), size):
        found.feed(data[begins : begins + size], 1000)
    return found


def test_the_request() -> None:
    """It begins with the preface; a long path is said in its own length."""
    asked = request_bytes("shop.example", "/login")
    assert asked.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert b"\x04\x06/login\x01\x0cshop.example" in asked
    assert b"\x04\x7f\x80\x01" + b"/" in request_bytes("a", "/" * 255)


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (b"\x88", 200),
        (b"\x8d", 404),
        (b"\x20\x8c", 400),
        (b"\x48\x03403", 403),
        (b"\x08\x03301", 301),
        (b"\x48\x82\x64\x02", 302),  # RFC 7541, C.6.1
        (b"\x48\x83\x64\x0e\xff", 307),  # RFC 7541, C.6.2
        (b"\x48\x84\xff\xff\xff\xff", 0),
        (b"\x83", 0),
        (b"", 0),
    ],
)
@pytest.mark.parametrize("size", [1, 65536])
def test_the_status(block: bytes, status: int, size: int) -> None:
    """The status is read in each way that it can be written."""
    assert read(SETTINGS, frame(1, 5, 1, block), size=size).status == status


def test_the_body() -> None:
    """Padding and priority are left out, interim answers passed over, the rest is body."""
    found = read(
        SETTINGS,
        frame(1, 4, 1, b"\x48\x03103"),
        frame(1, 0x2C, 1, b"\x02" + bytes(5) + b"\x88" + b"\0\0"),
        frame(0, 0x8, 1, b"\x01ab\0"),
        frame(0, 1, 1, b"c"),
    )
    assert (found.status, found.body, found.finished) == (200, b"abc", True)


def test_what_is_said_back() -> None:
    """Settings and pings are acknowledged, as servers wait for that."""
    found = AnswerFrames()
    assert found.feed(SETTINGS, 10) == frame(4, 1, 0, b"")
    assert found.feed(frame(6, 0, 0, b"12345678"), 10) == frame(6, 1, 0, b"12345678")


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\0\2\2\x28..", b""]
)
def test_who_speaks_something_else(data: bytes) -> None:
    """Only who begins with settings speaks HTTP/2."""
    assert not read(data).speaks


@given(st.binary(max_size=60))
def test_any_bytes_are_read(data: bytes) -> None:
    """No bytes make the reader raise."""
    read(SETTINGS + data)

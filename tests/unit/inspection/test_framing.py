"""Heads of HTTP/1.1 messages are read in one way, or refused."""

import pytest

from sealgate.inspection.framing import (
    Framed,
    chunked_answer,
    decoded_answer,
    forwarded,
    path_shape,
    plain_answer,
    read_answer,
    read_request,
    readable,
)
from sealgate.inspection.model import BodyRefusal, BodyRefusedError


def _request(*fields: bytes, line: bytes = b"POST /a HTTP/1.1") -> bytes:
    return b"".join(part + b"\r\n" for part in (line, *fields)) + b"\r\n"


def _answer(*fields: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return _request(*fields, line=line)


@pytest.mark.parametrize(
    "fields",
    [
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: +5",),
        (b"Content-Length: -1",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: ",),
        (b"Content-Length: 99999999999999999999",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding:\x0bchunked",),
        (b"Content-Length : 5",),
        (b"A: b", b" Content-Length: 5"),
        (b"A: b\n folded",),
        (b"A: b\nContent-Length: 5",),
        (b"A: b\rContent-Length: 5",),
        (b"A: \x00",),
        (b": empty",),
        (b"no colon",),
        (b"b\xc3\xa4d: name",),
    ],
)
def test_head_that_could_be_read_in_two_ways_is_refused(fields: tuple[bytes, ...]) -> None:
    """What request smuggling is made of is refused in requests and in answers."""
    with pytest.raises(BodyRefusedError) as of_request:
        read_request(_request(*fields))
    with pytest.raises(BodyRefusedError) as of_answer:
        read_answer(_answer(*fields), b"GET")
    assert of_request.value.refusal is of_answer.value.refusal is BodyRefusal.FRAMING


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a HTTP/1.0",
        b"GET /a",
        b"GET  /a HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b" GET /a HTTP/1.1",
        b"GET /a HTTP/1.1 ",
        b"GET /\x01 HTTP/1.1",
        b"CONNECT a:443 HTTP/1.1",
        b"",
    ],
)
def test_request_line_is_strict(line: bytes) -> None:
    """A request line of any other form than RFC 9112's is refused."""
    with pytest.raises(BodyRefusedError):
        read_request(_request(line=line))


@pytest.mark.parametrize(
    "line", [b"HTTP/2 200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000", b"HTTP/1.1  200", b"ICY 200 OK"]
)
def test_status_line_is_strict(line: bytes) -> None:
    """A status line of any other form than RFC 9112's is refused."""
    with pytest.raises(BodyRefusedError):
        read_answer(_answer(line=line), b"GET")


@pytest.mark.parametrize(
    ("method", "line", "fields", "framed"),
    [
        (b"GET", b"HTTP/1.1 200 OK", (b"content-length: 5",), Framed.LENGTH),
        (b"GET", b"HTTP/1.1 200 OK", (b"transfer-encoding: Chunked",), Framed.CHUNKED),
        (b"GET", b"HTTP/1.1 200", (), Framed.CLOSE),
        (b"GET", b"HTTP/1.0 200 OK", (), Framed.CLOSE),
        (b"HEAD", b"HTTP/1.1 200 OK", (b"content-length: 5",), Framed.NONE),
        (b"HEAD", b"HTTP/1.1 200 OK", (b"transfer-encoding: chunked",), Framed.NONE),
        (b"GET", b"HTTP/1.1 204 No Content", (), Framed.NONE),
        (b"GET", b"HTTP/1.1 304 Not Modified", (b"content-length: 5",), Framed.NONE),
        (b"GET", b"HTTP/1.1 103 Early Hints", (), Framed.NONE),
        (b"GET", b"HTTP/1.1 200 OK", (b"content-length: 0",), Framed.NONE),
    ],
)
def test_end_of_an_answer_is_known(
    method: bytes, line: bytes, fields: tuple[bytes, ...], framed: Framed
) -> None:
    """RFC 9112, 6.3: method, status and fields say how a body ends."""
    assert read_answer(_answer(*fields, line=line), method).framed is framed


def test_old_answer_may_not_be_chunked() -> None:
    """HTTP/1.0 has no chunks, so a peer that sends them is read differently by others."""
    with pytest.raises(BodyRefusedError):
        read_answer(_answer(b"transfer-encoding: chunked", line=b"HTTP/1.0 200 OK"), b"GET")


@pytest.mark.parametrize(
    ("line", "fields", "keeps"),
    [
        (b"HTTP/1.1 200 OK", (b"content-length: 1",), True),
        (b"HTTP/1.1 200 OK", (b"content-length: 1", b"Connection: Close"), False),
        (b"HTTP/1.0 200 OK", (b"content-length: 1",), False),
        (b"HTTP/1.0 200 OK", (b"content-length: 1", b"connection: Keep-Alive"), True),
        (b"HTTP/1.1 200 OK", (), False),
    ],
)
def test_connection_is_kept_when_both_may(
    line: bytes, fields: tuple[bytes, ...], *, keeps: bool
) -> None:
    """RFC 9112, 9.3: the version and "connection" say whether another answer follows."""
    assert read_answer(_answer(*fields, line=line), b"GET").keeps_alive is keeps


def test_request_is_passed_on_without_what_was_meant_for_the_relay() -> None:
    """Fields of one connection, ranges and expectations end here; everything else stays."""
    raw = _request(
        b"Host: a", b"Connection: close", b"Range: bytes=0-1", b"If-Range: x",
        b"Expect: 100-continue", b"Upgrade: h2c", b"X-Range: stays", b"Cookie: a=b",
    )  # fmt: skip
    assert forwarded(read_request(raw)) == _request(b"Host: a", b"X-Range: stays", b"Cookie: a=b")


def test_answers_get_the_framing_of_what_follows() -> None:
    """A body that ended with its connection is chunked; one that was decoded has its new length."""
    old = read_answer(_answer(b"Server: s", b"Connection: close", line=b"HTTP/1.0 200 OK"), b"GET")
    assert chunked_answer(old) == _answer(b"Server: s", b"transfer-encoding: chunked")
    packed = read_answer(
        _answer(
            b"Content-Length: 9", b"ETag: x", b"Content-Encoding: gzip", b"Content-Digest: y",
            b"Vary: a",
        ),
        b"GET",
    )  # fmt: skip
    assert decoded_answer(packed, 77) == _answer(b"Vary: a", b"content-length: 77")
    assert plain_answer(packed) == packed.raw
    kept = read_answer(_answer(b"Connection: keep-alive", b"Content-Length: 1"), b"GET")
    assert plain_answer(kept) == kept.raw
    ended = read_answer(_answer(b"Connection: close", b"Content-Length: 1"), b"GET")
    assert plain_answer(ended) == _answer(b"Content-Length: 1")


@pytest.mark.parametrize(
    ("target", "shape"),
    [
        (b"/", "/"),
        (b"/shop/cart?card=4111111111111111", "/shop/cart"),
        (b"/user/4711/anna.schmidt@shop.example", "/user/*/*"),
        (b"/style.css", "/style.css"),
        (b"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/*"),
        (b"/%61/A", "/*/*"),
    ],
)
def test_shape_of_a_path_names_nobody(target: bytes, shape: str) -> None:
    """Only short words of lower-case letters stay of a path."""
    assert path_shape(target) == shape


@pytest.mark.parametrize(
    ("accepted", "asked"),
    [
        (b"gzip, deflate, br, zstd", b"gzip, br, zstd"),
        (b"gzip;q=0.5, *;q=0.1", b"gzip;q=0.5"),
        (b"sdch", b"identity"),
        (b"GZIP", b"GZIP"),
    ],
)
def test_site_is_asked_only_for_what_can_be_read(accepted: bytes, asked: bytes) -> None:
    """Encodings that cannot be read here are not offered to the site; without any, nothing is."""
    head = read_request(_request(b"Accept-Encoding: " + accepted, b"Host: a"))
    assert readable(head) == _request(b"Host: a", b"accept-encoding: " + asked)
    twice = read_request(_request(b"Accept-Encoding: gzip", b"accept-encoding: sdch"))
    assert readable(twice) == _request(b"accept-encoding: gzip")
    assert readable(read_request(_request(b"Host: a"))) == _request(b"Host: a")

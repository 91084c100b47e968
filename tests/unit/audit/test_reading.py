"""Answers are read as browsers read them, however they are framed and cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.model import Response
from sealgate.audit.reading import MAX_HEAD_BYTES, AnswerReader, NotHTTPError, Spoken

LIMIT = 100
OK = b"HTTP/1.1 200 OK\r\n"


def read(data: bytes, size: int = 65536, *, method: str = "GET", broken: bool = False) -> Response:
    """Return what is read of *data*, which comes in pieces of *size*."""
    reader = AnswerReader(method, LIMIT)
    for begins in range(0, len(data), size):
        if reader.feed(data[begins : begins + size]):
            break
    return reader.end(broken=broken)


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabcd", 200, b"abc"),
        (b"HTTP/1.1 403 No\n\nabc", 403, b"abc"),
        (b"\r\n\r\nHTTP/1.1 404\r\n\r\nabc", 404, b"abc"),
        (b"xyHTTP/1.0 404 No\r\n\r\nabc", 404, b"abc"),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\n" + OK + b"\r\nab",
            200,
            b"ab",
        ),
        (b"HTTP/1.1 101 Switching\r\n\r\nab", 101, b"ab"),
        (b"HTTP/1.1 abc\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 0404 x\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 4040 x\r\n\r\nab", 200, b"ab"),
        (b"HTTP/1.1 403", 403, b""),
        (OK + b"Content-Length: 3", 200, b""),
        (OK + b"Content-Length: 3\r\nContent-Length: 2\r\n\r\nabcd", 200, b"abcd"),
        (OK + b"Content-Length: 2, 2\r\n\r\nabcd", 200, b"ab"),
        (OK + b"Content-Length: -1\r\n\r\nabcd", 200, b"abcd"),
        (OK + b"Transfer-Encoding: Chunked\r\n\r\n2;x=y\r\nab\r\n3 \ncde\n0\n\n", 200, b"abcde"),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 200, b"ab"),
        (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab", 200, b"2\r\nab"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n", 200, b"ab"),
        (b"<form>", 200, b"<form>"),
        (b"<form method=post>", 200, b"<form method=post>"),
        (b"ICY 200 OK\r\n\r\nab", 200, b"ICY 200 OK\r\n\r\nab"),
        (b"HTTP/1.1 204 No\r\n\r\nab", 204, b""),
        (b"HTTP/1.1 403 No\r\nX: " + b"x" * 70_000 + b"\r\n\r\nab", 403, b"ab"),
    ],
)
def test_what_is_read(data: bytes, size: int, status: int, body: bytes) -> None:
    """What comes is read the same in pieces of any size."""
    if len(data) > 10_000:
        size = max(size, 1000)
    answer = read(data, size)
    assert (answer.status, answer.body) == (status, body)


def test_fields() -> None:
    """A folded line goes on with the one before; a name has neither case nor white space."""
    answer = read(b"HTTP/1.1 302 x\nLocation:\n https://a/\nX :\tb \r\n c\r\nnone\r\n:x\r\n\r\n")
    assert answer.headers == (("location", " https://a/"), ("x", "b c"))


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (OK + b"\r\nab", True),
        (OK + b"Content-Length: 2\r\n\r\nab", True),
        (OK + b"Content-Length: 3\r\n\r\nab", False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", False),
        (OK + b"\r\n" + b"x" * (LIMIT + 1), False),
        (b"<p>", True),
    ],
)
def test_whether_it_is_whole(data: bytes, *, whole: bool) -> None:
    """A body that is shorter than was said, or longer than the limit, is not whole."""
    assert read(data).whole is whole
    assert read(OK + b"\r\nab", broken=True).whole is False


def test_nothing_more_is_needed_at_the_end() -> None:
    """Who keeps the connection open is not waited for."""
    for data in (
        OK + b"Content-Length: 2\r\n\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        OK + b"\r\n" + b"x" * (LIMIT + 1),
    ):
        assert AnswerReader("GET", LIMIT).feed(data)
    assert AnswerReader("HEAD", LIMIT).feed(OK + b"Content-Length: 2\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "spoken"),
    [
        (b"", Spoken.NOTHING),
        (b"\r\n\r\n", Spoken.NOTHING),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Spoken.INTERIM),
        (b"\x15\x03\x01\x00\x02\x02\x28", Spoken.TLS),
        (b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64", Spoken.HTTP_2),
        (b"SSH-2.0-OpenSSH_10.0\r\n", Spoken.ANOTHER),
        (b"220 mail.example ESMTP\r\n", Spoken.ANOTHER),
        (OK + b"X: " + b"x" * MAX_HEAD_BYTES, Spoken.ENDLESS),
    ],
)
def test_what_is_no_http(data: bytes, spoken: Spoken) -> None:
    """Nothing, and what begins as other protocols do, is told apart."""
    with pytest.raises(NotHTTPError) as caught:
        read(data)
    assert caught.value.spoken is spoken


def test_an_alert_with_content_behind_is_content() -> None:
    """Only what is an alert from end to end is one."""
    assert read(b"\x15\x03\x01\x00\x02\x02\x28<form>").status == 200


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [
                    OK,
                    b"\r\n",
                    b"HTTP/1.1 100 x\r\n\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"5\r\n",
                ]
            ),
        ),
        max_size=12,
    ).map(b"".join),
    st.integers(1, 40),
)
def test_any_bytes_are_read_or_told(data: bytes, size: int) -> None:
    """No bytes make the reader raise anything else, and pieces change nothing."""
    results = []
    for step in (size, 65536):
        try:
            answer = read(data, step)
            results.append((answer.status, answer.headers, answer.body))
        except NotHTTPError as error:
            results.append((0, (), error.spoken.value.encode()))
    assert results[0] == results[1]

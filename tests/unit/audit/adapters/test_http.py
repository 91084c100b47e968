"""Requests go out as they are spelled, and any answer is read or refused."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.http import ask, ask_http2
from sealgate.audit.model import Limits, Target
from sealgate.audit.spellings import spellings
from sealgate.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

QUICK = Limits(connect_seconds=1, exchange_seconds=1, max_body_bytes=10)


@contextmanager
def answering(
    answer: bytes | Callable[[bytes], bytes],
) -> Iterator[tuple[int, list[bytes]]]:
    """Serve *answer* to every connection, and keep what was asked."""
    asked: list[bytes] = []

    def serve(server: socket.socket) -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                data = b""
                while b"\r\n\r\n" not in data and (chunk := peer.recv(65536)):
                    data += chunk
                asked.append(data)
                peer.sendall(answer(data) if callable(answer) else answer)

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=serve, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def plain(port: int) -> Target:
    """Return a target whose plain port is *port*."""
    return Target("a", "shop.example", "127.0.0.1", 443, port)


@pytest.mark.parametrize("refusal", [b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", b""])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_serves_browsers_only_has_served(refusal: bytes, method: str) -> None:
    """Whoever refuses programs that it does not know, or hangs up on them, is asked as a browser asks."""
    shown = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nin"

    def told(data: bytes) -> bytes:
        return shown if b"User-Agent: Mozilla/5.0" in data else refusal

    with answering(told) as (port, asked):
        answer = ask(plain(port), "/", QUICK, secure=False, method=method)
        assert (answer.status, answer.body) == (200, b"in")
        assert len(asked) == 2
    with answering(shown) as (port, asked):
        assert ask(plain(port), "/", QUICK, secure=False, method=method).status == 200
        [only] = asked
        assert b"User-Agent: sealgate-audit" in only


def test_targets_are_sent_as_they_are_spelled() -> None:
    """No spelling of a locked path is tidied up on its way."""
    every = spellings("/typo3")
    with answering(b"HTTP/1.1 204 None\r\n\r\n") as (port, asked):
        for spelling in every:
            assert ask(plain(port), spelling, QUICK, secure=False).status == 204
    assert [data.split(b"\r\n")[0] for data in asked] == [
        f"GET {spelling} HTTP/1.1".encode() for spelling in every
    ]
    assert f"Host: shop.example:{port}".encode() in asked[0]


def test_no_request_can_be_smuggled() -> None:
    """A path with a line break in it stays one request line."""
    with answering(b"HTTP/1.1 200 OK\r\n\r\n") as (port, asked):
        ask(plain(port), "/a\r\nX: y b/ü", QUICK, secure=False)
    assert asked[0].startswith(b"GET /a%0D%0AX:%20y%20b/%C3%BC HTTP/1.1\r\nHost:")


def test_a_post_is_empty() -> None:
    """An active probe sends no body and no credential."""
    with answering(b"HTTP/1.1 403 Forbidden\r\n\r\n") as (port, asked):
        ask(plain(port), "/", QUICK, secure=False, method="POST")
    assert b"Content-Length: 0\r\n" in asked[0]
    assert asked[0].endswith(b"\r\n\r\n")
    assert b"cookie" not in asked[0].lower()
    assert b"authorization" not in asked[0].lower()


@pytest.mark.parametrize(
    ("rest", "body", "whole"),
    [
        (b"\r\n" + b"x" * 5000, b"x" * 10, False),
        (b"\r\n" + b"x" * 10, b"x" * 10, True),
        (b"\r\nabc", b"abc", True),
        (b"Content-Length: 3\r\n\r\nabc", b"abc", True),
        (b"Content-Length: 20\r\n\r\n" + b"x" * 20, b"x" * 10, False),
        (b"Content-Length: 9\r\n\r\nabc", b"abc", False),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc", True),
        (b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"", False),
    ],
)
def test_a_body_is_read_up_to_the_limit(rest: bytes, body: bytes, *, whole: bool) -> None:
    """No more than the limit is read, and a body that was cut or broke off says so."""
    with answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\n" + rest) as (port, _):
        answer = ask(plain(port), "/", QUICK, secure=False)
    assert (answer.body, answer.whole) == (body, whole)
    assert answer.values("set-cookie") == ("a=1",)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"SSH-2.0-x\r\n",
    ],
)
def test_what_is_no_http(answer: bytes) -> None:
    """Anything else is told as a peer that does not speak HTTP."""
    with answering(answer) as (port, _), pytest.raises(PeerError):
        ask(plain(port), "/", QUICK, secure=False)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500,
        b"HTTP/1.1 200 OK\r\na: " + b"x" * 100_000,
        b"<form>",
    ],
)
def test_what_browsers_show_is_an_answer(answer: bytes) -> None:
    """A status that is none, a head without end, and no head at all are shown."""
    with answering(answer) as (port, _):
        assert ask(plain(port), "/", QUICK, secure=False).status == 200


def test_http2_is_asked_for_when_nothing_else_is_spoken() -> None:
    """The answer to a request with prior knowledge is read."""
    answer = bytes.fromhex("0000000400000000000000010105000000018d")
    with answering(answer) as (port, asked):
        assert ask_http2(plain(port), "/x", QUICK).status == 404
    assert asked[0].startswith(b"PRI * HTTP/2.0\r\n\r\n")
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, _), pytest.raises(PeerError):
        ask_http2(plain(port), "/x", QUICK)

"""The relay as a process, over real sockets: what goes on, what is held back, what it costs."""

from __future__ import annotations

import gzip
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
import pytest

from sealgate.detect.catalogue import Kind
from sealgate.inspection.model import BodyLimits, BodyRefusal
from tests.peers.inspecting import (
    CARD,
    IBAN,
    KEY,
    chunked_answer,
    get,
    length_answer,
    noise,
    read_all,
    read_answer,
    relay,
    site,
    unchunked,
)
from tests.processes import resident_bytes, rests
from tests.waiting import wait_until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.peers.inspecting import Answer, Relay, Site

MASKED_CARD = b"**** **** **** ****"
PAGE = b"<p>" + CARD + b" and " + IBAN + b"</p>"
MASKED_PAGE = b"<p>" + MASKED_CARD + b" and " + b"*" * 22 + b"</p>"


class Shared:
    """A site and a relay that several cases use in turn."""

    def __init__(self, behind: Site, one: Relay, told: dict[str, Sequence[bytes]]) -> None:
        self.site, self.relay, self.told = behind, one, told


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Yield a relay whose site answers with what ``told[""]`` holds."""
    folder = tmp_path_factory.mktemp("answering")
    told: dict[str, Sequence[bytes]] = {"": [b""]}
    with (
        site(folder, lambda _: told[""], closes=True) as behind,
        relay(folder, behind.path, limits=BodyLimits(candidates=1000)) as one,
    ):
        yield Shared(behind, one, told)


@pytest.fixture(scope="module")
def taking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    """Yield a relay that takes 2,000 bytes at most, and the site behind it."""
    folder = tmp_path_factory.mktemp("taking")
    with (
        site(folder, lambda _: [length_answer(b"fine")]) as behind,
        relay(folder, behind.path, limits=BodyLimits(body_bytes=2000)) as one,
    ):
        yield Shared(behind, one, {})


def _form(body: bytes, *fields: str, kind: str = "application/x-www-form-urlencoded") -> bytes:
    lines = [
        "POST /pay HTTP/1.1",
        "host: a",
        f"content-type: {kind}",
        f"content-length: {len(body)}",
    ]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


_GROUPED = b"iban=DE89%203704%200044%200532%200130%2000"
_SPELT = b"iban=%44%45%38%39%33%37%30%34%30%30%34%34%30%35%33%32%30%31%33%30%30%30"


def _until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = connection.recv(65536)
        assert more, data
        data += more
    return data


def test_values_are_masked_over_one_connection(tmp_path: Path) -> None:
    """HTML, JSON, gzip, Brotli and chunks that part a card: masked, and the connection is kept."""

    def answer(request: bytes) -> Sequence[bytes]:
        match request.split(b" ")[1]:
            case b"/gzip":
                return [length_answer(gzip.compress(PAGE), "Content-Encoding: gzip", "ETag: x")]
            case b"/br":
                return [length_answer(brotli.compress(PAGE), "Content-Encoding: br")]
            case b"/json":
                return [length_answer(b'{"card": 4111111111111111}')]
            case b"/chunks":
                return chunked_answer(b"a 4111 11", b"11 1111 1111 b")
        return [length_answer(PAGE)]

    with site(tmp_path, answer) as behind, relay(tmp_path, behind.path) as one:
        with one.connect() as connection:
            for path in ("/", "/gzip", "/br"):
                connection.sendall(get(path))
                head, body = read_answer(connection)
                assert body == MASKED_PAGE
                assert b"encoding" not in head.lower()
                assert b"etag" not in head.lower()
            connection.sendall(get("/json"))
            assert read_answer(connection)[1] == b'{"card": 9999999999999999}'
            connection.sendall(get("/chunks"))
            out = _until(connection, b"0\r\n\r\n").partition(b"\r\n\r\n")[2]
            assert unchunked(out) == b"a " + MASKED_CARD + b" b"
        assert behind.connections == 1
        seen = one.await_seen()
        assert {(s.place, s.kept_back, s.outgoing) for s, _ in seen} >= {("/", True, True)}
        assert all(kind in Kind for s, _ in seen for kind in s.counts)


def test_clean_answers_are_the_same_to_the_byte(tmp_path: Path) -> None:
    """With a length, in chunks with trailers, packed, empty, to HEAD, 204, 304 and large ones."""
    large = noise(3_000_000)
    packed = gzip.compress(b"nothing in it " * 100_000)

    def answer(request: bytes) -> Sequence[bytes]:  # noqa: PLR0911
        match request.split(b" ")[1]:
            case b"/large":
                return [length_answer(large)]
            case b"/packed":
                return [length_answer(packed, "Content-Encoding: gzip", "ETag: kept")]
            case b"/head":
                return [b"HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"]
            case b"/204":
                return [
                    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
                ]
            case b"/304":
                return [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"]
            case b"/empty":
                return [length_answer(b"")]
        return chunked_answer(b"one ", b"two", trailers=b"X-Sum: 7\r\n")

    with (
        site(tmp_path, answer) as behind,
        relay(tmp_path, behind.path) as one,
        one.connect() as connection,
    ):
        connection.sendall(get("/large"))
        assert read_answer(connection)[1] == large
        connection.sendall(get("/packed"))
        head, body = read_answer(connection)
        assert body == packed
        assert b"ETag: kept" in head
        connection.sendall(get("/head", method="HEAD"))
        assert _until(connection, b"\r\n\r\n").endswith(b"Content-Length: 77\r\n\r\n")
        connection.sendall(get("/204"))
        assert _until(connection, b"204 No Content\r\n\r\n").startswith(b"HTTP/1.1 103")
        connection.sendall(get("/304"))
        assert b"304" in _until(connection, b"9\r\n\r\n")
        connection.sendall(get("/empty"))
        assert read_answer(connection)[1] == b""
        connection.sendall(get("/chunks"))
        out = _until(connection, b"X-Sum: 7\r\n\r\n").partition(b"\r\n\r\n")[2]
        assert unchunked(out) == b"one two"
        assert behind.connections == 1


def test_answer_that_ends_with_its_connection_is_whole(tmp_path: Path) -> None:
    """The tail that was held back comes out when the site closes, in chunks that say it is all."""
    body = b"hello " * 50 + CARD

    def answer(_: bytes) -> Sequence[bytes]:
        return [b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", body[:100], body[100:]]

    with (
        site(tmp_path, answer, closes=True) as behind,
        relay(tmp_path, behind.path) as one,
        one.connect() as connection,
    ):
        for number in (1, 2):  # the next request finds a new connection to the site
            connection.sendall(get())
            head, _, out = _until(connection, b"0\r\n\r\n").partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert unchunked(out) == b"hello " * 50 + MASKED_CARD
            assert behind.connections == number


def test_events_come_while_their_sender_pauses(tmp_path: Path) -> None:
    """A line of an event stream is not held until the next one; a card in one is masked."""
    first, second = threading.Event(), threading.Event()

    def answer(_: bytes) -> Answer:
        head, *pieces = chunked_answer(
            b"data: one\n\n", b"data: " + CARD + b"\n\n", fields=["Content-Type: text/event-stream"]
        )
        return [head, pieces[0], first, pieces[1], second, *pieces[2:]]

    with (
        site(tmp_path, answer) as behind,
        relay(tmp_path, behind.path) as one,
        one.connect() as connection,
    ):
        connection.sendall(get())
        _until(connection, b"data: one\n\n\r\n")
        first.set()
        _until(connection, b"data: " + MASKED_CARD + b"\n\n\r\n")
        second.set()
        _until(connection, b"0\r\n\r\n")


@pytest.mark.parametrize("path", ["/key", "/late", "/gzip-late", "/sdch", "/part", "/upgrade", "/cut",
                                  "/smuggled", "/two", "/utf16", "/mark", "/gzip-mark", "/bomb", "/not-gzip", "/dense"])  # fmt: skip
def test_what_may_not_go_on_does_not(answering: Shared, path: str) -> None:
    """Keys, what cannot be read, broken framing, bombs and floods: refused, or cut in mid-body."""
    long = b"nothing yet. " * 40_000
    bomb = gzip.compress(bytes(60_000_000))
    # Of 13 digits: those of 16 are told apart by their checksum, all at once.
    flood = b"".join(b"4%012d\n" % n for n in range(60_000))
    wide = "card 4111 1111 1111 1111".encode("utf-16")
    late = gzip.compress(noise(1_500_000) + CARD + b" " + IBAN)

    answering.told[""] = {
            "/key": [length_answer(b"x " + KEY)],
            "/late": [length_answer(long + KEY)],
            "/gzip-late": [length_answer(late, "Content-Encoding: gzip")],
            "/sdch": [length_answer(PAGE, "Content-Encoding: sdch")],
            "/part": [length_answer(CARD[:9], "Content-Range: bytes 0-8/19", status="206 Partial")],
            "/upgrade": [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + CARD],
            "/cut": [b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", long[:500]],
            "/smuggled": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            "/two": [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"],
            "/utf16": [length_answer("card 4111 1111 1111 1111".encode("utf-16"), "Content-Type: text/plain; charset=UTF-16")],
            "/mark": [length_answer("card 4111 1111 1111 1111".encode("utf-16"), "Content-Type: text/csv")],
            "/gzip-mark": [length_answer(gzip.compress(wide), "Content-Encoding: gzip")],
            "/bomb": [length_answer(bomb, "Content-Encoding: gzip")],
            "/not-gzip": [length_answer(PAGE, "Content-Encoding: gzip")],
            "/dense": [length_answer(flood)],
        }[path]  # fmt: skip
    answering.relay.seen.clear()
    one = answering.relay
    out = one.ask(get(path))
    assert CARD not in out
    assert b"MIIE" not in out
    head, _, body = out.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 200"):
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        assert len(body) < length, "the client must see that the answer is cut"
        assert path in {"/late", "/gzip-late", "/cut", "/dense"}
    else:
        assert head.startswith(b"HTTP/1.1 502")
        assert b"application/problem+json" in head
    assert any(s.refusal is not None for s, _ in one.await_seen())


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (_form(b"card=4111111111111111&cvv=123"), b"422"),
        (_form(b"card=4111+1111%201111+1111"), b"422"),
        (_form(b'{"iban": "DE89370400440532013000"}', kind="application/json"), b"422"),
        (_form(gzip.compress(b"card 4111 1111 1111 1111"), "content-encoding: gzip", kind="text/plain"), b"422"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n 4111 \r\nf\r\n1111 1111 1111 \r\n0\r\n\r\n", b"422"),
        (get("/pay?card=4111%201111+1111%201111"), b"422"),
        (_form(b"x", "content-encoding: sdch", kind="text/plain"), b"415"),
        (get("/", "connection: upgrade", "upgrade: websocket"), b"415"),
        (_form(b"x" * 3000), b"413"),
        # One reader takes the first of two types, another the last.
        (_form(_GROUPED, "content-type: text/plain"), b"415"),
        (_form(_GROUPED, "content-type: application/x-www-form-urlencoded", kind="text/plain"), b"415"),
        (_form(_GROUPED, kind="text/plain, application/x-www-form-urlencoded"), b"415"),
        (_form(_GROUPED, kind="application/x-www-form-urlencoded; charset=ibm037"), b"415"),
        # Where the type says nothing, the body is read in both ways; so is what is said to be a form.
        (_form(_GROUPED, kind=""), b"422"),
        (_form(_GROUPED, kind="form"), b"422"),
        # Packed, there is one way only to read it.
        (_form(gzip.compress(_SPELT), "content-encoding: gzip", kind=""), b"415"),
        (_form(gzip.compress(_SPELT), "content-encoding: x-gzip", kind="form"), b"415"),
        (_form(brotli.compress(_SPELT), "content-encoding: br", kind=";charset=utf-8"), b"415"),
        (_form(zstd.compress(_SPELT), "content-encoding: zstd", kind="a/b/c"), b"415"),
        (_form(_GROUPED, kind="Application/X-WWW-Form-URLencoded ;charset=utf-8"), b"422"),
        (_form(b'{"hash": "$argon2id$v=19$m=65536,t=3,p=4$c29tZ+Nhb+Q$RdescudvJCsgt3ub+bjdWRWJT+aaWGhz"}'), b"422"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\nHost: a\n\nGET / HTTP/1.1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nab", b"400"),
        (get() + get("/second"), b"400"),
    ],
)  # fmt: skip
def test_request_that_may_not_go_on_never_reaches_the_site(
    taking: Shared, request_bytes: bytes, status: bytes
) -> None:
    """Values above what the route takes, and smuggling: told to the client, unknown to the site."""
    out = taking.relay.ask(request_bytes)
    assert out.startswith(b"HTTP/1.1 " + status), out
    assert b"4111" not in out
    assert taking.site.requests == []


def test_clean_requests_reach_the_site_as_they_were(tmp_path: Path) -> None:
    """Forms, chunks and large uploads arrive to the byte; a client that waits is told to go on."""
    large = noise(2_500_000)
    with (
        site(tmp_path, lambda _: [length_answer(b"fine")]) as behind,
        relay(tmp_path, behind.path) as one,
        one.connect() as connection,
    ):
        for request in (_form(b"name=Anna+S&a=%C3%A4"), _form(large, kind="image/png")):
            connection.sendall(request)
            assert read_answer(connection)[1] == b"fine"
            assert behind.requests[-1] == request
        head, _, body = _form(b"a=b", "expect: 100-continue").partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert _until(connection, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_answer(connection)[1] == b"fine"
        assert b"expect" not in behind.requests[-1]
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        connection.sendall(chunked)
        assert read_answer(connection)[1] == b"fine"
        assert unchunked(behind.requests[-1].partition(b"\r\n\r\n")[2]) == b"abc"


def test_long_upload_is_cut_before_what_it_must_not_hold(tmp_path: Path) -> None:
    """An upload over what is held goes on while it is read; the site never gets the card."""
    body = b"nothing in it. " * 100_000 + CARD + b" " * 200_000
    with site(tmp_path, lambda _: []) as behind, relay(tmp_path, behind.path) as one:
        out = one.ask(_form(body, kind="text/plain"))
        assert out.startswith(b"HTTP/1.1 422")
        assert wait_until(lambda: behind.cut == 1)
        assert behind.requests == []


def test_memory_is_bounded_for_who_does_not_read(tmp_path: Path) -> None:
    """A client that asks for much and reads nothing does not fill the relay."""
    chunk = b"x" * 1_000_000

    def answer(_: bytes) -> Sequence[bytes]:
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 300000000\r\n\r\n", *[chunk] * 300]

    with site(tmp_path, answer) as behind, relay(tmp_path, behind.path) as one:
        pid = one.process.pid
        before = resident_bytes(pid)
        with one.connect() as connection:
            connection.sendall(get())
            assert wait_until(lambda: behind.requests and rests(pid))
            assert resident_bytes(pid) - before < 20_000_000
            assert connection.recv(10).startswith(b"HTTP")


def test_observed_route_passes_everything_and_tells(tmp_path: Path) -> None:
    """Where nothing is enforced, bytes are untouched, an upgrade works, and finds are told."""

    def answer(request: bytes) -> Sequence[bytes]:
        if b"upgrade" in request.lower():
            return [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nraw " + CARD]
        return [length_answer(PAGE)]

    with (
        site(tmp_path, answer) as behind,
        relay(tmp_path, behind.path, enforces=False) as one,
    ):
        with one.connect() as connection:
            connection.sendall(get("/shop/4711"))
            assert read_answer(connection)[1] == PAGE
        ((sighting, count),) = one.await_seen()
        assert (sighting.place, sighting.kept_back, count) == ("/shop/*", False, 1)
        assert sighting.counts == {Kind.PAYMENT_CARD: 1, Kind.IBAN: 1}
        with one.connect() as connection:
            connection.sendall(get("/", "connection: upgrade", "upgrade: x"))
            assert _until(connection, CARD).startswith(b"HTTP/1.1 101")


def test_site_that_is_down_is_told(tmp_path: Path) -> None:
    """Without a site the client gets an answer that says so, and the next one may find it."""
    with relay(tmp_path, str(tmp_path / "nobody.sock")) as one:
        out = one.ask(get())
        assert out.startswith(b"HTTP/1.1 502")
        assert BodyRefusal.UNREACHABLE.value.encode() in out


def test_stuck_relay_does_not_answer_and_is_killed(tmp_path: Path) -> None:
    """A stopped process is found out by its silence, and can be ended all the same."""
    with (
        site(tmp_path, lambda _: [length_answer(PAGE)]) as behind,
        relay(tmp_path, behind.path) as one,
    ):
        now = time.monotonic()
        assert one.process.works(now)
        # Asked at that time, it would count as stuck long ago, had it not answered.
        assert wait_until(lambda: one.process.works(now + 1000))
        with one.connect() as connection:
            connection.sendall(get())
            assert read_answer(connection)[1] == MASKED_PAGE
            os.kill(one.process.pid, signal.SIGSTOP)
            connection.sendall(get())
            one.process.works(now + 2000)
            assert not one.process.works(now + 2020)
            one.process.kill()
            assert read_all(connection) == b""

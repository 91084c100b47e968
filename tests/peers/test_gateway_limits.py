"""
Clients that send too much, too slowly or doubtfully, against the real Envoy.

Each is judged by what reached the site, and by whether others are served meanwhile.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import struct
import time

import pytest

from sealgate.gateway.translate.bootstrap import MAX_CONNECTIONS
from tests.peers.attacked import World, request, statuses
from tests.peers.gatewayed import ALLOWED, Client
from tests.processes import resident_bytes, starved_seconds
from tests.waiting import PATIENCE_SECONDS

IDLE_CONNECTIONS = 10_000
# What one connection may cost Envoy that says nothing.
IDLE_BYTES = 32 * 1024
# Behind a lock: wherever it is found to be a request, it is refused.
HIDDEN = b"GET /typo3/ HTTP/1.1\r\nHost: shop.example\r\n\r\n"


def assert_responsive(world: World, seconds: float = 3.0) -> None:
    """Fail unless a visitor who comes now is served soon; that the machine is busy is nobody's fault."""
    began, starved = time.monotonic(), starved_seconds()
    assert Client(world.gateway.port).ask("/others").status == 200
    took = time.monotonic() - began
    assert took - (starved_seconds() - starved) < seconds
    # In ten seconds those who hold others up would be gone.
    assert took < 9


def raw_tls(world: World, alpn: str = "http/1.1") -> ssl.SSLSocket:
    """Return a TLS connection that any bytes can be sent on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([alpn])
    plain = socket.create_connection((ALLOWED, world.gateway.port), 10)
    return context.wrap_socket(plain, server_hostname="shop.example")


def ended(channel: socket.socket, seconds: float) -> bytes | None:
    """Return what came until the other side ended within *seconds*; ``None``: it did not."""
    answer, until = b"", time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        channel.settimeout(left)
        try:
            data = channel.recv(65536)
        except TimeoutError:
            return None
        except OSError:
            return answer
        if not data:
            return answer
        answer += data
    return None


# Doubtful framing.


@pytest.mark.parametrize(
    "head",
    [
        # CL.TE and TE.CL.
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        # TE.TE: one of the two is not understood.
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
        b"Transfer-Encoding: chunked;x\r\n\r\n0\r\n\r\n",
        b"Transfer\x00Encoding: chunked\r\n\r\n0\r\n\r\n",
        # Two lengths, equal or not, and lengths that are none.
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        b"Content-Length: 44\r\nContent-Length: 0\r\n\r\n",
        b"Content-Length: 0, 44\r\n\r\n",
        b"Content-Length: 0x0\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1e1\r\n\r\n",
        b"Content-Length: 99999999999999999999\r\n\r\n",
        b"Content-Length : 0\r\n\r\n",
        b" Content-Length: 44\r\n\r\n",
        # Chunks that are none.
        b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0;x=\ny\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
    ],
)
def test_nothing_is_smuggled(world: World, head: bytes) -> None:
    """A request whose end could be read in two ways takes no other one along to the site."""
    start = b"POST /first HTTP/1.1\r\nHost: shop.example\r\n"
    answer = world.raw(start + head + HIDDEN)
    assert statuses(answer)[:1] in ([400], [501]), answer
    assert ("GET", "/typo3/") not in world.reached()


@pytest.mark.parametrize(
    ("head", "headers", "body_bytes"),
    [
        # RFC 9112, 5.2: a folded line is refused, or unfolded before it is passed on.
        (
            b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
            {"x": "a Transfer-Encoding: chunked", "content-length": "0"},
            0,
        ),
        (b"Content-Length:\r\n 44\r\n\r\n", {"content-length": "44"}, 44),
        (
            b"X: a\r\n\tContent-Length: 44\r\n\r\n",
            {"x": "a\tContent-Length: 44", "content-length": "0"},
            0,
        ),
        # RFC 9112, 2.2: a lone LF may end a line, a lone CR never does.
        (
            b"X: a\rContent-Length: 44\r\n\r\n",
            {"x": "aContent-Length: 44", "content-length": "0"},
            0,
        ),
        (b"X: a\nContent-Length: 44\r\n\r\n", {"x": "a", "content-length": "44"}, 44),
    ],
)
def test_odd_lines_are_straightened_before_the_site_sees_them(
    world: World, head: bytes, headers: dict[str, str], body_bytes: int
) -> None:
    """The site reads the same framing as the gateway, whose lines end in one way only."""
    answer = world.raw(b"POST /first HTTP/1.1\r\nHost: shop.example\r\n" + head + HIDDEN)
    [told] = world.site.requests
    assert (told.method, told.target, told.body_bytes) == ("POST", "/first", body_bytes)
    own = ("host", "x-forwarded-for", "x-forwarded-proto")
    assert {name: value for name, value in told.headers if name not in own} == headers
    assert statuses(answer) == ([200] if body_bytes else [200, 403])


@pytest.mark.parametrize(
    "extension",
    [b";a=b", b";" + b"x" * 2000, b';q="1;2"'],
)
def test_chunk_extensions_do_not_reach_the_site(world: World, extension: bytes) -> None:
    """RFC 9112, 7.1.1: they are of one hop; the body arrives as it is, or nothing does."""
    start = b"POST /chunks HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = world.raw(start + b"3" + extension + b"\r\nabc\r\n0\r\n\r\n")
    assert statuses(answer) in ([200], [400])
    assert [told.body_bytes for told in world.site.requests] in ([3], [])


def test_a_chunk_extension_without_end_is_cut(world: World) -> None:
    """What is no body counts as well: nobody sends us megabytes for one chunk."""
    start = b"POST /chunks HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    before = resident_bytes(world.gateway.pid)
    with raw_tls(world) as channel:
        channel.sendall(start + b"1;")
        with contextlib.suppress(OSError):
            for _ in range(64):
                channel.sendall(b"x" * 65536)
        ended(channel, 0.5)
    assert resident_bytes(world.gateway.pid) - before < 8 * 1024 * 1024
    assert_responsive(world)


# Too much.


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/" + "a" * 70_000, (), 431),
        ("/", ("X: " + "a" * 70_000,), 431),
        ("/", ("X" * 70_000 + ": a",), 431),
        ("/", tuple(f"X-{number}: a" for number in range(101)), 431),
        ("/", ("Cookie: " + "; ".join(f"c{n}=1" for n in range(12_000)),), 431),
    ],
)
def test_header_bombs_are_refused(
    world: World, target: str, headers: tuple[str, ...], status: int
) -> None:
    """60 KiB and 100 lines are enough for anybody; the site sees none of the rest."""
    assert statuses(world.raw(request(target, *headers))) == [status]
    assert world.reached() == []


def test_headers_without_end_cost_no_memory(world: World) -> None:
    """A client that goes on sending headers is cut off, on both ports."""
    before = resident_bytes(world.gateway.pid)
    for plain in (False, True):
        answer = world.raw(
            b"GET / HTTP/1.1\r\nHost: shop.example\r\n",
            *(b"X: " + b"a" * 8000 + b"\r\n" for _ in range(1000)),
            plain=plain,
        )
        assert statuses(answer) in ([431], [])
    assert resident_bytes(world.gateway.pid) - before < 8 * 1024 * 1024
    assert world.reached() == []
    assert_responsive(world)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame of HTTP/2 (RFC 9113, 4.1)."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
# GET https /, from the static table (RFC 7541, A), and the name.
FIELDS = b"\x82\x87\x84" + b"\x01" + bytes([len("shop.example")]) + b"shop.example"
LITERAL = b"\x00\x01x\x7f" + b"\xf1\x06" + b"a" * 1008


def flooded(world: World, *pieces: bytes) -> None:
    """Send *pieces* on one HTTP/2 connection, which has to be ended for that."""
    before = resident_bytes(world.gateway.pid)
    with raw_tls(world, "h2") as channel:
        channel.sendall(PREFACE)
        with contextlib.suppress(OSError):
            for piece in pieces:
                channel.sendall(piece)
        assert ended(channel, PATIENCE_SECONDS) is not None
    assert resident_bytes(world.gateway.pid) - before < 16 * 1024 * 1024
    assert_responsive(world)


def test_continuations_without_end_are_cut(world: World) -> None:
    """CVE-2024-27316 class: headers that go on for ever end the connection."""
    begin = frame(HEADERS, END_STREAM, 1, FIELDS)
    flooded(world, begin, *(frame(CONTINUATION, 0, 1, LITERAL * 8) for _ in range(1000)))
    assert ("GET", "/") not in world.reached()


def test_rapid_resets_are_cut(world: World) -> None:
    """CVE-2023-44487: requests that are taken back at once end the connection."""
    streams = range(1, 40_001, 2)
    pieces = (
        frame(HEADERS, END_STREAM | END_HEADERS, stream, FIELDS)
        + frame(RST_STREAM, 0, stream, b"\x00\x00\x00\x08")
        for stream in streams
    )
    flooded(world, *(b"".join(group) for group in zip(*[pieces] * 50, strict=False)))
    assert len(world.reached()) < len(streams) / 4


def test_control_floods_are_cut(world: World) -> None:
    """CVE-2019-9512 and 9515: pings and settings without end, and nobody reads the answers."""
    for one in (frame(PING, 0, 0, b"12345678"), frame(SETTINGS, 0, 0)):
        flooded(world, *(one * 500 for _ in range(400)))


# Too slow, too many.


def test_ten_thousand_connections_that_say_nothing(world: World) -> None:
    """Each costs little, is ended after ten seconds, and nobody else waits for them."""
    assert IDLE_CONNECTIONS < MAX_CONNECTIONS
    before = resident_bytes(world.gateway.pid)
    with contextlib.ExitStack() as held, selectors.DefaultSelector() as waiting:
        for _ in range(IDLE_CONNECTIONS):
            one = held.enter_context(socket.create_connection((ALLOWED, world.gateway.port), 10))
            waiting.register(one, selectors.EVENT_READ)
        began = time.monotonic()
        assert_responsive(world)
        during = resident_bytes(world.gateway.pid)
        assert (during - before) / IDLE_CONNECTIONS < IDLE_BYTES
        left = IDLE_CONNECTIONS
        while left and time.monotonic() - began < PATIENCE_SECONDS:
            for key, _ in waiting.select(1.0):
                assert isinstance(key.fileobj, socket.socket)
                waiting.unregister(key.fileobj)
                left -= 1
        assert left == 0
        assert_responsive(world)


def test_slow_visitors_do_not_slow_others(world: World) -> None:
    """Slowloris: 500 requests whose headers, and 200 whose bodies, come byte by byte."""
    slow_head = b"GET /slow HTTP/1.1\r\nHost: shop.example\r\nX: "
    slow_body = b"POST /slow HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1000\r\n\r\n"
    with contextlib.ExitStack() as held:
        slow = [held.enter_context(raw_tls(world)) for _ in range(200)]
        plain = [
            held.enter_context(socket.create_connection((ALLOWED, world.gateway.plain_port), 10))
            for _ in range(500)
        ]
        for channel in slow:
            channel.sendall(slow_body)
        for one in plain:
            one.sendall(slow_head)
        for _ in range(3):
            for any_one in (*slow, *plain):
                # On a busy machine the first are cut off by now, as they should be.
                with contextlib.suppress(OSError):
                    any_one.sendall(b"a")
            assert_responsive(world)

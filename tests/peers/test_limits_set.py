"""
Limits that an operator sets, held by the real Envoy: how often, how much, how slowly.

Each test comes from an address of its own, so that none uses up what another one has.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.gateway.model import SignInMaterial
from sealgate.identity.adapters.token_keys import TokenKeys
from sealgate.identity.tokens import ISSUER, key_set
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Inventory,
    Limits,
    Listen,
    Route,
    Site,
    Upstream,
)
from tests.peers.gatewayed import (
    ALLOWED,
    Client,
    EchoSite,
    Gateway,
    Keys,
    close_all,
    echo_site,
    gateway,
    run,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "shop.example"
PUBLIC, RESTRICTED = DEFAULT_MODEL.classes[:2]
MOST, LEAST = 40_000_000, 1000
AT_ONCE = 10
LIMITS = Limits(
    max_body_bytes=MOST,
    requests_per_second=1,
    session_requests_per_second=1,
    sign_in_per_minute=3,
)
SLOW_DOWN = 429  # RFC 6585, 4


class World:
    """A gateway with limits, and the site behind it."""

    def __init__(self, running: Gateway, site: EchoSite) -> None:
        self.gateway = running
        self.site = site

    def client(self, source: str, hello: bytes = b"") -> Client:
        """Return a connection from *source*, or as *hello* tells."""
        return Client(self.gateway.port, source=source, hello=hello)

    def until_refused(self, client: Client, target: str = "/page") -> list[int]:
        """Return the statuses that *client* got, up to the first 429."""
        found: list[int] = []
        while SLOW_DOWN not in found:
            assert len(found) < 10 * AT_ONCE, found
            found.append(client.ask(target).status)
        return found


@contextlib.contextmanager
def limited(
    folder: Path, run_folder: Path, limits: Limits, proxies: tuple[str, ...] = ()
) -> Iterator[World]:
    """Run a gateway with *limits* until the block ends; nobody answers for signing in."""
    keys = Keys(folder)
    with echo_site() as site:
        declared = Site(
            (NAME,),
            Upstream("http", ALLOWED, site.port),
            (
                Route(Door("/"), PUBLIC),
                Route(Door("/small"), PUBLIC, max_body_bytes=LEAST),
                Route(Door("/account"), RESTRICTED),
            ),
        )
        inventory = Inventory(
            "sealgate.toml",
            str(folder),
            Listen((Address(ALLOWED, free_port()),), (), trusted_proxies=proxies),
            sites=(declared,),
            limits=limits,
        )
        known = key_set(TokenKeys(str(folder)).keys(time.time()))
        nobody = SignInMaterial(str(folder / "nobody.sock"), known, ISSUER)
        with gateway(inventory, run_folder, {NAME: keys.server(NAME)}, sign_in=nobody) as running:
            yield World(running, site)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a gateway that visitors reach themselves."""
    folder, run_folder = tmp_path_factory.mktemp("limits"), tmp_path_factory.mktemp("run")
    with limited(folder, run_folder, LIMITS) as one:
        yield one


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close what a test left open."""
    yield
    close_all()


# How often.


def test_whoever_asks_too_often_waits_and_nobody_else(world: World) -> None:
    """Ten times the rate may come at once; then 429 with a page, or problem details."""
    often = world.client("127.0.0.11")
    found = world.until_refused(often)
    assert found[:AT_ONCE] == [200] * AT_ONCE
    assert world.client("127.0.0.12").ask("/page").status == 200
    # Another connection, and another route, are the same address.
    while (refused := world.client("127.0.0.11").ask("/small", "Accept: text/html")).status == 200:
        pass
    assert refused.status == SLOW_DOWN
    assert b"Too many requests" in refused.body
    assert refused.values("retry-after") != []
    while (told := often.ask("/page", "Accept: application/json")).status == 200:
        pass
    assert told.values("content-type") == ["application/problem+json"]
    assert json.loads(told.body)["status"] == SLOW_DOWN
    while often.ask("/page").status == SLOW_DOWN:
        pass  # until the rate lets it in again, or the test takes too long


def test_pages_of_the_gateway_and_what_asks_it_have_counts_of_their_own(world: World) -> None:
    """They are counted before the sign-in service is asked, which does not answer here."""
    client = world.client("127.0.0.13")
    pages = world.until_refused(client, "/.sealgate/sign-in")
    assert pages == [503, 503, 503, SLOW_DOWN]
    sessions = world.until_refused(client, "/account")
    assert sessions[:AT_ONCE] == [503] * AT_ONCE
    assert client.ask("/page").status == 200


@pytest.fixture
def behind(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a gateway behind a balancer."""
    with limited(tmp_path, tmp_path_factory.mktemp("run"), LIMITS, (f"{ALLOWED}/32",)) as one:
        yield one


@pytest.fixture
def hurried(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a gateway that waits for a request for three seconds."""
    limits = dataclasses.replace(LIMITS, request_seconds=3)
    with limited(tmp_path, tmp_path_factory.mktemp("run"), limits) as one:
        yield one


def come(behind: World, family: str, address: str) -> Client:
    """Return a connection from *address*, as a balancer tells it."""
    own = "192.0.2.1" if family == "TCP4" else "2001:db8::1"
    return behind.client(ALLOWED, f"PROXY {family} {address} {own} 1234 443\r\n".encode())


def test_behind_a_balancer_the_client_counts_and_all_of_its_addresses(behind: World) -> None:
    """The PROXY protocol tells the address; whoever has one of IPv6 has 2**64 (RFC 4291, 2.5.4)."""
    often = come(behind, "TCP6", "2001:db8:1:1::1")
    behind.until_refused(often)
    assert come(behind, "TCP6", "2001:db8:1:2::1").ask("/page").status == 200
    neighbour = come(behind, "TCP6", "2001:db8:1:1:ffff::2")
    # One request a second is let in, so the neighbour's first may be; then there is none.
    assert len(behind.until_refused(neighbour)) < AT_ONCE
    behind.until_refused(come(behind, "TCP4", "198.51.100.7"))
    assert come(behind, "TCP4", "198.51.100.8").ask("/page").status == 200


# How much.

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("source", "method", "rest", "status", "reached"),
    [
        ("127.0.0.21", b"POST", b"Content-Length: 1000\r\n\r\n" + b"x" * 1000, 200, [1000]),
        # It says too much, so the site is not even asked, and the body not awaited.
        ("127.0.0.22", b"POST", b"Content-Length: 1001\r\n\r\n", 413, []),
        ("127.0.0.23", b"GET", b"Content-Length: 1001\r\n\r\n", 413, []),
        ("127.0.0.24", b"POST", CHUNKED + b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", 200, [1000]),
        ("127.0.0.25", b"GET", CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n", 413, None),
        ("127.0.0.26", b"POST", CHUNKED + (b"258\r\n" + b"x" * 600 + b"\r\n") * 2, 413, None),
    ],
)
def test_a_body_is_cut_at_its_limit(
    world: World, source: str, method: bytes, rest: bytes, status: int, reached: list[int] | None
) -> None:
    """Whether or not it says how long it is, and whatever the method; the site gets no whole one."""
    world.site.requests.clear()
    client = world.client(source)
    client.tls.sendall(method + b" /small HTTP/1.1\r\nHost: shop.example\r\n" + rest)
    answer = client.receive(method.decode())
    assert answer.status == status
    whole = [told.body_bytes for told in world.site.requests if told.body_bytes]
    assert whole == (reached or [])
    assert reached is None or len(world.site.requests) == len(reached)
    if status != 200:
        assert b"Too large" in answer.body


def test_a_body_of_http_2_is_cut_too(world: World) -> None:
    """There it may come without a length, and without chunks."""

    def put(size: int) -> str:
        done = run(
            *("curl", "-sk", "--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"),
            *("--interface", "127.0.0.27", "--resolve", f"{NAME}:{world.gateway.port}:{ALLOWED}"),
            *("-T", "-", f"https://{NAME}:{world.gateway.port}/small/put"),
            data=b"x" * size,
        )
        return done.stdout.decode()

    assert put(LEAST) == "2 200"
    assert put(LEAST + 1) == "2 413"


@pytest.mark.parametrize("target", ["/websocket", f"http://{NAME}/websocket"])
def test_what_is_upgraded_and_unlimited_loses_our_cookie_too(world: World, target: str) -> None:
    """It has filters of its own, without the limit; whatever the request says of its scheme."""
    for cookies, left in (
        ("a=1; __Host-sealgate=t; b=2", "a=1; b=2"),
        ('a="1"; __Host-sealgate=t', 'a="1"'),
        ("__Host-sealgate=t", None),
    ):
        client = world.client("127.0.0.90")
        client.send(target, f"Cookie: {cookies}", "Connection: Upgrade", "Upgrade: websocket")
        assert client.tls.recv(4096).startswith(b"HTTP/1.1 101 "), cookies
        told = world.site.requests[-1]
        assert (told.value("cookie"), told.value("x-forwarded-proto")) == (left, "https")


def test_nothing_is_held_in_memory_for_it(behind: World) -> None:
    """A body far larger than any buffer goes through, and is counted as it goes."""

    def held() -> int:
        status = Path(f"/proc/{behind.gateway.envoy.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    before = held()
    client = come(behind, "TCP4", "198.51.100.9")
    client.tls.settimeout(60)
    head = f"POST /large HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {MOST}\r\n\r\n"
    client.tls.sendall(head.encode())
    block = b"x" * (MOST // 40)
    for _ in range(40):
        client.tls.sendall(block)
    assert client.receive("POST").status == 200
    assert [told.body_bytes for told in behind.site.requests] == [MOST]
    assert held() - before < MOST // 2


# How slowly.


def test_a_request_that_does_not_come_to_an_end_is_refused(hurried: World) -> None:
    """R-U-Dead-Yet: byte after byte; others are served, and a WebSocket goes on."""
    socket = hurried.client("127.0.0.31")
    socket.send("/websocket", "Connection: Upgrade", "Upgrade: websocket")
    assert socket.tls.recv(4096).startswith(b"HTTP/1.1 101 ")
    slow = [hurried.client("127.0.0.32") for _ in range(AT_ONCE)]
    for one in slow:
        one.tls.sendall(b"POST /slow HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 900\r\n\r\n")
    ended = threading.Event()

    def drip() -> None:
        while not ended.wait(0.2):
            for one in slow:
                with contextlib.suppress(OSError):
                    one.tls.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert hurried.client("127.0.0.33").ask("/page").status == 200
        refused = [one.receive("POST") for one in slow]
    finally:
        ended.set()
        dripping.join()
    assert {one.status for one in refused} == {408}
    assert all(b"Too slow" in one.body for one in refused)
    # It was there before them, longer than any request may take, and sends more than any.
    for _ in range(3):
        socket.tls.sendall(b"y" * 900)
        assert socket.tls.recv(4096).startswith(b"echo y")

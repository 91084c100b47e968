"""
Attacks on a running gateway: requests that were made to get past it.

Each of them is judged by what reached the site, not only by what came back.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sealgate.config.load import load
from sealgate.policy.inventory import route_asset
from tests.peers.gatewayed import (
    ALLOWED,
    OTHER,
    Client,
    EchoSite,
    Gateway,
    Keys,
    Pair,
    close_all,
    echo_site,
    free_port,
    gateway,
    write_countries,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPO3, WORDPRESS = "shop.example", "blog.example"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
CHALLENGE = "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SA"


@dataclass(frozen=True)
class World:
    """
    A gateway with a TYPO3 and a WordPress preset, and the one person who may enter.
    """

    gateway: Gateway
    site: EchoSite
    alice: Pair

    def reached(self) -> list[tuple[str, str]]:
        """
        Return method and target of what reached the site since the last call.
        """
        found = [(told.method, told.target) for told in self.site.requests]
        self.site.requests.clear()
        return found

    def raw(self, *pieces: bytes, plain: bool = False, name: str = TYPO3) -> bytes:
        """
        Return all that comes back for *pieces*, sent as they are on one connection.
        """
        port = self.gateway.plain_port if plain else self.gateway.port
        with contextlib.ExitStack() as held:
            channel = held.enter_context(socket.create_connection((ALLOWED, port), 5))
            if not plain:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                channel = held.enter_context(context.wrap_socket(channel, server_hostname=name))
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                for piece in pieces:
                    channel.sendall(piece)
            channel.settimeout(0.3)
            with contextlib.suppress(OSError):
                while data := channel.recv(65536):
                    answer += data
        return answer


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """
    Run the gateway for all tests of this file; none of them changes it.
    """
    folder, run_folder = tmp_path_factory.mktemp("attacked"), tmp_path_factory.mktemp("envoy")
    keys = Keys(folder)
    alice = keys.client("alice", "alice")
    database = write_countries(folder / "country.mmdb")
    with echo_site() as site:
        sites = "".join(
            f'[[site]]\ndomains = ["{name}"]\nupstream = "http://{ALLOWED}:{site.port}"\n'
            f'preset = "{preset}"\n[[site.route]]\npath = "/"\nclass = "public"\n'
            f'[[site.route]]\npath = "{door}"\nclass = "confidential"\nbackend = true\n'
            'admit = ["user:alice"]\n'
            for name, preset, door in (
                (TYPO3, "typo3", "/typo3"),
                (WORDPRESS, "wordpress", "/wp-admin"),
            )
        )
        config = folder / "sealgate.toml"
        config.write_text(
            f'[listen]\nhttps = "{ALLOWED}:{free_port()}"\nhttp = "{ALLOWED}:{free_port()}"\n'
            f'[access]\ncountries = ["DE"]\ngeo_database = "{database}"\n{sites}'
        )
        inventory = load(str(config))
        locked = [(one, r) for one in inventory.sites for r in one.routes if r.admit]
        assert len(locked) > 2
        with gateway(
            inventory,
            run_folder,
            {TYPO3: keys.server(TYPO3), WORDPRESS: keys.server(WORDPRESS)},
            client_ca=str(keys.authority.chain),
            admitted={route_asset(one, r).id: (alice.fingerprint,) for one, r in locked},
            geo_database=str(database),
        ) as running:
            yield World(running, site, alice)


@pytest.fixture(autouse=True)
def _fresh(world: World) -> Iterator[None]:
    """
    Forget what reached the site before, and close what a test opened.
    """
    world.site.requests.clear()
    yield
    close_all()


def request(target: str | bytes, *headers: str, method: str = "GET", host: str = TYPO3) -> bytes:
    """
    Return the bytes of a request.
    """
    raw = target if isinstance(target, bytes) else target.encode()
    lines = [f"Host: {host}", *headers]
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    return method.encode() + b" " + raw + b" HTTP/1.1\r\n" + head + b"\r\n"


def statuses(answer: bytes) -> list[int]:
    """
    Return the status of each answer in *answer*.
    """
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


# The locked path.


@pytest.mark.parametrize(
    "line",
    [
        f"GET http://{TYPO3}/typo3/ HTTP/1.1",
        f"GET https://{TYPO3}/typo3/ HTTP/1.1",
        f"GET http://{TYPO3}/%74ypo3/ HTTP/1.1",
        f"GET http://{TYPO3}?__typo3_install HTTP/1.1",
        f"GET http://u@{TYPO3}/typo3/ HTTP/1.1",
        "GET /typo3/ HTTP/1.0",
        "GET /typo3/",
        "GET typo3/ HTTP/1.1",
        "GET ?__typo3_install HTTP/1.1",
        "GET /x#/../typo3/ HTTP/1.1",
        "GET /typo3# HTTP/1.1",
        "GET /\0/../typo3/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        f"CONNECT {TYPO3}:443 HTTP/1.1",
        "CONNECT /typo3/ HTTP/1.1",
    ],
)
def test_forms_of_a_request_line_open_no_door(world: World, line: str) -> None:
    """
    Absolute, authority and asterisk form, old versions and fragments reach no locked part.
    """
    answer = world.raw(f"{line}\r\nHost: {TYPO3}\r\n\r\n".encode())
    assert statuses(answer), answer
    assert statuses(answer)[0] >= 400
    assert world.reached() == []


@pytest.mark.parametrize(
    "query",
    [
        *("__typo3_install", "__typo3_install[]=1", "__typo3_install[=1", "x&__typo3_install=0"),
        *("x;__typo3_install", "..typo3_install", "__typo3[install", "+__typo3_install"),
        *(
            "%5F_typo3_install",
            "%255F_typo3_install",
            "__typo3_install%00x",
            "%20__typo3%2Einstall",
        ),
        *(
            "__TYPO3_INSTALL",
            "a=1&a=2&__typo3_install&a=3",
            "?__typo3_install&x",
            "x%26__typo3_install",
        ),
    ],
)
def test_spellings_of_a_parameter_open_no_door(world: World, query: str) -> None:
    """
    However PHP might read the install tool's parameter, it is refused on any path.
    """
    client = Client(world.gateway.port)
    for path in ("/", "/index.php", "/typo3/sysext/core/Resources/Public/a.css"):
        client.ask(f"{path}?{query}")
    passed = [target for _, target in world.reached()]
    # Inside a value, or behind a second "?", it is no parameter of that name to anybody.
    assert not passed or query in {"?__typo3_install&x", "x%26__typo3_install"}, passed


@pytest.mark.parametrize(
    "target",
    [
        *("/wp-admin/", "/WP-ADMIN/", "/wp-login.php", "/wp-login.php/x", "/x/..;/wp-login.php"),
        *("/wp-admin/admin-ajax.php/../index.php", "/wp-admin/admin-ajax.php%2f..%2findex.php"),
        *("/wp-admin/admin-ajax.php;/x", "/XMLRPC.php", "/index.php/wp-json/wp/v2/users"),
        *("/wp-json//wp/v2/users", "/?rest_route=/wp/v2/users", "/x?rest_route=%2Fwp%2Fv2%2FUSERS"),
        *(
            "/?rest_route=//wp/v2/users/1",
            "/?rest.route=/wp/v2/users",
            "/?a;rest_route=/wp/v2/users",
        ),
        "/?rest_route=/x&rest_route=/wp/v2/users",
    ],
)
def test_wordpress_keeps_its_doors_shut(world: World, target: str) -> None:
    """
    The preset's holes lead nowhere else, and its doors have one spelling.
    """
    client = Client(world.gateway.port, name=WORDPRESS)
    assert client.ask("/wp-admin/admin-ajax.php").status == 200
    world.reached()
    assert client.ask(target).status == 403
    assert world.reached() == []


@pytest.mark.parametrize(
    "target",
    [
        *("//x?" + "a&" * 25_000, "//x?" + "%2525&" * 8_000, "/typo3%2525/" + "." * 7_000 + "x"),
        *("/typo3%2525/" + "%20." * 1_800 + "x", "/%2541/typo3" + "/a.php" * 1_300),
        "//x?rest_route=/" + "%20" * 16_000 + "x",
        "/?rest_route=/" + "%0a" * 16_000 + "x",
    ],
)
@pytest.mark.parametrize("name", [TYPO3, WORDPRESS])
def test_a_long_address_costs_little(world: World, name: str, target: str) -> None:
    """
    No address keeps a thread of Envoy busy: dots and spaces at an end took seconds once.
    """
    client = Client(world.gateway.port, name=name)
    client.ask("/")
    started = time.monotonic()
    client.ask(target)
    assert time.monotonic() - started < 0.7


# Smuggling.


@pytest.mark.parametrize("framing", [(), ("Content-Length: 60",), ("Transfer-Encoding: chunked",)])
def test_an_upgrade_that_fails_carries_nothing(world: World, framing: tuple[str, ...]) -> None:
    """
    What follows a WebSocket request waits for the site's 101; without it, nothing passes.
    """
    hidden = request("/typo3/")
    world.raw(request("/", *UPGRADE, *framing) + hidden)
    world.raw(request("/", *UPGRADE, *framing), hidden)
    assert world.reached() == [("GET", "/"), ("GET", "/")]


@pytest.mark.parametrize(
    "headers",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked", "Content-Length: 3"),
        ("Content-Length: 3", "Content-Length: 4"),
        ("Content-Length: +3",),
        ("Transfer-Encoding : chunked",),
        ("X: a\0b",),
    ],
)
def test_doubtful_framing_is_refused(world: World, headers: tuple[str, ...]) -> None:
    """
    A request whose end could be read in two ways does not reach the site.
    """
    answer = world.raw(request("/", *headers, method="POST") + b"0\r\n\r\n" + request("/typo3/"))
    assert statuses(answer)[0] in {400, 501}
    assert world.reached() == []


def test_a_pipelined_request_is_judged_by_itself(world: World) -> None:
    """
    A public request does not take a locked one along.
    """
    answer = world.raw(request("/a") + request("/typo3/") + request("/b"))
    assert statuses(answer) == [200, 403, 200]
    assert world.reached() == [("GET", "/a"), ("GET", "/b")]


def test_h2c_is_not_spoken(world: World) -> None:
    """
    Neither port changes to HTTP/2 in clear.
    """
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    assert statuses(world.raw(request("/x", *upgrade))) == [200]
    assert world.site.requests[0].value("upgrade") is None
    world.reached()
    assert statuses(world.raw(request("/x", *upgrade), plain=True)) == [308]
    assert statuses(world.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", plain=True)) == [400]
    assert world.reached() == []


# The plain port.


@pytest.mark.parametrize(
    ("target", "headers", "body"),
    [
        (f"{CHALLENGE}?__typo3_install", (), b""),
        (f"{CHALLENGE}?", (), b""),
        (CHALLENGE, ("Content-Length: 3",), b"a=b"),
        (CHALLENGE, ("Transfer-Encoding: chunked",), b"3\r\na=b\r\n0\r\n\r\n"),
        (CHALLENGE, UPGRADE, b""),
        (f"{CHALLENGE};x", (), b""),
        (f"{CHALLENGE}/typo3", (), b""),
        (f"http://{TYPO3}{CHALLENGE}?__typo3_install", (), b""),
    ],
)
def test_a_challenge_carries_nothing_else(
    world: World, target: str, headers: tuple[str, ...], body: bytes
) -> None:
    """
    Over http, nothing but the bare challenge reaches the site: no parameter, no body.
    """
    assert statuses(world.raw(request(CHALLENGE), plain=True)) == [200]
    world.reached()
    answer = world.raw(request(target, *headers) + body, plain=True)
    assert statuses(answer)[0] in {308, 403}
    assert world.reached() == []


# Names.


@pytest.mark.parametrize(
    "host",
    [":@evil.example", ":8443@evil.example", ":evil.example", ":80:80", ".", ":80%40evil.example"],
)
def test_a_name_hides_no_other(world: World, host: str) -> None:
    """
    What stands behind a name is a port; "name:@evil" would have the site link elsewhere.
    """
    for plain in (False, True):
        answer = world.raw(request("/", host=f"{TYPO3}{host}"), plain=plain)
        assert statuses(answer) == [421]
        assert b"evil" not in answer
    assert world.reached() == []
    for port in ("", ":1", ":"):
        assert statuses(world.raw(request("/", host=f"{TYPO3}{port}"))) == [200]


def test_two_hosts_are_refused(world: World) -> None:
    """
    A second Host field does not choose for the site.
    """
    assert statuses(world.raw(request("/", "Host: evil.example")))[0] in {400, 421}
    assert world.reached() == []


# Headers.


@pytest.mark.parametrize(
    "name",
    [
        *("X-Forwarded", "X.Forwarded.Proto", "X-Forwarded.For", "X.Real.IP", "X-Real_IP"),
        *(
            "Client-IP",
            "x-FORWARDED-for",
            "X-Envoy-Original-Path",
            "X-Envoy-Upstream-Rq-Timeout-Ms",
        ),
        *("X-Envoy-Retry-On", "X-Envoy-Force-Trace", "X-Envoy-Internal", "X-Sealgate-Framing"),
    ],
)
def test_no_spelling_of_a_forged_header_passes(world: World, name: str) -> None:
    """
    Names that some server reads as a proxy's word are dropped: PHP takes a dot for "_".
    """
    assert Client(world.gateway.port).ask("/", f"{name}: evil").status == 200
    assert "evil" not in [value for _, value in world.site.requests[-1].headers]


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-proto, close", "TE, host"])
def test_connection_takes_no_header_of_ours_away(world: World, name: str) -> None:
    """
    A client cannot name the gateway's own headers as hop-by-hop.
    """
    world.raw(request("/", f"Connection: {name}", "TE: trailers"))
    for told in world.site.requests:
        assert told.value("x-forwarded-for") == ALLOWED
        assert told.value("x-forwarded-proto") == "https"
        assert told.value("host") == TYPO3


def test_a_country_cannot_be_claimed(world: World) -> None:
    """
    Neither a header nor a PROXY line moves a visitor to another country.
    """
    client = Client(world.gateway.port, pair=world.alice, source=OTHER)
    forged = [f"{name}: {ALLOWED}" for name in ("X-Forwarded-For", "X-Envoy-External-Address")]
    assert client.ask("/typo3/", "X-Sealgate-Country: DE", *forged).status == 403
    with pytest.raises(OSError, match=r"(?i)ssl|reset|eof"):
        Client(
            world.gateway.port,
            pair=world.alice,
            source=OTHER,
            hello=f"PROXY TCP4 {ALLOWED} {ALLOWED} 1 2\r\n".encode(),
        )
    assert world.reached() == []


# Sessions.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_holds_for_its_own_site_only(world: World, version: ssl.TLSVersion) -> None:
    """
    A session is resumed neither for another site nor from another country with its rights.
    """
    port = world.gateway.port
    first = Client(port, pair=world.alice, version=version)
    assert first.ask("/typo3/").status == 200
    tls, other = first.context, socket.create_connection((ALLOWED, port), 5, (OTHER, 0))
    with tls.wrap_socket(other, server_hostname=TYPO3, session=first.tls.session) as moved:
        assert moved.session_reused
        moved.sendall(request("/typo3/"))
        assert statuses(moved.recv(4096)) == [403]
    second = socket.create_connection((ALLOWED, port), 5)
    with tls.wrap_socket(second, server_hostname=WORDPRESS, session=first.tls.session) as crossed:
        assert not crossed.session_reused


# Pages.


def test_a_page_repeats_nothing_that_was_sent(world: World) -> None:
    """
    No page of the gateway holds a piece of the request, or tells what the gateway is made of.
    """
    probe = "<script>evil()</script>"
    for plain, asked in (
        (False, request(f"/typo3/{probe}?{probe}", f"User-Agent: {probe}")),
        (False, request("/", f"Host: {probe}")),
        (False, request("/" + "a" * 70_000, probe)),
        (True, request(f"/{probe}", method="POST")),
        (True, b"\x16\x03\x01" + probe.encode()),
    ):
        answer = world.raw(asked, plain=plain)
        assert statuses(answer)[0] >= 400
        assert b"evil()" not in answer
        assert b"envoy" not in answer.lower()
    assert world.reached() == []

"""
Attacks on a running gateway: requests that were made to get past it.

Each of them is judged by what reached the site, not only by what came back.
"""

from __future__ import annotations

import pytest

from tests.peers.attacked import TYPO3, UPGRADE, WORDPRESS, World, request, statuses
from tests.peers.gatewayed import Client
from tests.processes import processor_seconds

CHALLENGE = "/.well-known/acme-challenge/LoqXcYV8q5ONbJQxbmR7SA"


# The locked path.


@pytest.mark.parametrize(
    "line",
    [
        f"GET http://{TYPO3}/typo3/ HTTP/1.1",
        f"GET https://{TYPO3}/typo3/ HTTP/1.1",
        f"GET http://{TYPO3}/%74ypo3/ HTTP/1.1",
        f"GET http://{TYPO3}?__typo3_install HTTP/1.1",
        f"GET http://u@{TYPO3}/typo3/ HTTP/1.1",
        "GET /%u0074ypo3/ HTTP/1.1",
        "GET /x/%u002e%U002E%u002ftypo3 HTTP/1.1",
        "GET /%25u0074ypo3/ HTTP/1.1",
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
    """Absolute, authority and asterisk form, old versions, fragments and "%u" reach no locked part."""
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
    """However PHP might read the install tool's parameter, it is refused on any path."""
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
    """The preset's holes lead nowhere else, and its doors have one spelling."""
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
    """No address keeps a thread of Envoy busy: dots and spaces at an end took seconds once."""
    client = Client(world.gateway.port, name=name)
    client.ask("/")
    before = processor_seconds(world.gateway.pid)
    client.ask(target)
    assert processor_seconds(world.gateway.pid) - before < 0.7


# Smuggling.


@pytest.mark.parametrize("framing", [(), ("Content-Length: 60",), ("Transfer-Encoding: chunked",)])
def test_an_upgrade_that_fails_carries_nothing(world: World, framing: tuple[str, ...]) -> None:
    """What follows a WebSocket request waits for the site's 101; without it, nothing passes."""
    hidden = request("/typo3/")
    world.raw(request("/", *UPGRADE, *framing) + hidden)
    world.raw(request("/", *UPGRADE, *framing), hidden)
    assert world.reached() == [("GET", "/"), ("GET", "/")]


@pytest.mark.parametrize("target", ["/typo3/", "/a/../typo3/", "/?__typo3_install"])
def test_an_upgrade_is_locked_like_any_request(world: World, target: str) -> None:
    """Requests that ask for another protocol have filters of their own: the same."""
    assert statuses(world.raw(request(target, *UPGRADE))) == [403]
    assert world.reached() == []
    admitted = Client(world.gateway.port, pair=world.alice)
    assert admitted.ask("/typo3/", *UPGRADE).status == 200
    assert world.reached() == [("GET", "/typo3/")]


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
    """A request whose end could be read in two ways does not reach the site."""
    answer = world.raw(request("/", *headers, method="POST") + b"0\r\n\r\n" + request("/typo3/"))
    assert statuses(answer)[0] in {400, 501}
    assert world.reached() == []


def test_a_pipelined_request_is_judged_by_itself(world: World) -> None:
    """A public request does not take a locked one along."""
    answer = world.raw(request("/a") + request("/typo3/") + request("/b"))
    # Envoy may end the connection behind a refusal (RFC 9112, 9.3.2).
    assert statuses(answer)[:2] == [200, 403]
    assert world.reached() in ([("GET", "/a")], [("GET", "/a"), ("GET", "/b")])


def test_h2c_is_not_spoken(world: World) -> None:
    """Neither port changes to HTTP/2 in clear."""
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
    """Over http, nothing but the bare challenge reaches the site: no parameter, no body."""
    assert statuses(world.raw(request(CHALLENGE), plain=True)) == [200]
    world.reached()
    answer = world.raw(request(target, *headers) + body, plain=True)
    assert statuses(answer)[0] in {308, 403}
    assert world.reached() == []

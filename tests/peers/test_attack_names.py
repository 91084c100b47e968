"""Attacks by what a client says of itself: names, headers, sessions; and what pages tell."""

from __future__ import annotations

import socket
import ssl

import pytest

from tests.peers.attacked import TYPO3, WORDPRESS, World, request, statuses
from tests.peers.gatewayed import ALLOWED, OTHER, Client

# Names.


@pytest.mark.parametrize(
    "host",
    [":@evil.example", ":8443@evil.example", ":evil.example", ":80:80", ".", ":80%40evil.example"],
)
def test_a_name_hides_no_other(world: World, host: str) -> None:
    """What stands behind a name is a port; "name:@evil" would have the site link elsewhere."""
    for plain in (False, True):
        answer = world.raw(request("/", host=f"{TYPO3}{host}"), plain=plain)
        assert statuses(answer) == [421]
        assert b"evil" not in answer
    assert world.reached() == []
    for port in ("", ":1", ":"):
        assert statuses(world.raw(request("/", host=f"{TYPO3}{port}"))) == [200]


def test_two_hosts_are_refused(world: World) -> None:
    """A second Host field does not choose for the site."""
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
    """Names that some server reads as a proxy's word are dropped: PHP takes a dot for "_"."""
    assert Client(world.gateway.port).ask("/", f"{name}: evil").status == 200
    assert "evil" not in [value for _, value in world.site.requests[-1].headers]


@pytest.mark.parametrize("name", ["x-forwarded-for", "x-forwarded-proto, close", "TE, host"])
def test_connection_takes_no_header_of_ours_away(world: World, name: str) -> None:
    """A client cannot name the gateway's own headers as hop-by-hop."""
    world.raw(request("/", f"Connection: {name}", "TE: trailers"))
    for told in world.site.requests:
        assert told.value("x-forwarded-for") == ALLOWED
        assert told.value("x-forwarded-proto") == "https"
        assert told.value("host") == TYPO3


def test_a_country_cannot_be_claimed(world: World) -> None:
    """Neither a header nor a PROXY line moves a visitor to another country."""
    client = Client(world.gateway.port, pair=world.alice, source=OTHER)
    forged = [f"{name}: {ALLOWED}" for name in ("X-Forwarded-For", "X-Envoy-External-Address")]
    assert client.ask("/typo3/", "X-Sealgate-Country: DE", *forged).status == 403
    with pytest.raises(OSError, match=r"(?i)ssl|tls|reset|eof|closed|broken pipe"):
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
    """A session is resumed neither for another site nor from another country with its rights."""
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
    """No page of the gateway holds a piece of the request, or tells what the gateway is made of."""
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

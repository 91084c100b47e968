"""Single values: each in its one canonical form, or refused."""

from __future__ import annotations

import contextlib
import ipaddress
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.config import values
from sealgate.config.countries import COUNTRIES, NOT_ISO
from sealgate.config.values import (
    UnfitError,
    read_address,
    read_admitted,
    read_class_id,
    read_country,
    read_credential,
    read_domain,
    read_door,
    read_method,
    read_network,
    read_register_url,
    read_upstream,
)
from sealgate.policy.inventory import Address, Door, Upstream


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":443", Address("::", 443)),
        ("127.0.0.1:8443", Address("127.0.0.1", 8443)),
        ("0.0.0.0:80", Address("0.0.0.0", 80)),  # noqa: S104  # an address like any other here
        ("[::1]:443", Address("::1", 443)),
        ("[2001:DB8:0::1]:443", Address("2001:db8::1", 443)),
    ],
)
def test_an_address(text: str, address: Address) -> None:
    """Each form that the documentation names."""
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        ":x",
        ":-1",
        ":\uff14\uff14\uff13",
        "1.2.3:80",
        "[127.0.0.1]:80",
        "[fe80::1%eth0]:80",
    ],
)
def test_no_address(text: str) -> None:
    """What no socket can be bound to as written is refused."""
    with pytest.raises(UnfitError):
        read_address(text)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Shop.Example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("müller.example", "xn--mller-kva.example"),
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--mller-kva.example", "xn--mller-kva.example"),
        ("localhost", "localhost"),
        ("a-1.b2.example", "a-1.b2.example"),
    ],
)
def test_a_domain(text: str, domain: str) -> None:
    """Domains end up as lower-case A-labels (RFC 5891)."""
    assert read_domain(text) == domain


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "a..b",
        "-a.example",
        "a_b.example",
        "a b",
        "a/b",
        "a:443",
        "[::1]",
        "::1",
        "1.2.3.4",
        "1.2.3",
        "*.example",
        "x" * 64 + ".example",
        ("x" * 60 + ".") * 5,
        "xn--a.example",
        "a\u0000b",
        "\uff45xample\u3002com\u2044",
    ],
)
def test_no_domain(text: str) -> None:
    """What is no host name is refused."""
    with pytest.raises(UnfitError):
        read_domain(text)


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("http://127.0.0.1:8080", Upstream("http", "127.0.0.1", 8080)),
        ("http://site.internal/", Upstream("http", "site.internal", 80)),
        ("https://[2001:DB8::1]", Upstream("https", "2001:db8::1", 443)),
        ("https://Müller.example:8443", Upstream("https", "xn--mller-kva.example", 8443)),
        ("unix:/run/site.sock", Upstream("unix", "/run/site.sock", 0)),
    ],
)
def test_an_upstream(text: str, upstream: Upstream) -> None:
    """Schemes, default ports and sockets."""
    assert read_upstream(text) == upstream


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shop.example",
        "ftp://a",
        "http://",
        "http://:80",
        "http://a:",
        "http://a:0",
        "http://a:b",
        "http://a?b",
        "http://a#b",
        "http://a b",
        "http://user@a",
        "http://[::1",
        "http://::1:80",
        "http://[a]:80",
        "unix:",
        "unix:/",
        "unix://host/path\u0000",
    ],
)
def test_no_upstream(text: str) -> None:
    """What cannot be connected to as written is refused."""
    with pytest.raises(UnfitError):
        read_upstream(text)


@pytest.mark.parametrize(
    ("path", "query", "exact", "door"),
    [
        ("/", None, False, Door("/")),
        ("/a/", None, False, Door("/a")),
        ("/a/*/b.php", None, True, Door("/a/*/b.php", exact=True)),
        ("/a/map-*", None, False, Door("/a/map-*")),
        ("/", "x", False, Door("/", query="x")),
        ("/a", "r=/wp/v2", False, Door("/a", query="r", query_value="/wp/v2")),
        ("/a", "r=", False, Door("/a", query="r")),
    ],
)
def test_a_door(path: str, query: str | None, exact: bool, door: Door) -> None:  # noqa: FBT001  # a column of the table
    """Paths lose the slash at their end, parameters are split from their values."""
    assert read_door(path, query, exact=exact) == door


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "//",
        "/a//b",
        "/.",
        "/..",
        "/*a",
        "/a*b",
        "/a**",
        "/%41",
        "/a;b",
        "/a\\b",
        "/é",
        "/a b",
        "/a#b",
    ],
)
def test_no_door(path: str) -> None:
    """A path with more than one reading cannot be locked, so it is refused."""
    with pytest.raises(UnfitError):
        read_door(path, None, exact=False)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("authorization", [("authorization", "")]),
        ("authorization:Basic", [("authorization", "basic")]),
        ("cookie:wordpress_logged_in_*", [("cookie", "wordpress_logged_in_*")]),
        ("header:X-API-Key", [("header", "x-api-key")]),
        (
            "cookie:sid + parameter:_wpnonce",
            [("cookie", "sid"), ("parameter", "_wpnonce")],
        ),
    ],
)
def test_a_credential(text: str, parts: list[tuple[str, str]]) -> None:
    """A credential is one part or more, each of a kind and mostly with a name."""
    read = read_credential(text)
    assert [(part.kind.value, part.name) for part in read.parts] == parts
    assert read_credential(str(read)) == read


@pytest.mark.parametrize(
    "text",
    [
        *("", "cookie", "cookie:", "cookie:*", "cookie:a*b", "header:", "header:X_Y", "nonce:x"),
        *(
            "header:Cookie",
            "parameter:a b",
            "authorization:",
            "authorization:Basic x",
            "cookie:a,b",
        ),
        *("cookie:a +", "cookie:a + cookie:a"),
    ],
)
def test_no_credential(text: str) -> None:
    """What names nothing, or what can be read in more than one way, is refused."""
    with pytest.raises(UnfitError):
        read_credential(text)


def test_methods_are_in_capitals() -> None:
    """A method is a word in capitals (RFC 9110, 9.1)."""
    assert read_method("M-SEARCH") == "M-SEARCH"
    for text in ("", "post", "P T", "GET,PUT", "*"):
        with pytest.raises(UnfitError):
            read_method(text)


def test_networks_are_canonical() -> None:
    """A single address is a network of one."""
    assert read_network("192.0.2.7") == "192.0.2.7/32"
    assert read_network("2001:DB8::/32") == "2001:db8::/32"


def test_countries_are_those_of_iso_3166() -> None:
    """249 assigned codes and Kosovo's; what people type instead leads to one of them."""
    assert len(COUNTRIES) == 250
    assert read_country("NO") == "NO"
    assert set(NOT_ISO.values()) <= COUNTRIES
    assert not set(NOT_ISO) & COUNTRIES


@pytest.mark.parametrize(
    "text", ["user:anna", "group:editors", "user:anna@example.org", "user:a b", "user:Ødegård"]
)
def test_who_is_admitted(text: str) -> None:
    """Users and groups by the names that identities may have."""
    assert read_admitted(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "anna", "user:", "group: a", "User:anna", "role:x", "user:a\n", "group:a b", "user:a  b"],
)
def test_who_is_not_admitted(text: str) -> None:
    """Anything that names neither a user nor a group is refused."""
    with pytest.raises(UnfitError):
        read_admitted(text)


def test_register_urls() -> None:
    """A URL has a scheme and a rest."""
    assert read_register_url("postgresql+psycopg://host/db") == "postgresql+psycopg://host/db"
    for text in ("", "host/db", "://x", "sqlite://", "1a://x"):
        with pytest.raises(UnfitError):
            read_register_url(text)


READERS: list[Callable[[str], object]] = [
    read_address,
    read_admitted,
    read_class_id,
    read_country,
    read_credential,
    read_domain,
    read_method,
    read_network,
    read_register_url,
    read_upstream,
    lambda text: read_door(text, None, exact=False),
    lambda text: read_door("/", text, exact=False),
]


@given(st.text(st.sampled_from(string.printable + "üß。\u202e\x00"), max_size=40) | st.text())
def test_every_reader_answers_or_refuses(text: str) -> None:
    """No text makes a reader do anything else."""
    for read in READERS:
        with contextlib.suppress(UnfitError):
            read(text)


@given(st.ip_addresses(), st.integers(1, values.MAX_PORT))
def test_every_address_of_this_kind_is_read(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    """Whatever the address, what is read is the same address and port."""
    host = f"[{address}]" if address.version == 6 else str(address)
    if "%" in host:
        return

    assert read_address(f"{host}:{port}") == Address(str(address), port)
    assert read_upstream(f"http://{host}:{port}") == Upstream("http", str(address), port)

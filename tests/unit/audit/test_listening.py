"""What the kernel's tables say of sockets and addresses."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.listening import (
    Listener,
    is_beside_loopback,
    parse_ipv4_addresses,
    parse_ipv6_addresses,
    parse_listeners,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc/net is Linux's")


@pytest.mark.parametrize(("host", "table"), [("127.0.0.1", "tcp"), ("::1", "tcp6")])
def test_the_kernel_tells_a_real_listener(host: str, table: str) -> None:
    """A socket that was just opened stands in the table with its address and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        listeners = parse_listeners(Path("/proc/net", table).read_text("ascii"))
    assert Listener(ipaddress.ip_address(host), port) in listeners


def test_loopback_is_among_the_own_addresses() -> None:
    """The routing table tells this host's own addresses, loopback among them."""
    found = parse_ipv4_addresses(Path("/proc/net/fib_trie").read_text("ascii"))
    assert ipaddress.ip_address("127.0.0.1") in found


def test_ipv6_addresses() -> None:
    """Link-local addresses are left out."""
    table = (
        "00000000000000000000000000000001 01 80 10 80       lo\n"
        "fd000000000000000000000000000002 04 40 00 82     eth0\n"
        "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n"
    )
    assert [str(a) for a in parse_ipv6_addresses(table)] == ["::1", "fd00::2"]


def test_loopback_is_not_beside() -> None:
    """Only what others can reach is beside the gateway; an unspecified address is."""
    asked = ["127.0.0.9", "::1", "10.0.0.1", "0.0.0.0", "::"]  # noqa: S104  # nothing binds here
    assert [is_beside_loopback(ipaddress.ip_address(a)) for a in asked] == [
        *(False, False, True, True, True)
    ]


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """A table of another kernel makes no parser raise."""
    parse_listeners(text)
    parse_ipv4_addresses(text)
    parse_ipv6_addresses(text)

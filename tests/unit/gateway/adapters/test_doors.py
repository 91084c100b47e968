"""Addresses are looked at before Envoy takes them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sealgate.errors import GatewayError
from sealgate.gateway.adapters.doors import answers, free_port, refuse_taken, shown
from sealgate.policy.inventory import Address, Upstream


@pytest.mark.parametrize(
    ("address", "text"),
    [(Address("::", 443), "[::]:443"), (Address("127.0.0.1", 80), "127.0.0.1:80")],
)
def test_an_address_is_shown_as_in_a_url(address: Address, text: str) -> None:
    """IPv6 addresses stand in brackets (RFC 3986, 3.2.2)."""
    assert shown(address) == text


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_free_port_is_not_refused(host: str) -> None:
    """Looking does not take it: it can be looked at again."""
    address = Address(host, free_port(host))
    refuse_taken([address, address])


def test_a_port_that_others_share_is_in_use() -> None:
    """SO_REUSEPORT would let a second Envoy take half of the connections in silence."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        with pytest.raises(GatewayError, match=f"127.0.0.1:{port}: the port is in use") as raised:
            refuse_taken([Address("127.0.0.1", port)])
    assert str(port) in (raised.value.hint or "")


def test_all_addresses_mean_ipv4_too() -> None:
    """The address "::" cannot be had where an IPv4 program has the port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(GatewayError, match="the port is in use"),
    ):
        refuse_taken([Address("::", int(other.getsockname()[1]))])


def test_another_machines_address_is_named() -> None:
    """An address of the documentation range (RFC 5737) is not ours."""
    with pytest.raises(GatewayError, match="this machine does not have that address"):
        refuse_taken([Address("192.0.2.1", 8443)])


def test_a_site_that_listens_answers(tmp_path: Path) -> None:
    """A port, a Unix socket, and neither of them."""
    with socket.create_server(("127.0.0.1", 0)) as site:
        upstream = Upstream("http", "127.0.0.1", int(site.getsockname()[1]))
        assert answers(upstream)
    assert not answers(upstream)
    path = str(tmp_path / "site.sock")
    assert not answers(Upstream("unix", path, 0))
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        unix.listen()
        assert answers(Upstream("unix", path, 0))


def test_a_name_that_is_none_does_not_answer() -> None:
    """A host name that cannot be encoded is no crash."""
    assert not answers(Upstream("http", "a" * 80 + ".example", 80))

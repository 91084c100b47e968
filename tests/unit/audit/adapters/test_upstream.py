"""
Whether what is behind the gateway can be had beside it.
"""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from sealgate.audit.adapters.upstream import own_addresses, probe_upstream
from sealgate.audit.model import Limits
from sealgate.policy.inventory import Upstream
from sealgate.policy.observation import Fact, NotObserved, Observation, Sighting
from tests.ports import free_port

# A label of more than 63 characters: refused here, before anybody is asked for it.
NOWHERE = f"{'a' * 64}.example"
QUICK = Limits(connect_seconds=0.5, exchange_seconds=1)


def looks(upstream: Upstream, *addresses: str) -> dict[Fact, Sighting]:
    """
    Return what is seen when *addresses* are this host's public ones.
    """
    return {look.fact: look for look in probe_upstream("a", upstream, 0.0, QUICK, addresses)}


def value(sighting: Sighting) -> object:
    """
    Return what was observed, or the reason why not.
    """
    return sighting.value if isinstance(sighting, Observation) else sighting.reason


def test_loopback_only() -> None:
    """
    A site that answers on loopback alone is neither exposed nor unprotected.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        found = looks(Upstream("http", "127.0.0.1", port), "127.0.0.2")
    assert value(found[Fact.UPSTREAM_EXPOSED]) == ()
    assert value(found[Fact.UPSTREAM_PROTECTED]) is True


def test_another_address_answers() -> None:
    """
    What answers on a public address of this host is told with address and port.
    """
    port = free_port("127.0.0.1", "127.0.0.2")
    with (
        closing(socket.create_server(("127.0.0.1", port))),
        closing(socket.create_server(("127.0.0.2", port))),
    ):
        found = looks(Upstream("http", "127.0.0.1", port), "127.0.0.2")
    assert value(found[Fact.UPSTREAM_EXPOSED]) == (f"127.0.0.2:{port}",)


def test_a_unix_socket_is_near() -> None:
    """
    A socket in the file system has no address that others could ask.
    """
    found = looks(Upstream("unix", "/run/site.sock", 0))
    assert value(found[Fact.UPSTREAM_EXPOSED]) == ()
    assert value(found[Fact.UPSTREAM_PROTECTED]) is True


@pytest.mark.parametrize("host", ["10.255.255.254", NOWHERE])
def test_another_host_is_not_seen_from_here(host: str) -> None:
    """
    What is elsewhere cannot be judged from here, and http to it is not protected.
    """
    found = looks(Upstream("http", host, 8080), "127.0.0.2")
    assert isinstance(found[Fact.UPSTREAM_EXPOSED], NotObserved)
    assert value(found[Fact.UPSTREAM_PROTECTED]) is False


def test_https_that_does_not_answer() -> None:
    """
    A TLS upstream counts as protected only when its certificate was looked at.
    """
    found = looks(Upstream("https", NOWHERE, 443))
    assert isinstance(found[Fact.UPSTREAM_PROTECTED], NotObserved)


def test_own_addresses_leave_loopback_out() -> None:
    """
    Loopback is not beside the gateway.
    """
    assert not {"127.0.0.1", "::1"} & set(own_addresses())

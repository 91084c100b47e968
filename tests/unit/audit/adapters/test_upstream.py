"""Whether what is behind the gateway can be had beside it."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from sealgate.audit.adapters import upstream
from sealgate.audit.adapters.upstream import own_addresses, probe_upstream
from sealgate.audit.adapters.wire import NoListenerError, UnreachableError, Wire
from sealgate.audit.listening import Listener
from sealgate.audit.model import Limits
from sealgate.policy.inventory import Upstream
from sealgate.policy.observation import Fact, NotObserved, Observation, Sighting
from tests.ports import free_port

# A label of more than 63 characters: refused here, before anybody is asked for it.
NOWHERE = f"{'a' * 64}.example"
QUICK = Limits(connect_seconds=0.5, exchange_seconds=1)


def looks(behind: Upstream, *addresses: str) -> dict[Fact, Sighting]:
    """Return what is seen when *addresses* are this host's public ones."""
    return {look.fact: look for look in probe_upstream("a", behind, 0.0, QUICK, addresses)}


def value(sighting: Sighting) -> object:
    """Return what was observed, or the reason why not."""
    return sighting.value if isinstance(sighting, Observation) else sighting.reason


def test_loopback_only() -> None:
    """A site that answers on loopback alone is neither exposed nor unprotected."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        found = looks(Upstream("http", "127.0.0.1", port), "127.0.0.2")
    assert value(found[Fact.UPSTREAM_EXPOSED]) == ()
    assert value(found[Fact.UPSTREAM_PROTECTED]) is True


def test_another_address_answers() -> None:
    """What answers on a public address of this host is told with address and port."""
    port = free_port("127.0.0.1", "127.0.0.2")
    with (
        closing(socket.create_server(("127.0.0.1", port))),
        closing(socket.create_server(("127.0.0.2", port))),
    ):
        found = looks(Upstream("http", "127.0.0.1", port), "127.0.0.2")
    assert value(found[Fact.UPSTREAM_EXPOSED]) == (f"127.0.0.2:{port}",)


def test_an_address_that_says_nothing_proves_nothing() -> None:
    """What listens there takes no connection now (as behind a firewall), and may take others'."""
    port = free_port("127.0.0.1", "127.0.0.2")
    with ExitStack() as held:
        held.enter_context(socket.create_server(("127.0.0.1", port)))
        held.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
        # The kernel drops what comes when as many wait as may.
        for _ in range(4):
            waiting = held.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.2", port))
        found = looks(Upstream("http", "127.0.0.1", port), "127.0.0.2")
    assert isinstance(found[Fact.UPSTREAM_EXPOSED], NotObserved)
    assert f"127.0.0.2:{port} neither answered nor refused" in str(
        value(found[Fact.UPSTREAM_EXPOSED])
    )


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("own", ()),
        ("elsewhere", "neither answered nor refused"),  # the site is in a container's namespace
        ("unreadable", "cannot be read from /proc/net"),
    ],
)
def test_a_firewall_that_drops_all_hides_no_site_that_is_on_loopback_alone(
    table: str, told: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel's table says so, where it holds the site; without it nothing is known."""
    connect = Wire.connect

    def drop(address: str, port: int, limits: Limits) -> Wire:
        if address == "127.0.0.2":
            raise UnreachableError("no answer within 5 s")
        return connect(address, port, limits)

    monkeypatch.setattr(Wire, "connect", drop)
    if table != "own":
        shown = {"elsewhere": (), "unreadable": None}[table]
        monkeypatch.setattr(upstream, "listeners", lambda: shown)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        found = looks(Upstream("http", "127.0.0.1", server.getsockname()[1]), "127.0.0.2")
    seen = value(found[Fact.UPSTREAM_EXPOSED])
    assert seen == told or str(told) in str(seen)
    assert isinstance(found[Fact.UPSTREAM_EXPOSED], Observation) is (table == "own")


@pytest.mark.parametrize("name", ["fib_trie", "if_inet6", "tcp", "tcp6"])
def test_a_kernel_that_tells_nothing_is_no_kernel_without_addresses(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only without IPv6 is there no table of it."""
    for known in ("fib_trie", "if_inet6", "tcp", "tcp6"):
        (tmp_path / known).write_text("")
    monkeypatch.setattr(upstream, "_PROC", tmp_path)
    assert (own_addresses(), upstream.listeners()) == ((), ())
    (tmp_path / name).unlink()
    is_ipv6 = "6" in name
    assert (own_addresses() is None) is (name == "fib_trie")
    assert (upstream.listeners() is None) is (name == "tcp")
    assert is_ipv6 or None in (own_addresses(), upstream.listeners())
    (tmp_path / name).mkdir()
    assert None in (own_addresses(), upstream.listeners())
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        behind = Upstream("http", "127.0.0.1", server.getsockname()[1])
        look = probe_upstream("a", behind, 0.0, QUICK, None)[0]
    assert isinstance(look, NotObserved)


def test_a_unix_socket_is_near() -> None:
    """A socket in the file system has no address that others could ask."""
    found = looks(Upstream("unix", "/run/site.sock", 0))
    assert value(found[Fact.UPSTREAM_EXPOSED]) == ()
    assert value(found[Fact.UPSTREAM_PROTECTED]) is True


@pytest.mark.parametrize("host", ["10.255.255.254", NOWHERE])
def test_another_host_is_not_seen_from_here(host: str) -> None:
    """What is elsewhere cannot be judged from here, and http to it is not protected."""
    found = looks(Upstream("http", host, 8080), "127.0.0.2")
    assert isinstance(found[Fact.UPSTREAM_EXPOSED], NotObserved)
    assert value(found[Fact.UPSTREAM_PROTECTED]) is False


@pytest.mark.parametrize(
    ("failure", "seen"),
    [
        (NoListenerError("connection refused"), ()),
        (UnreachableError("no answer within 5 s"), "8.8.8.8:8080 neither answered nor refused"),
    ],
)
def test_what_listens_here_is_no_site_of_another_host(
    failure: UnreachableError, seen: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site on a public address of another host is asked there, and silence there proves nothing."""

    def fail(address: str, port: int, limits: Limits) -> Wire:
        assert (address, port, limits) == ("8.8.8.8", 8080, QUICK)
        raise failure

    monkeypatch.setattr(Wire, "connect", fail)
    mine = Listener(ipaddress.ip_address("192.0.2.1"), 8080)
    monkeypatch.setattr(upstream, "listeners", lambda: (mine,))
    look = probe_upstream("a", Upstream("http", "8.8.8.8", 8080), 0.0, QUICK, None)[0]
    assert value(look) == seen or str(seen) in str(value(look))
    assert isinstance(look, Observation) is (seen == ())


def test_https_that_does_not_answer() -> None:
    """A TLS upstream counts as protected only when its certificate was looked at."""
    found = looks(Upstream("https", NOWHERE, 443))
    assert isinstance(found[Fact.UPSTREAM_PROTECTED], NotObserved)


def test_own_addresses_leave_loopback_out() -> None:
    """Loopback is not beside the gateway."""
    assert not {"127.0.0.1", "::1"} & set(own_addresses() or ("127.0.0.1",))

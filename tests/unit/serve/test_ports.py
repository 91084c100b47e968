"""Port 0 is chosen once."""

from __future__ import annotations

import dataclasses

import pytest

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Inventory,
    Listen,
    PaymentGateway,
    Route,
    Site,
    Upstream,
)
from sealgate.serve import ports
from sealgate.serve.ports import Addresses, Ports, opened


def with_listen(*ports: int) -> Inventory:
    """Return an inventory that listens on *ports* for https, and on none for http."""
    https = tuple(Address("127.0.0.1", port) for port in ports)
    return Inventory(
        "sealgate.toml", ".sealgate", listen=Listen(https, (), trusted_proxies=("192.0.2.0/24",))
    )


def test_a_chosen_port_is_kept() -> None:
    """The same place has the same port again; each place has its own."""
    chosen = Ports()
    first = chosen.settle(with_listen(0, 0)).listen
    assert chosen.settle(with_listen(0, 0)).listen == first
    one, two = (address.port for address in first.https)
    assert 0 not in {one, two}


def test_no_port_is_chosen_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel may give one again while nobody listens on it."""
    given = iter([5000, 5000, 5000, 5001])
    monkeypatch.setattr(ports, "free_port", lambda _host: next(given))
    listen = Ports().settle(with_listen(0, 0)).listen
    assert [address.port for address in listen.https] == [5000, 5001]


def test_what_is_told_is_left_alone() -> None:
    """A port of the configuration and everything else stay."""
    given = with_listen(8443)
    assert Ports().settle(given) == given


def test_the_way_out_has_a_port_of_its_own() -> None:
    """Where the configuration of a program leaves it open."""
    given = Listen((Address("127.0.0.1", 0),), (), egress=(Address("127.0.0.1", 0),))
    listen = Ports().settle(Inventory("sealgate.toml", ".sealgate", listen=given)).listen

    assert listen.egress[0].port not in {0, listen.https[0].port}


def test_only_doors_with_something_behind_are_open() -> None:
    """Without a site none is, and the way out is when there is a payment gateway."""
    out = (Address("127.0.0.1", 8444),)
    given = dataclasses.replace(with_listen(8443).listen, egress=out)
    empty = Inventory("sealgate.toml", ".sealgate", listen=given)
    upstream = Upstream("http", "127.0.0.1", 8080)
    site = Site(("shop.example",), upstream, (Route(Door("/"), DEFAULT_MODEL.classes[0]),))
    served = dataclasses.replace(empty, sites=(site,))
    paid = dataclasses.replace(served, payment_gateways=(PaymentGateway("Payments Ltd", ()),))

    assert opened(empty) == Addresses()
    assert opened(served) == Addresses(given.https, (), ())
    assert opened(paid) == Addresses(given.https, (), out)
    assert opened(paid).all == (*given.https, *out)

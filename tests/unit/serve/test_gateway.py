"""The rules of a gateway at work: whole or not at all, revocations whatever else fails."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.config.load import load
from sealgate.errors import BugError, ConfigError, GatewayError, SourceError
from sealgate.identity.adapters.row_key import HEAD_NAME
from sealgate.policy.observation import Fact
from sealgate.serve.gateway import EnvoyService
from sealgate.serve.supervisor import Supervisor
from tests.peers.served import Place, given_certificate, site_running
from tests.processes import lives
from tests.waiting import wait_until


class Clock:
    """A clock that can be set forward."""

    ahead = 0.0

    def __call__(self) -> float:
        """Return seconds since the epoch."""
        return time.time() + self.ahead


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a folder with a configuration that locks one route, and a key for it."""
    with site_running() as site:
        one = Place(tmp_path, site.server_port)
        one.write("/", "!/inside")
        one.issue("anna", "--group", "editors")
        yield one


@pytest.fixture
def told() -> list[str]:
    """Return the list that takes what a gateway says."""
    return []


@pytest.fixture
def clock() -> Clock:
    """Return the gateway's clock."""
    return Clock()


@pytest.fixture
def make(place: Place, told: list[str], clock: Clock) -> Iterator[Callable[[], Supervisor]]:
    """Return a maker of gateways on the configuration; none outlives the test."""
    made: list[Supervisor] = []

    def one() -> Supervisor:
        config = str(place.config)
        gateway = Supervisor(
            load(config), load=lambda: load(config), now=clock, tell=told.append, workers=1
        )
        made.append(gateway)
        return gateway

    yield one
    for gateway in made:
        gateway.kill()


def key_of(place: Place, name: str) -> tuple[str, ...]:
    """Return curl's options for the certificate of *name*."""
    return "--cert", str(place.folder / f"{name}.crt"), "--key", str(place.folder / f"{name}.key")


def test_nothing_can_be_asked_of_a_gateway_that_was_not_started(clock: Clock) -> None:
    """It serves nothing yet; stopping it is no error."""
    gateway = EnvoyService(now=clock, tell=print)
    for ask in (gateway.readmit, gateway.status):
        with pytest.raises(BugError, match="was not started"):
            ask()
    gateway.request_stop(0.0)
    assert gateway.await_end()


def test_every_fault_is_told_before_anything_starts(
    make: Callable[[], Supervisor], place: Place
) -> None:
    """Faults of certificates come together, and nothing runs."""
    given_certificate(place.folder, "site", domain="other.example")
    given_certificate(place.folder, "other")
    place.write("/", tls='certificate = { chain = "site.pem", key = "other.key" }')
    gateway = make()
    with pytest.raises(ConfigError) as raised:
        gateway.start()
    assert len(raised.value.faults) == 2
    assert gateway.envoy.pid is None


def test_the_host_sees_what_is_enforced(make: Callable[[], Supervisor]) -> None:
    """The locked route's rung is promised while Envoy runs, and nothing when it does not."""
    gateway = make()
    gateway.start()
    [rung] = [
        one.value
        for one in gateway.guaranteed()
        if one.fact is Fact.ACCESS_RUNG and one.asset == "route localhost/inside"
    ]
    assert rung == 2
    gateway.kill()
    assert gateway.guaranteed() == ()


def test_a_revocation_holds_though_the_certificate_is_broken(
    make: Callable[[], Supervisor], place: Place
) -> None:
    """A given certificate that cannot be served any more keeps no revocation from holding."""
    given_certificate(place.folder, "site")
    place.write("/", "!/inside", tls='certificate = { chain = "site.pem", key = "site.key" }')
    gateway = make()
    gateway.start()
    trust = ("--cacert", str(place.folder / "site.pem"))
    assert place.status("/inside/", *trust, *key_of(place, "anna")) == 200
    (place.folder / "site.key").write_text("no key")
    place.sealgate("key", "revoke", "anna")
    assert gateway.readmit().changed == ('routes of "localhost"',)
    assert place.status("/inside/", *trust, *key_of(place, "anna")) == 403
    assert place.status("/", *trust) == 200


def test_an_end_holds_though_the_database_is_gone(
    make: Callable[[], Supervisor], place: Place, clock: Clock, told: list[str]
) -> None:
    """What was read last is enough to know who has ended since."""
    place.issue("ben", "--group", "editors", "--days", "1")
    gateway = make()
    gateway.start()
    assert place.status("/inside/", *key_of(place, "ben")) == 200
    for file in place.state.glob("register.sqlite*"):
        file.unlink()
    (place.state / "register.sqlite").write_bytes(b"damaged" * 1000)
    with pytest.raises(SourceError):
        gateway.readmit()
    assert place.status("/inside/", *key_of(place, "ben")) == 200
    clock.ahead = 86400.0 + 60
    gateway.tick()
    assert place.status("/inside/", *key_of(place, "ben")) == 403
    assert place.status("/inside/", *key_of(place, "anna")) == 200
    assert any("database" in line for line in told)


def test_an_envoy_that_takes_nothing_over_is_ended(
    make: Callable[[], Supervisor], place: Place
) -> None:
    """After two failures to take a revocation over, a new Envoy starts with it."""
    gateway = make()
    gateway.start()
    first = gateway.envoy.pid
    assert first is not None
    place.sealgate("key", "revoke", "anna")
    # A stopped process is what a hanging Envoy looks like.
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(GatewayError, match="does not answer"):
        gateway.readmit()
    assert gateway.guaranteed() == ()
    gateway.tick()
    assert wait_until(lambda: not lives(first))

    def runs_again() -> bool:
        gateway.tick()
        return gateway.envoy.pid is not None

    assert wait_until(runs_again)
    assert gateway.envoy.pid != first
    assert place.status("/inside/", *key_of(place, "anna")) == 403
    assert place.status("/") == 200


def test_a_renewal_that_fails_changes_nothing(
    make: Callable[[], Supervisor], place: Place, clock: Clock, told: list[str]
) -> None:
    """The old certificate stays, the error is told once, and it is tried again later."""
    gateway = make()
    gateway.start()
    before = place.shown_certificate()
    certificates = place.state / "certificates"
    certificates.rename(place.folder / "aside")
    certificates.write_text("in the way")
    clock.ahead = 9.5 * 86400
    gateway.tick()
    gateway.tick()
    assert place.shown_certificate() == before
    assert len([line for line in told if line.startswith("error: ")]) == 1
    certificates.unlink()
    (place.folder / "aside").rename(certificates)
    clock.ahead += 61
    gateway.tick()
    assert place.shown_certificate() != before


def test_a_certificate_that_ended_is_told_once(
    make: Callable[[], Supervisor], place: Place, clock: Clock, told: list[str]
) -> None:
    """Nobody renewed the given certificate: it is still shown, and the error is told."""
    given_certificate(place.folder, "site", days=20)
    place.write("/", tls='certificate = { chain = "site.pem", key = "site.key" }')
    gateway = make()
    gateway.start()
    clock.ahead = 21 * 86400.0
    gateway.tick()
    gateway.tick()
    assert len([line for line in told if "ended on" in line]) == 1
    faults = gateway.status()["faults"]
    assert isinstance(faults, list)
    assert any("ended on" in fault for fault in faults)


def test_another_state_folder_needs_a_restart(make: Callable[[], Supervisor], place: Place) -> None:
    """The lock and the socket belong to the folder that was begun with."""
    gateway = make()
    gateway.start()
    place.write("/", head='[state]\nfolder = "elsewhere"\n')
    with pytest.raises(GatewayError, match="the state folder is another one"):
        gateway.reload()
    assert place.status("/") == 200


def test_a_port_in_use_refuses_a_reload(make: Callable[[], Supervisor], place: Place) -> None:
    """A new address that cannot be had changes nothing at all."""
    gateway = make()
    gateway.start()
    old = place.https
    place.https = place.upstream
    place.write("/", "/added")
    with pytest.raises(GatewayError, match="the port is in use"):
        gateway.reload()
    place.https = old
    assert place.status("/inside/") == 403


def test_another_database_of_identities_is_looked_at_by_itself(
    make: Callable[[], Supervisor], place: Place
) -> None:
    """A revocation on another node of the same database holds here within seconds."""
    shared = f'[register]\nurl = "sqlite:///{place.folder}/shared.sqlite"\n'
    place.write("/", "!/inside", head=shared)
    # Of the place's own database, which this one takes the place of.
    (place.folder / ".sealgate" / HEAD_NAME).unlink()
    place.issue("ben", "--group", "editors")
    gateway = make()
    gateway.start()
    assert place.status("/inside/", *key_of(place, "ben")) == 200
    # The command finds no lock of this gateway, as on another machine.
    place.sealgate("key", "revoke", "ben")
    gateway.tick()
    assert place.status("/inside/", *key_of(place, "ben")) == 403

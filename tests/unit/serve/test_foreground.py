"""The thread around a gateway: starts, orders, failures, ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.app.reload import enforced, notify, status
from sealgate.config.load import load
from sealgate.control import ask
from sealgate.errors import BugError, ConfigError, GatewayError
from sealgate.policy.inventory import Inventory
from sealgate.serve.foreground import serve
from sealgate.serve.running import Options, RunningGateway
from tests.peers.served import Place, site_running
from tests.processes import lives
from tests.waiting import wait_until


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a folder with a configuration of one public route."""
    with site_running() as site:
        one = Place(tmp_path, site.server_port)
        one.write("/")
        yield one


def inventory_of(place: Place) -> Inventory:
    """Return what the configuration declares."""
    return load(str(place.config))


def test_orders_come_from_any_thread(place: Place) -> None:
    """Reloads that meet are done one after the other, and each caller has an answer."""
    with RunningGateway(inventory_of(place), Options(workers=1)) as gateway:
        place.write("/", "/added")
        changes: list[tuple[str, ...]] = []
        threads = [
            threading.Thread(target=lambda: changes.append(gateway.reload().changed))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(changes) == [(), (), (), ('routes of "localhost"', "upstreams", "inspection")]


def test_the_control_socket_answers_each_command(place: Place) -> None:
    """Status, identities, promises and reload; anything else is refused."""
    state = str(place.state)
    with RunningGateway(inventory_of(place), Options(workers=1)) as gateway:
        told = status(state)
        assert isinstance(told, dict)
        assert (told["pid"], told["envoy_pid"]) == (os.getpid(), gateway.pid)
        assert told["https"] == [f"127.0.0.1:{place.https}"]
        assert told["faults"] == []
        assert notify(state)
        assert enforced(state)
        assert ask(state, "reload") == {"ok": True, "changed": [], "remarks": []}
        with pytest.raises(GatewayError, match="no command that this gateway knows"):
            ask(state, "nonsense")
    assert ask(state, "status") is None


def test_a_failed_start_leaves_nothing(place: Place) -> None:
    """The error comes to the caller; lock and socket are free again."""
    place.write("/", "!/inside")
    gateway = RunningGateway(inventory_of(place), Options(workers=1))
    with pytest.raises(ConfigError):
        gateway.start()
    assert gateway.stop()
    place.write("/")
    with RunningGateway(inventory_of(place), Options(workers=1)):
        assert place.status("/") == 200


def test_a_gateway_that_was_never_started_may_be_stopped(place: Place) -> None:
    """Cleaning up needs no case of its own."""
    assert RunningGateway(inventory_of(place)).stop()


def test_a_fault_of_ours_is_told_as_one(place: Place) -> None:
    """Anything unforeseen ends the gateway, Envoy too, and is asked to be reported."""

    def broken() -> float:
        raise ZeroDivisionError

    options = Options(workers=1, tick_seconds=0.05)
    gateway = RunningGateway(inventory_of(place), options)
    gateway.start()
    envoy = gateway.pid
    assert envoy is not None
    gateway._supervisor.envoy._now = broken
    with pytest.raises(BugError, match="ZeroDivisionError"):
        gateway.wait()
    assert not lives(envoy)


def test_a_reload_by_signal_tells_what_came_of_it(place: Place) -> None:
    """Faults with their place, remarks, and what changed."""
    told: list[str] = []
    with RunningGateway(inventory_of(place), Options(workers=1, tell=told.append)) as gateway:
        place.write("/", "!/inside")
        gateway.request_reload()
        assert wait_until(lambda: any("what was served before stays" in line for line in told))
        place.write("/", "/added")
        gateway.request_reload()
        assert wait_until(lambda: any('reloaded: routes of "localhost"' in line for line in told))
    assert any("sealgate.toml:" in line and "nobody who may enter" in line for line in told)


def test_serving_ends_with_a_signal_and_removes_its_ready_file(place: Place) -> None:
    """In the main thread signals are handled as long as it serves, and no longer."""
    before = signal.getsignal(signal.SIGTERM)
    ready = place.folder / "ready.json"

    def stop() -> None:
        wait_until(ready.exists)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop).start()
    told: list[str] = []
    assert serve(inventory_of(place), Options(workers=1, tell=told.append), ready_file=str(ready))
    assert not ready.exists()
    assert signal.getsignal(signal.SIGTERM) is before
    assert f"serving https://localhost:{place.https}/ on 127.0.0.1:{place.https}" in told

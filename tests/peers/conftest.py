"""What several files of tests stand on: a site to stand in front of, a gateway to attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.attacked import World, attacked
from tests.peers.audited import Authority
from tests.peers.gatewayed import close_all
from tests.peers.provided import World as ProvidedWorld
from tests.peers.provided import provided
from tests.peers.served import Place, Site, site_running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make one authority for all tests of a file."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def site() -> Iterator[Site]:
    """Run a site to stand in front of."""
    with site_running() as server:
        yield server


@pytest.fixture
def place(site: Site, tmp_path: Path) -> Place:
    """Return a folder with a configuration of one public route."""
    one = Place(tmp_path, site.server_port)
    one.write("/")
    return one


@pytest.fixture(scope="session")
def attacked_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the gateway for every test that attacks it; none of them changes it."""
    folder, run_folder = tmp_path_factory.mktemp("attacked"), tmp_path_factory.mktemp("envoy")
    with attacked(folder, run_folder) as running:
        yield running


@pytest.fixture
def world(attacked_world: World) -> Iterator[World]:
    """Forget what reached the site before, and close what a test opened."""
    attacked_world.site.requests.clear()
    yield attacked_world
    close_all()


@pytest.fixture(scope="session")
def provided_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProvidedWorld]:
    """Run a site whose people sign in through a provider that runs here."""
    with provided(tmp_path_factory.mktemp("provided")) as running:
        yield running

"""Envoy ends itself when it may not watch a file; so its watches are counted before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.errors import GatewayError
from sealgate.gateway.adapters import watches
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.adapters.watches import SPARE, instances, require_instances
from sealgate.gateway.model import CertificateFiles, EnvoyFiles, Material
from sealgate.gateway.translate import translate
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AccessSettings,
    Address,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    Upstream,
)

Maker = Callable[..., EnvoyFiles]
PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes


def _sites(
    folder: Path, count: int, addresses: int = 1, *, countries: bool = True, port: int = 20000
) -> EnvoyFiles:
    """
    Return the translation of *count* sites with a lock, that listen on *addresses* ports of loopback.

    Paths are of files in *folder*: those that the fixture ``plain_files`` makes there, and a
    country database unless there are no *countries*.
    """
    upstream = Upstream("http", "127.0.0.1", 9)
    routes = (Route(Door("/"), PUBLIC), Route(Door("/a"), CONFIDENTIAL, admit=("user:anna",)))
    sites = tuple(Site((f"site{number}.example",), upstream, routes) for number in range(count))
    ports = tuple(Address("127.0.0.1", port + number) for number in range(addresses))
    inventory = Inventory("s.toml", str(folder), Listen(ports, ()), sites=sites)
    pair = CertificateFiles(f"{folder}/site.pem", f"{folder}/site.key")
    database = f"{folder}/country.mmdb" if countries else None
    names = {site.name: pair for site in sites}
    access = AccessSettings(("DE",), database)
    return translate(
        Inventory("s.toml", str(folder), inventory.listen, access=access, sites=sites),
        Material(str(folder), names, f"{folder}/site.pem", {}, database),
    )


@pytest.mark.parametrize(
    ("sites", "addresses", "counted"), [(1, 1, 6), (3, 1, 12), (8, 1, 27), (3, 2, 12)]
)
def test_the_count_is_that_of_a_running_envoy(
    tmp_path: Path, sites: int, addresses: int, counted: int
) -> None:
    """The numbers were read off a running Envoy 1.40: three a site, whatever it listens on."""
    assert instances(_sites(tmp_path, sites, addresses).files) == counted


def test_a_running_envoy_holds_as_many_as_counted(plain_files: Maker) -> None:
    """Should Envoy come to take more, this fails before an operator's gateway does."""
    files = plain_files()
    envoy = Envoy(find_envoy(), files.folder, workers=1)
    try:
        envoy.start(files)
        assert envoy.pid is not None
        assert watches._held(Path("/proc", str(envoy.pid))) == instances(files.files)
    finally:
        envoy.kill()


@pytest.mark.parametrize(("sites", "countries"), [(1, True), (4, True), (4, False)])
def test_what_is_emitted_takes_as_many_as_counted(
    plain_files: Maker, port: int, sites: int, *, countries: bool
) -> None:
    """So the refusal comes before an Envoy that ends, with certificates and countries that are there."""
    folder = Path(plain_files().folder)
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-Country")
    writer.insert_network(IPSet(["127.0.0.0/8"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(folder / "country.mmdb"))
    files = _sites(folder, sites, countries=countries, port=port)
    envoy = Envoy(find_envoy(), files.folder, workers=1)
    try:
        envoy.start(files)
        assert envoy.pid is not None
        assert watches._held(Path("/proc", str(envoy.pid))) == instances(files.files)
    finally:
        envoy.kill()


def test_too_few_are_told_with_what_to_type(tmp_path: Path) -> None:
    """The limit, what is needed and what others hold stand in the message."""
    limit = tmp_path / "max_user_instances"
    files = _sites(tmp_path, 60).files
    others = watches._taken(0, except_pid=None)
    limit.write_text(str(instances(files) + SPARE - 1))
    with pytest.raises(GatewayError, match="need 183 inotify instances") as raised:
        require_instances(files, limit_file=str(limit))
    assert raised.value.hint == "sysctl fs.inotify.max_user_instances=1024"
    limit.write_text(str(instances(files) + SPARE + others + 1000))
    require_instances(files, limit_file=str(limit))


def test_a_change_needs_what_is_new_beside_what_is_old(tmp_path: Path) -> None:
    """Sites that go are still watched while those that come are taken over."""
    limit = tmp_path / "max_user_instances"
    two, three = _sites(tmp_path, 2).files, _sites(tmp_path, 3).files
    limit.write_text(str(instances(three) + SPARE - 1))
    for new, old in ((three, two), (two, three)):
        with pytest.raises(GatewayError, match=f"need {instances(three)} inotify"):
            require_instances(new, old, limit_file=str(limit))


def test_without_a_limit_nothing_is_refused(tmp_path: Path) -> None:
    """A kernel that tells no limit is not second-guessed."""
    require_instances(_sites(tmp_path, 60).files, limit_file=str(tmp_path / "missing"))


def test_the_gateway_refuses_before_envoy_could_end(
    plain_files: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a start and on a change: the running configuration goes on."""

    def other(files: dict[str, Any]) -> None:
        [host] = files["rds-site.json"]["resources"][0]["virtual_hosts"]
        host["routes"][0]["direct_response"] = {"status": 204}

    files = plain_files()
    envoy = Envoy(find_envoy(), files.folder, workers=1)
    try:
        monkeypatch.setattr(watches, "_limit", lambda _: 1)
        with pytest.raises(GatewayError, match=r"fs\.inotify\.max_user_instances"):
            envoy.start(files)
        assert envoy.pid is None
        monkeypatch.setattr(watches, "_limit", lambda _: 10_000)
        envoy.start(files)
        monkeypatch.setattr(watches, "_limit", lambda _: 1)
        with pytest.raises(GatewayError, match=r"fs\.inotify\.max_user_instances"):
            envoy.apply(plain_files(other))
        assert envoy.is_running()
        assert envoy.files == files
    finally:
        envoy.kill()

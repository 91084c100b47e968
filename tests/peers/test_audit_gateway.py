"""
The audit looks at the gateway that the same inventory was compiled to.

What it asks for from outside and what Envoy was told must agree; where Envoy runs
something else than the inventory declares, the audit finds it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.config.load import load
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.guarantees import guaranteed
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.finding import Severity, Status
from sealgate.policy.leftovers import Leftover
from tests.peers.audited import ACCOUNT, BACKEND, Ground, make_ground, nginx, open_rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.policy.inventory import Inventory

pytestmark = pytest.mark.peer("nginx")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Write the configuration of one shop with three kinds of route."""
    return make_ground(tmp_path)


def material(ground: Ground) -> Material:
    """Return what the gateway needs; the one client that may enter exists nowhere."""
    folder = ground.folder / "envoy"
    folder.mkdir(mode=0o700, exist_ok=True)
    return Material(
        str(folder),
        {"shop.localhost": CertificateFiles(str(ground.files.chain), str(ground.files.key))},
        client_ca=str(ground.authority.path),
        admitted={BACKEND: ("ab" * 32,)},
        geo_database=str(ground.folder / "country.mmdb"),
    )


@contextmanager
def serving(ground: Ground, inventory: Inventory) -> Iterator[None]:
    """Run Envoy as *inventory* says, before a site that answers anything to anybody."""
    anything = f'{ACCOUNT} location / {{ return 200 "you asked for $request_uri"; }}'
    site = f"server {{ listen 127.0.0.1:{ground.upstream}; {anything} }}"
    envoy = Envoy(find_envoy(), str(ground.folder / "envoy"))
    with nginx(ground.folder / "n", site, ground.upstream):
        envoy.start(translate(inventory, material(ground)))
        try:
            yield
        finally:
            envoy.kill()


def test_the_gateway_keeps_what_the_audit_asks_for(ground: Ground) -> None:
    """Every spelling of the locked path is refused before a site that would answer it."""
    inventory = load(str(ground.folder / "sealgate.toml"))
    host = guaranteed(inventory, material(ground), now=time.time())
    with serving(ground, inventory):
        report = ground.judge("127.0.0.2", host=host)
    assert open_rules(report) == set()
    assert report.met > 30


def test_a_gateway_that_serves_something_else(ground: Ground) -> None:
    """Envoy that has the backend as a public page is found, though the host guaranteed a lock."""
    inventory = load(str(ground.folder / "sealgate.toml"))
    host = guaranteed(inventory, material(ground), now=time.time())
    [site] = inventory.sites
    routes = tuple(
        replace(route, classification=DEFAULT_MODEL.weakest, backend=False, admit=())
        for route in site.routes
    )
    weaker = replace(inventory, sites=(replace(site, routes=routes),))
    with serving(ground, weaker):
        report = ground.judge("127.0.0.2", host=host)
    rules = {rule for rule, asset in open_rules(report) if asset == BACKEND}
    assert {"transit-backend-unlocked", "access-anonymous"} <= rules


LEAKS = {
    "/.env": "APP_KEY=base64:secret",
    "/.git/config": "[core]",
    "/wp-config.php~": "<?php define(1);",
    "/backup.sql": "-- MySQL dump 10",
    "/wp-content/debug.log": "[01-Dec-2026 10:00:00 UTC] PHP Warning: x",
}


def leaking(ground: Ground) -> str:
    """Return a site that gives everybody what nobody should have."""
    files = "".join(
        f"location = {path} {{ return 200 '{text}\\n'; }}" for path, text in LEAKS.items()
    )
    return f"server {{ listen 127.0.0.1:{ground.upstream}; {ACCOUNT} {files} location / {{ return 404; }} }}"


@pytest.mark.parametrize("kind", ["refused", "served"])
def test_leftovers_are_refused_and_found_where_a_route_serves_them(
    ground: Ground, kind: str
) -> None:
    """The gateway keeps the files of a leaking site from everybody; without it the audit tells."""
    inventory = load(str(ground.folder / "sealgate.toml"))
    if kind == "served":
        [site] = inventory.sites
        routes = tuple(replace(route, leftovers=tuple(Leftover)) for route in site.routes)
        inventory = replace(inventory, sites=(replace(site, routes=routes),))
    envoy = Envoy(find_envoy(), str(ground.folder / "envoy"))
    with nginx(ground.folder / "n", leaking(ground), ground.upstream):
        envoy.start(translate(inventory, material(ground)))
        try:
            report = ground.judge("127.0.0.2", host=())
        finally:
            envoy.kill()
    found = [f for f in report.open_findings if f.rule.id == "minimise-leftover-served"]
    if kind == "refused":
        assert found == []
        return
    [finding] = found
    assert finding.severity is Severity.ERROR
    assert all(path in finding.found for path in LEAKS)


CONDITIONS = """
        [[site.route]]
        path = "/jobs"
        class = "confidential"
        query = "task"
        admit = ["group:editors"]

        [[site.route]]
        path = "/node"
        class = "confidential"
        methods = ["DELETE", "POST"]
        admit = ["group:editors"]

        [[site.route]]
        path = "/"
        class = "confidential"
        credentials = ["authorization", "cookie:app_* + header:x-nonce"]
        admit = ["group:editors"]
"""


@pytest.mark.parametrize("kind", ["kept", "left out", "left out, and refused by the site"])
def test_doors_by_condition_are_tried(ground: Ground, kind: str) -> None:
    """The gateway refuses each; one that leaves one out is found, also where the site says 403."""
    file = ground.folder / "sealgate.toml"
    file.write_text(file.read_text("utf-8") + CONDITIONS, "utf-8")
    inventory = load(str(file))
    [site] = inventory.sites
    doors = {route_asset(site, route).id for route in site.routes if route.door.conditional}
    everybody = replace(material(ground), admitted=dict.fromkeys({BACKEND, *doors}, ("ab" * 32,)))
    host = guaranteed(inventory, everybody, now=time.time())
    served = inventory
    if kind != "kept":
        routes = tuple(route for route in site.routes if not route.door.conditional)
        served = replace(inventory, sites=(replace(site, routes=routes),))
    answer = "403" if kind.endswith("site") else '200 "you asked for $request_uri"'
    behind = f"server {{ listen 127.0.0.1:{ground.upstream}; {ACCOUNT} location / {{ return {answer}; }} }}"
    envoy = Envoy(find_envoy(), str(ground.folder / "envoy"))
    with nginx(ground.folder / "n", behind, ground.upstream):
        envoy.start(translate(served, everybody))
        try:
            report = ground.judge("127.0.0.2", host=host)
        finally:
            envoy.kill()
    found = {
        f.asset.id
        for f in report.open_findings
        if f.rule.id == "transit-backend-unlocked" and f.status is Status.VIOLATED
    }
    assert found == (set() if kind == "kept" else doors)
    assert kind != "kept" or open_rules(report) == set()

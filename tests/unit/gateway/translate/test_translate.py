from __future__ import annotations

import copy
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.config.parse import parse
from sealgate.gateway.adapters.envoy import validate
from sealgate.gateway.adapters.files import differing
from sealgate.gateway.model import (
    BOOTSTRAP,
    CLUSTERS,
    LISTENERS,
    CertificateFiles,
    EnvoyFiles,
    Guard,
    Material,
    SignInMaterial,
    guard_of,
)
from sealgate.gateway.translate import translate
from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import Inspect, Inventory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOLDEN = Path("tests/golden/gateway")
CASES = sorted(path.name.removesuffix(".in.toml") for path in GOLDEN.glob("*.in.toml"))
FINGERPRINT = "0f" * 32
# To write the golden files anew: SEALGATE_WRITE_GOLDEN=1 pytest tests/unit/gateway/translate
WRITE_GOLDEN = os.environ.get("SEALGATE_WRITE_GOLDEN") == "1"


def inventory_of(case: str) -> Inventory:
    """Return what the golden configuration *case* declares."""
    text = (GOLDEN / f"{case}.in.toml").read_text("utf-8")
    return parse(text, f"{case}.in.toml", folder="/etc/sealgate")


def material_for(inventory: Inventory, folder: str = "/var/lib/sealgate") -> Material:
    """Return material under *folder* that has whatever *inventory* could need."""
    pairs = {
        site.name: CertificateFiles(f"{folder}/{site.name}.pem", f"{folder}/{site.name}.key")
        for site in inventory.sites
    }
    admitted = {
        route_asset(site, route).id: (FINGERPRINT,)
        for site in inventory.sites
        for route in site.routes
        if route.admit
    }
    database = f"{folder}/country.mmdb" if inventory.access.geo_database else None
    people = dict.fromkeys(admitted, ("Jürgen", "anna"))
    granted = {key: {"anna": (FINGERPRINT,), "somebody else": ()} for key in admitted}
    return Material(
        f"{folder}/envoy",
        pairs,
        f"{folder}/client-ca.pem",
        admitted,
        database,
        relays={
            route_asset(site, route).id: f"{folder}/relays/{number}.sock"
            for number, (site, route) in enumerate(
                (s, r) for s in inventory.sites for r in s.routes if r.inspect is not Inspect.OFF
            )
        },
        sign_in=SignInMaterial(
            f"{folder}/sign-in.sock", '{"keys":[]}', "sealgate", people, granted
        ),
        signers={
            route_asset(site, route).id: f"{folder}/signers/{number}.sock"
            for site in inventory.sites
            for number, route in enumerate(site.routes)
            if route.plain_http
        },
        key_lists={site.name: '{"keys":[]}' for site in inventory.sites},
    )


def without_repetition(value: Any, shared: dict[str, object], key: str = "") -> Any:
    """
    Return *value* with pages and programs, which repeat, moved to *shared* by digest.

    So a golden file stays readable, and a changed byte of a page still shows.
    """
    if isinstance(value, dict):
        value = {k: without_repetition(item, shared, k) for k, item in value.items()}
    elif isinstance(value, list):
        value = [without_repetition(item, shared) for item in value]
    program = isinstance(value, str) and "envoy_on_re" in value
    if program or key == "local_reply_config":
        text = json.dumps(value, sort_keys=True)
        name = f"{'lua' if program else 'pages'} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
        shared[name] = value.splitlines() if program else value
        return {"$shared": name}
    return value


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    """The translation of a configuration is the one that was last looked at by a person."""
    inventory = inventory_of(case)
    shared: dict[str, object] = {}
    files = without_repetition(dict(translate(inventory, material_for(inventory)).files), shared)
    path = GOLDEN / f"{case}.out.json"
    whole = {"files": files, "shared": shared}
    text = json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if WRITE_GOLDEN:
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


@pytest.fixture(scope="module")
def material_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a certificate, an authority and a country database."""
    folder = tmp_path_factory.mktemp("material")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", str(folder / "any.key"), "-out", str(folder / "any.pem")),
            *("-subj", "/CN=any", "-days", "2"),
        ],
        check=True,
        capture_output=True,
    )
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-Country")
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(folder / "country.mmdb"))
    return folder


def served_files(case: str, folder: Path) -> EnvoyFiles:
    """Return the translation of a golden configuration, of files that are there."""
    inventory = inventory_of(case)
    material = material_for(inventory, str(folder))
    pair = CertificateFiles(str(folder / "any.pem"), str(folder / "any.key"))
    material = Material(
        str(folder),
        dict.fromkeys(material.certificates, pair),
        str(folder / "any.pem"),
        material.admitted,
        material.geo_database,
        str(folder / "any.pem"),
        material.relays,
    )
    files = translate(inventory, material)
    text = json.dumps(files.files).replace(
        "/etc/sealgate/internal-root.pem", str(folder / "any.pem")
    )
    return EnvoyFiles(files.folder, json.loads(text))


@pytest.mark.parametrize("case", CASES)
def test_envoy_accepts(case: str, material_folder: Path) -> None:
    """Envoy itself finds nothing wrong with any golden translation."""
    validate(served_files(case, material_folder))


@pytest.mark.parametrize("case", CASES)
def test_what_differs_is_a_configuration_by_itself(case: str, material_folder: Path) -> None:
    """Envoy accepts what is new beside one chain less, and beside other routes of one site."""
    files = served_files(case, material_folder)

    def before(change: Callable[[dict[str, Any]], None]) -> EnvoyFiles:
        older = copy.deepcopy(dict(files.files))
        change(older)
        return EnvoyFiles(files.folder, older)

    def a_chain_less(older: dict[str, Any]) -> None:
        older["lds.json"]["resources"][0]["filter_chains"].pop()

    def other_routes(older: dict[str, Any]) -> None:
        routes = next(name for name in older if name.startswith("rds-https"))
        older[routes]["resources"][0]["virtual_hosts"].pop()

    for change in (a_chain_less, other_routes):
        old = before(change)
        seen: Any = differing(files, old)["lds.json"]["resources"]
        assert {len(listener["filter_chains"]) for listener in seen} == {1}
        validate(files, old=old)


def test_a_certificate_that_is_all_that_changed_is_left_to_the_running_envoy(
    material_folder: Path,
) -> None:
    """Where all renew together, it would have to read all sites for that."""
    files = served_files("two-sites", material_folder)
    older = {name: one for name, one in files.files.items() if not name.startswith("sds-")}
    assert set(differing(files, EnvoyFiles(files.folder, older))) == {
        *("bootstrap.json", "cds.json", "lds.json")
    }


def to_sites(value: object) -> Iterator[dict[str, Any]]:
    """Yield every route of a translated file that leads to a site."""
    if isinstance(value, dict):
        if "route" in value and "match" in value:
            yield value
        for item in value.values():
            yield from to_sites(item)
    elif isinstance(value, list):
        for item in value:
            yield from to_sites(item)


@pytest.mark.parametrize("case", CASES)
def test_no_locked_route_without_its_lock(case: str) -> None:
    """Each emitted way to a site names its asset and, where that is locked, has a lock."""
    inventory = inventory_of(case)
    files = translate(inventory, material_for(inventory)).files
    guards = {
        route_asset(site, route).id: guard_of(route)
        for site in inventory.sites
        for route in site.routes
    }
    seen = set()
    for name, content in files.items():
        if not name.startswith("rds-https"):
            continue
        for entry in to_sites(content):
            if entry["route"]["cluster"] == "sign-in":
                continue  # the gateway's own pages, which are there for everybody
            asset = entry["metadata"]["filter_metadata"]["sealgate"]["asset"]
            seen.add(asset)
            locked = "envoy.filters.http.rbac" in entry.get("typed_per_filter_config", {})
            guarded = {Guard.LOCKED, Guard.UNBUILT}
            by_connection = entry["match"].get("filter_state")
            if by_connection and guards[asset] in {Guard.OPEN, Guard.SITE}:
                # Who is known at once is judged as well, but for the body.
                assert "envoy.filters.http.lua" in entry["metadata"]["filter_metadata"]
                assert "envoy.filters.http.lua" not in entry.get("typed_per_filter_config", {})
            elif by_connection:
                # Without a filter: the match itself is the lock.
                assert guards[asset] is Guard.LOCKED
                assert [one["key"] for one in by_connection] == ["sealgate.key-and-country"]
                assert not locked
                continue
            filters = entry.get("typed_per_filter_config", {})
            if guards[asset] is Guard.SIGN_IN:
                # Where there is no other cookie, it is looked for in another way.
                verifying = {"envoy.filters.http.jwt_authn", "sealgate.lone-session"}
                assert len(verifying & set(filters)) == 1
                # By the verdict of the table, or by the session alone.
                assert locked is ("envoy.filters.http.ext_authz" in filters)
                assert locked is not ("sealgate.ask-strangers" in filters)
                continue
            assert locked is (guards[asset] in guarded), asset
    assert seen == set(guards)


def test_files_are_named_for_what_they_hold() -> None:
    """One file per kind, one certificate and one route configuration per site."""
    inventory = inventory_of("two-sites")
    assert set(translate(inventory, material_for(inventory)).files) == {
        *(BOOTSTRAP, LISTENERS, CLUSTERS, "rds-http.json"),
        *("rds-https-one.example.json", "rds-https-two.example.json"),
        *("sds-one.example.json", "sds-two.example.json"),
    }


def test_policy_changes_only_routes() -> None:
    """
    Raising a class, revoking a certificate or changing HSTS leaves the listeners alone.

    Whether samples are read follows from the class; here it stays as it is.
    """
    one, other = inventory_of("typo3"), inventory_of("typo3")
    material = material_for(one)
    [site] = other.sites
    raised = [
        type(r)(r.door, other.model.classes[2], admit=("user:bob",), inspect=r.inspect)
        if r.door.path == "/"
        else r
        for r in site.routes
    ]
    site = type(site)(site.domains, site.upstream, tuple(raised), site.preset, site.cookies)
    other = type(other)(
        *(other.source, other.state_folder, other.listen, other.operator),
        *(type(other.tls)(hsts_seconds=1), other.access, (site,)),
    )
    revoked = Material(material.folder, material.certificates, material.client_ca, {}, "x.mmdb")
    before, after = translate(one, material), translate(other, material_for(other))
    changed = {name for name, content in after.files.items() if before.files[name] != content}
    assert changed == {"rds-https-shop.example.json"}
    gone = translate(one, Material(*_fields(revoked, material)))
    changed = {name for name, content in gone.files.items() if before.files[name] != content}
    assert changed == {"rds-https-shop.example.json"}


def _fields(revoked: Material, material: Material) -> tuple[Any, ...]:
    return (
        *(revoked.folder, revoked.certificates, revoked.client_ca, revoked.admitted),
        *(material.geo_database, material.system_roots, material.relays),
    )


def test_nothing_to_serve_is_an_error() -> None:
    """Without a site, or without a certificate for one, there is no translation."""
    inventory = inventory_of("public-only")
    material = material_for(inventory)
    with pytest.raises(ValueError, match="no site"):
        translate(Inventory("x", "y"), material)
    with pytest.raises(ValueError, match="no certificate"):
        translate(inventory, Material("/x", {}))

"""Certificates, countries and admissions, each gathered and checked by itself."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from cryptography import x509

from sealgate.app.keys import Delivery, issue_key, revoke_key
from sealgate.demo.geography import make_country_database
from sealgate.errors import ConfigError, SourceError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AccessSettings,
    Door,
    Inventory,
    Operator,
    Place,
    Route,
    Site,
    TLSSettings,
    Upstream,
)
from sealgate.serve.deployment import plan
from sealgate.serve.observe import (
    aged,
    gather_admissions,
    gather_certificates,
    gather_countries,
    observe,
)
from tests.peers.served import given_certificate

NOW = 1_800_000_000.0
DAY = 86_400.0
PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return one site with a public and a locked route, and an empty state folder."""
    routes = (
        Route(Door("/"), PUBLIC),
        Route(Door("/inside"), CONFIDENTIAL, admit=("group:editors",)),
    )
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 8080), routes)
    return Inventory(
        str(tmp_path / "sealgate.toml"),
        str(tmp_path / ".sealgate"),
        operator=Operator("Shop Ltd", "DE", "Kassel"),
        sites=(site,),
    )


def with_given(inventory: Inventory, folder: Path, chain: str, key: str) -> Inventory:
    """Return *inventory* with a given certificate."""
    place = Place(inventory.source, 7)
    tls = TLSSettings(str(folder / chain), str(folder / key), place=place)
    return dataclasses.replace(inventory, tls=tls)


def test_the_local_authority_issues_and_says_when_to_ask_again(inventory: Inventory) -> None:
    """A third of the life before the end; the same until then, another one after."""
    first = gather_certificates(inventory, now=NOW)
    assert first.ends["shop.example"] - first.due == pytest.approx(14 * DAY / 3, rel=0.01)
    assert gather_certificates(inventory, now=first.due - 1).files == first.files
    assert gather_certificates(inventory, now=first.due).files != first.files
    assert first.watched == ()


def test_a_given_certificate_is_served_as_it_was_checked(
    inventory: Inventory, tmp_path: Path
) -> None:
    """What is served is a copy: a later change of the original does not reach it."""
    given_certificate(tmp_path, "site", domain="shop.example")
    now = x509.load_pem_x509_certificate((tmp_path / "site.pem").read_bytes())
    moment = now.not_valid_before_utc.timestamp() + 10
    ours = with_given(inventory, tmp_path, "site.pem", "site.key")
    found = gather_certificates(ours, now=moment)
    chain = (tmp_path / "site.pem").read_bytes()
    (tmp_path / "site.pem").write_text("gone")
    served = found.files["shop.example"]
    assert Path(served.chain).read_bytes() == chain
    assert Path(served.key).read_bytes() == (tmp_path / "site.key").read_bytes()
    assert found.watched == (str(tmp_path / "site.pem"), str(tmp_path / "site.key"))
    assert found.due == math.inf


def test_a_bad_given_certificate_is_a_fault_at_its_line(
    inventory: Inventory, tmp_path: Path
) -> None:
    """Every complaint becomes a fault; sites that share the file do not repeat it."""
    given_certificate(tmp_path, "site", domain="shop.example")
    given_certificate(tmp_path, "other", domain="shop.example")
    ours = with_given(inventory, tmp_path, "site.pem", "other.key")
    ours = dataclasses.replace(ours, sites=(*ours.sites, *ours.sites))
    with pytest.raises(ConfigError) as raised:
        gather_certificates(ours, now=NOW)
    faults = list(map(str, raised.value.faults))
    assert len(faults) == len(set(faults))
    assert any("does not match certificate" in fault for fault in faults)
    assert all(fault.startswith(f"{inventory.source}:7: ") for fault in faults)


def test_the_country_file_is_a_checked_copy(inventory: Inventory, tmp_path: Path) -> None:
    """A good file is copied; a damaged one in its place is refused, and the copy stays."""
    source = tmp_path / "country.mmdb"
    make_country_database(source)
    ours = dataclasses.replace(inventory, access=AccessSettings(("DE",), str(source)))
    copy = gather_countries(ours)
    assert copy is not None
    assert copy != str(source)
    good = source.read_bytes()
    source.write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match="no MaxMind database"):
        gather_countries(ours)
    assert Path(copy).read_bytes() == good
    source.unlink()
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        gather_countries(ours)
    assert gather_countries(inventory) is None


def test_another_source_is_another_copy(inventory: Inventory, tmp_path: Path) -> None:
    """A refused reload must not have changed what the running gateway reads."""
    copies = set()
    for name in ("one.mmdb", "two.mmdb"):
        make_country_database(tmp_path / name)
        access = AccessSettings(("DE",), str(tmp_path / name))
        copies.add(gather_countries(dataclasses.replace(inventory, access=access)))
    assert len(copies) == 2


def test_who_is_admitted_follows_issue_end_and_revocation(
    inventory: Inventory, tmp_path: Path
) -> None:
    """Living certificates of members are admitted, until the next moment that time brings."""
    for name, days in (("anna", 1), ("ben", 5)):
        delivery = Delivery(prefix=str(tmp_path / name))
        issue_key(inventory, name, delivery, groups=["editors"], days=days, by="me", now=NOW)
    first = gather_admissions(inventory, now=NOW + 1)
    [(asset, both)] = first.fingerprints.items()
    assert asset == "route shop.example/inside"
    assert len(both) == 2
    assert NOW + DAY <= first.due <= NOW + DAY + 2
    revoke_key(inventory, "ben", by="me", now=NOW + 2)
    [only] = gather_admissions(inventory, now=NOW + 3).fingerprints[asset]
    assert only in both
    assert aged(inventory, first, now=first.due).fingerprints[asset] != both


def test_a_site_without_locks_opens_no_database(inventory: Inventory) -> None:
    """A gateway of public pages needs no identities."""
    site = dataclasses.replace(inventory.sites[0], routes=inventory.sites[0].routes[:1])
    ours = dataclasses.replace(inventory, sites=(site,))
    assert gather_admissions(ours, now=NOW).fingerprints == {}
    assert not Path(inventory.state_folder).exists()


def test_a_material_holds_it_all(inventory: Inventory) -> None:
    """The client authority is made where it is missing: a lock needs its name."""
    deployment = plan(inventory, observe(inventory, now=NOW))
    made = deployment.material
    assert made.folder == str(Path(inventory.state_folder, "envoy"))
    assert made.certificates == gather_certificates(inventory, now=NOW).files
    assert made.client_ca is not None
    assert Path(made.client_ca).is_file()
    assert made.admitted == {"route shop.example/inside": ()}

"""Which certificates are fetched, what is shown before the first, and what is told of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from cryptography import x509

from sealgate.app.certificates import (
    acme_folder,
    certificate_to_serve,
    fetched_versions,
    has_failed,
    kept_certificate,
    missing_library,
    names_all,
    upkeep_complaint,
    upkeep_sightings,
)
from sealgate.app.trust import local_sites
from sealgate.gateway.adapters.acme_certificates import stand_in
from sealgate.gateway.adapters.acme_state import Upkeep, UpkeepFile
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inventory, Place, Route, Site, TLSSettings, Upstream
from sealgate.policy.observation import Fact, NotObserved, Observation
from sealgate.serve.expected import expected_certificates
from sealgate.serve.observe import gather_certificates

NOW = 1_800_000_000.0
DAY = 86_400.0


def inventory(folder: Path, *domains: str) -> Inventory:
    """Return a site of *domains* whose certificate is fetched."""
    routes = (Route(Door("/"), DEFAULT_MODEL.weakest),)
    site = Site(domains or ("a.example",), Upstream("http", "127.0.0.1", 1), routes)
    place = Place("sealgate.toml", 3)
    tls = TLSSettings(acme=True, place=place)
    return Inventory("sealgate.toml", str(folder / "state"), tls=tls, sites=(site,))


def test_a_stand_in_is_shown_until_there_is_a_certificate(tmp_path: Path) -> None:
    """It stays the same from start to start, is no promise of dates, and a person is told."""
    declared = inventory(tmp_path)
    gathered = gather_certificates(declared, now=NOW)
    again = gather_certificates(declared, now=NOW + DAY)
    assert gathered.files == again.files
    assert gathered.ends == {}
    [remark] = gathered.remarks
    assert "is fetched from https://acme-v02.api.letsencrypt.org/directory" in remark
    chain = Path(gathered.files["a.example"].chain).read_bytes()
    assert "stand-in" in x509.load_pem_x509_certificate(chain).subject.rfc4514_string()


def test_other_domains_are_another_stand_in(tmp_path: Path) -> None:
    """It names what the site is called now."""
    [site] = inventory(tmp_path).sites
    before, _ = certificate_to_serve(inventory(tmp_path), site, now=NOW)
    declared = inventory(tmp_path, "a.example", "b.example")
    after, end = certificate_to_serve(declared, declared.sites[0], now=NOW)
    assert before != after
    assert end is None


def test_what_was_fetched_is_shown_even_when_it_ended(tmp_path: Path) -> None:
    """A certificate that ended has at least the right name; the log and the finding say so."""
    declared = inventory(tmp_path)
    [site] = declared.sites
    kept = fetched_versions(declared).keep(site.name, *stand_in(site.domains, now=NOW))
    files, end = certificate_to_serve(declared, site, now=NOW + 5000 * DAY)
    assert (files.chain, end) == (kept.chain, kept.not_after)
    assert kept_certificate(declared, site.name) == kept
    assert names_all(kept, site)
    assert not names_all(kept, inventory(tmp_path, "a.example", "b.example").sites[0])
    assert "ended" in upkeep_complaint(declared, site, now=NOW + 5000 * DAY)
    assert upkeep_complaint(declared, site, now=NOW) == ""


def test_a_missing_library_is_told_with_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its line, for serve and for plan; without such a site nothing is missing."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    [fault] = missing_library(inventory(tmp_path))
    assert (fault.path, fault.line) == ("sealgate.toml", 3)
    assert fault.hint == 'pip install "sealgate[acme]"'
    [item] = expected_certificates(inventory(tmp_path), NOW)
    assert [str(one) for one in item.faults] == [str(fault)]
    assert missing_library(Inventory("sealgate.toml", "state")) == ()


def test_failures_are_foreseen_and_seen(tmp_path: Path) -> None:
    """What an authority refused before is not expected to be there."""
    declared = inventory(tmp_path)
    values = {s.fact: s for s in expected_certificates(declared, NOW)[0].sightings}
    assert values[Fact.CERTIFICATE_CHAIN_VALID].value is True  # type: ignore[union-attr]
    assert not has_failed(declared, "a.example")
    file = UpkeepFile(acme_folder(declared), "a.example")
    file.write(Upkeep().failed("no answer", NOW))
    assert has_failed(declared, "a.example")
    values = {s.fact: s for s in expected_certificates(declared, NOW)[0].sightings}
    assert values[Fact.CERTIFICATE_CHAIN_VALID].value is False  # type: ignore[union-attr]
    [seen] = upkeep_sightings(declared, now=NOW)
    assert isinstance(seen, Observation)
    assert (seen.asset, seen.fact) == ("site a.example", Fact.CERTIFICATE_UPKEEP)
    assert str(seen.value).endswith("a stand-in is shown: no answer")


def test_the_local_authority_vouches_for_none_of_them(tmp_path: Path) -> None:
    """Its certificates are trusted by machines of the house; a stand-in is by nobody."""
    assert local_sites(inventory(tmp_path)) == {}


def test_an_upkeep_that_cannot_be_read_is_not_seen(tmp_path: Path) -> None:
    """That no failure is known counts only where the last fetch is known."""
    declared = inventory(tmp_path)
    [site] = declared.sites
    kept = fetched_versions(declared).keep(site.name, *stand_in(site.domains, now=NOW))
    file = UpkeepFile(acme_folder(declared), site.name)
    [seen] = upkeep_sightings(declared, now=NOW)
    assert isinstance(seen, NotObserved)
    file.write(Upkeep(fingerprint="of another certificate"))
    [seen] = upkeep_sightings(declared, now=NOW)
    assert isinstance(seen, NotObserved)
    file.write(Upkeep(fingerprint=kept.fingerprint))
    [seen] = upkeep_sightings(declared, now=NOW)
    assert isinstance(seen, Observation)
    assert seen.value == ""

"""The two local authorities: made once, kept, replaced when they must be, and told so."""

import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sealgate.errors import ConfigError, SourceError, UsageError
from sealgate.identity.adapters.authority import (
    MOST_CLIENT_DAYS,
    SERVER_DAYS,
    LocalAuthority,
    Made,
)
from sealgate.identity.adapters.minting import AUTHORITY_DAYS, DAY
from sealgate.identity.model import renew_at
from sealgate.policy.inventory import Operator

NOW = 1_800_000_000.0
SITES = {"shop.example": ("shop.example", "www.shop.example")}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return an empty state folder."""
    return tmp_path / "state"


def local(state: Path, operator: Operator | None = None) -> LocalAuthority:
    """Return the authorities in *state*, opened anew."""
    operator = operator or Operator("Shop Ltd", "DE", "Kassel")
    return LocalAuthority(str(state / "authority"), str(state / "certificates"), operator)


def test_an_authority_is_made_once_and_kept(state: Path) -> None:
    """What visitors trust stays the same from start to start."""
    first = local(state).server(["shop.example"], NOW)
    again = local(state).server(["shop.example"], NOW + DAY)
    assert (first.made, again.made) == (Made.NEW, Made.KEPT)
    assert first.fingerprint == again.fingerprint
    certificate = x509.load_pem_x509_certificate(Path(first.path).read_bytes())
    assert certificate.fingerprint(hashes.SHA256()).hex() == first.fingerprint


@pytest.mark.parametrize(
    ("domains", "made"),
    [
        (["shop.example"], Made.KEPT),
        (["deep.www.shop.example"], Made.KEPT),
        (["shop.example", "blog.example"], Made.REPLACED),
        (["shop.example", "127.0.0.1"], Made.REPLACED),
    ],
)
def test_domains_beyond_the_constraints_need_a_new_authority(
    state: Path, domains: list[str], made: Made
) -> None:
    """A subdomain is covered; another domain is not, and the caller is told why."""
    old = local(state).server(["shop.example", "www.shop.example"], NOW)
    new = local(state).server(domains, NOW)
    assert new.made is made
    assert (new.fingerprint != old.fingerprint) == (made is Made.REPLACED)
    assert bool(new.reason) == (made is Made.REPLACED)


def test_looking_makes_and_replaces_nothing(state: Path) -> None:
    """``find_server`` tells what is about to happen, and leaves it to the gateway."""
    assert local(state).find_server(["shop.example"], NOW) is None
    assert not state.exists()
    made = local(state).server(["shop.example"], NOW)
    found = local(state).find_server(["other.example"], NOW)
    assert found is not None
    assert (found.fingerprint, bool(found.reason)) == (made.fingerprint, True)
    same = local(state).find_server(["shop.example"], NOW)
    assert same is not None
    assert same.reason == ""


def test_the_key_of_a_replaced_authority_is_gone(state: Path) -> None:
    """Somebody may still trust the old one: its key must not lie around."""
    local(state).server(["shop.example"], NOW)
    old = set((state / "authority").glob("server-ca-*.key"))
    local(state).server(["blog.example"], NOW)
    new = set((state / "authority").glob("server-ca-*.key"))
    assert (len(old), len(new), old & new) == (1, 1, set())


def test_an_authority_is_replaced_before_its_leaves_would_outlive_it(state: Path) -> None:
    """Near its end a server certificate would be cut short; a new authority comes before."""
    first = local(state).server(["shop.example"], NOW)
    kept = local(state).server(["shop.example"], NOW + (AUTHORITY_DAYS - SERVER_DAYS - 1) * DAY)
    late = local(state).server(["shop.example"], NOW + (AUTHORITY_DAYS - SERVER_DAYS + 1) * DAY)
    assert kept.fingerprint == first.fingerprint
    assert (late.made, late.reason) == (Made.REPLACED, "the old one ends")


def test_a_clock_that_runs_before_the_authority_destroys_nothing(state: Path) -> None:
    """A wrong clock is an error to mend, not a reason for a new authority."""
    local(state).server(["shop.example"], NOW)
    with pytest.raises(SourceError, match="clock"):
        local(state).server(["shop.example"], NOW - 400 * DAY)
    assert local(state).server(["shop.example"], NOW).made is Made.KEPT


def test_keys_are_their_owners_alone(state: Path) -> None:
    """Every private key has mode 0600, and each folder 0700."""
    authorities = local(state)
    authorities.server_certificates(SITES, NOW)
    authorities.client(NOW)
    private = [
        p for p in state.rglob("*") if b"PRIVATE" in (p.read_bytes() if p.is_file() else b"")
    ]
    assert len(private) == 3
    assert {stat.S_IMODE(p.stat().st_mode) for p in private} == {0o600}
    folders = [state / "authority", *(state / "certificates").rglob("*/"), state / "certificates"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in folders if p.is_dir()} == {0o700}


@pytest.mark.parametrize(
    "damage", [b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
@pytest.mark.parametrize("name", ["server-ca.pem", "server-ca-*.key"])
def test_a_damaged_authority_is_said_so_and_not_overwritten(
    state: Path, damage: bytes, name: str
) -> None:
    """Trust is not thrown away because a file cannot be read; the hint tells both ways out."""
    local(state).server(["shop.example"], NOW)
    (path,) = (state / "authority").glob(name)
    path.write_bytes(damage)
    with pytest.raises(SourceError, match="cannot be read") as refused:
        local(state).server(["shop.example"], NOW)
    assert "backup" in (refused.value.hint or "")
    assert path.read_bytes() == damage


def test_the_key_of_another_authority_is_not_taken(state: Path, tmp_path: Path) -> None:
    """A key that does not match its certificate would sign what nobody accepts."""
    local(state).server(["shop.example"], NOW)
    local(tmp_path / "other").server(["shop.example"], NOW)
    (mine,) = (state / "authority").glob("server-ca-*.key")
    (other,) = (tmp_path / "other" / "authority").glob("server-ca-*.key")
    mine.write_bytes(other.read_bytes())
    with pytest.raises(SourceError, match="does not match"):
        local(state).server(["shop.example"], NOW)


def test_a_foreign_certificate_in_the_place_of_the_authority_is_refused(
    state: Path,
) -> None:
    """A certificate without constraints is none that was made here."""
    made = local(state).server_certificates(SITES, NOW)
    leaf = Path(made.certificates["shop.example"].chain).read_bytes()
    Path(made.authority.path).write_bytes(leaf)
    with pytest.raises(SourceError, match="cannot be read"):
        local(state).server(["shop.example"], NOW)


def test_server_certificates_are_kept_until_a_third_of_their_life_is_left(state: Path) -> None:
    """The decision comes from the clock that is passed in; a renewed one has new paths."""
    first = local(state).server_certificates(SITES, NOW)
    old = first.certificates["shop.example"]
    assert first.issued == ("shop.example",)
    assert first.renew_at == renew_at(old) > NOW
    early = local(state).server_certificates(SITES, first.renew_at - 1)
    assert (early.issued, early.certificates) == ((), first.certificates)
    late = local(state).server_certificates(SITES, first.renew_at)
    assert late.issued == ("shop.example",)
    assert late.authority.fingerprint == first.authority.fingerprint
    assert late.certificates["shop.example"].chain != old.chain
    assert Path(old.key).exists()


@pytest.mark.parametrize(
    ("sites", "operator"),
    [
        ({"shop.example": ("shop.example",)}, None),
        ({"shop.example": ("shop.example", "www.shop.example", "a.shop.example")}, None),
        ({"shop.example": ("shop.example", "www.shop.example", "blog.example")}, None),
        (SITES, Operator("Other Ltd", "DE", "Kassel")),
    ],
)
def test_a_certificate_that_no_longer_fits_is_issued_anew(
    state: Path, sites: dict[str, tuple[str, ...]], operator: Operator | None
) -> None:
    """Changed domains, a changed operator or a new authority show at the next reload."""
    local(state).server_certificates(SITES, NOW)
    assert local(state, operator).server_certificates(sites, NOW).issued == ("shop.example",)


def test_a_certificate_with_a_damaged_key_is_issued_anew(state: Path) -> None:
    """A server certificate is cheap: what is wrong with it is mended by a new one."""
    made = local(state).server_certificates(SITES, NOW)
    Path(made.certificates["shop.example"].key).write_bytes(b"rubbish")
    again = local(state).server_certificates(SITES, NOW)
    assert again.issued == ("shop.example",)
    kept = again.certificates["shop.example"]
    leaf = x509.load_pem_x509_certificate(Path(kept.chain).read_bytes())
    key = load_pem_private_key(Path(kept.key).read_bytes(), None)
    assert key.public_key() == leaf.public_key()


def test_sites_share_one_authority_and_no_key(state: Path) -> None:
    """Each site has a certificate of its own."""
    sites = {**SITES, "127.0.0.1": ("127.0.0.1", "localhost")}
    made = local(state).server_certificates(sites, NOW)
    paths = {kept.key for kept in made.certificates.values()}
    keys = {Path(path).read_bytes() for path in paths}
    assert len(paths) == len(keys) == 2


def test_no_site_needs_no_certificate(state: Path) -> None:
    """Nothing to issue is no error."""
    made = local(state).server_certificates({}, NOW)
    assert (dict(made.certificates), made.issued) == ({}, ())


def test_processes_that_start_together_make_one_authority(state: Path) -> None:
    """The folder is locked while an authority is made."""
    found = []

    def start() -> None:
        found.append(local(state).client(NOW).fingerprint)

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_issuing_tells_what_is_kept_and_keeps_no_key(state: Path) -> None:
    """The record holds serial, fingerprint, identity and dates; no file holds the key."""
    authorities = local(state)
    issued = authorities.issue("anna", 30, NOW)
    certificate = x509.load_pem_x509_certificate(issued.pem)
    assert int(issued.record.serial, 16) == certificate.serial_number
    assert issued.record.fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
    assert issued.record.identity == "anna"
    assert issued.record.not_after == NOW + 30 * DAY
    assert issued.record.is_living(NOW)
    everything = b"".join(p.read_bytes() for p in state.rglob("*") if p.is_file())
    assert issued.key_pem not in everything
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate(Path(authorities.client_path).read_bytes())
    )


@pytest.mark.parametrize("days", [0, -1, MOST_CLIENT_DAYS + 1, float("nan")])
def test_days_out_of_range_are_refused(state: Path, days: float) -> None:
    """A certificate that is never valid, or for ever, is a slip."""
    with pytest.raises(UsageError, match="days"):
        local(state).issue("anna", days, NOW)


def test_an_ended_client_authority_is_replaced(state: Path) -> None:
    """With it, everything that it signed has ended too."""
    old = local(state).client(NOW)
    issued = local(state).issue("anna", 365, NOW + (AUTHORITY_DAYS - 10) * DAY)
    assert issued.record.not_after == old.not_after
    new = local(state).client(old.not_after)
    assert (new.made, new.fingerprint != old.fingerprint) == (Made.REPLACED, True)


def test_an_operator_that_does_not_fit_writes_nothing(state: Path) -> None:
    """The fault is told before anything is on the disk."""
    with pytest.raises(ConfigError):
        local(state, Operator("x" * 65)).server(["shop.example"], NOW)
    assert not list((state / "authority").glob("*.pem"))

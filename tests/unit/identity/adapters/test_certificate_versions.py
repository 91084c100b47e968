"""A chain and its key change together."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.errors import SourceError
from sealgate.identity.adapters.certificate_versions import KEPT_VERSIONS, CertificateVersions
from sealgate.identity.adapters.minting import mint_server, mint_server_authority
from sealgate.policy.inventory import Operator

NOW = 1_800_000_000.0


def pair(now: float = NOW) -> tuple[bytes, bytes]:
    """Return a fresh chain and key in PEM."""
    authority = mint_server_authority(Operator(), ["shop.example"], now)
    leaf, key = mint_server(*authority, Operator(), ["shop.example"], days=14, now=now)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return leaf.public_bytes(Encoding.PEM), private


def test_a_new_version_has_new_paths_and_the_old_one_stays(tmp_path: Path) -> None:
    """A reader that holds the old paths keeps reading a matching pair."""
    shelf = CertificateVersions(str(tmp_path / "certificates"))
    first, second = pair(), pair()
    old, new = shelf.keep("shop.example", *first), shelf.keep("shop.example", *second)
    assert old.chain != new.chain
    assert (Path(old.chain).read_bytes(), Path(old.key).read_bytes()) == first
    assert (Path(new.chain).read_bytes(), Path(new.key).read_bytes()) == second
    assert shelf.current("shop.example") == new


def test_the_same_certificate_is_the_same_version(tmp_path: Path) -> None:
    """A watcher that sees the same files again changes nothing."""
    shelf = CertificateVersions(str(tmp_path))
    chain, key = pair()
    assert shelf.keep("shop.example", chain, key) == shelf.keep("shop.example", chain, key)


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """Keys have mode 0600, the folders above them 0700."""
    kept = CertificateVersions(str(tmp_path / "certificates")).keep("shop.example", *pair())
    key = Path(kept.key)
    modes = [stat.S_IMODE(p.stat().st_mode) for p in (key, *list(key.parents)[:3])]
    assert modes == [0o600, 0o700, 0o700, 0o700]


def test_old_versions_are_removed_but_for_a_few(tmp_path: Path) -> None:
    """Keys do not pile up for ever."""
    shelf = CertificateVersions(str(tmp_path))
    kept = [shelf.keep("shop.example", *pair()) for _ in range(KEPT_VERSIONS + 2)]
    there = [k for k in kept if Path(k.key).exists()]
    assert len(there) == KEPT_VERSIONS
    assert kept[-1] in there


@pytest.mark.parametrize("site", ["../../etc", "*.shop.example", "::1", "a/b", ".", ".."])
def test_a_site_never_leads_out_of_the_folder(tmp_path: Path, site: str) -> None:
    """Whatever a site is called, its certificate stays on the shelf."""
    shelf = CertificateVersions(str(tmp_path / "certificates"))
    kept = shelf.keep(site, *pair())
    inside = Path(kept.key).resolve().relative_to((tmp_path / "certificates").resolve())
    assert len(inside.parts) == 3
    assert shelf.current(site) == kept


@pytest.mark.parametrize("damage", ["current", "key.pem", "chain.pem"])
def test_what_is_not_whole_is_not_current(tmp_path: Path, damage: str) -> None:
    """A missing part makes no version, so that a new certificate is made."""
    shelf = CertificateVersions(str(tmp_path))
    kept = shelf.keep("shop.example", *pair())
    folder = Path(kept.key).parent
    (folder.parent / damage if damage == "current" else folder / damage).unlink()
    assert shelf.current("shop.example") is None


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """A file where the folder should be is an error with a hint."""
    (tmp_path / "certificates").write_text("in the way")
    with pytest.raises(SourceError):
        CertificateVersions(str(tmp_path / "certificates")).keep("shop.example", *pair())

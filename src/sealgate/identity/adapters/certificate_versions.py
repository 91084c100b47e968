"""
Keeps server certificates in versions, so that a chain and its key change together.

A version is a folder of its own that never changes once it stands there. Which one is
current is told by one small file, put in place by a rename: a reader sees the old pair
or the new pair, never half of each.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sealgate.errors import SourceError
from sealgate.files import private_folder, sync_folder, write_durably

KEPT_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class KeptCertificate:
    """
    One version: absolute paths of PEM files, and the dates of the leaf.

    *fingerprint* is the SHA-256 of the leaf's DER in lower-case hex.
    """

    chain: str
    key: str
    fingerprint: str
    not_before: float
    not_after: float


class CertificateVersions:
    """The folder of server certificates, one sub-folder per site."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder).absolute()

    def current(self, site: str) -> KeptCertificate | None:
        """Return the version of *site* that is in use, ``None`` when there is none to read."""
        place = self._place(site)
        try:
            version = place / (place / "current").read_text("ascii").strip()
            leaf = x509.load_pem_x509_certificates((version / "chain.pem").read_bytes())[0]
        except (OSError, ValueError):
            return None
        return _kept(version, leaf) if (version / "key.pem").is_file() else None

    def keep(self, site: str, chain: bytes, key: bytes) -> KeptCertificate:
        """
        Keep *chain* and *key* (PEM) as the current version of *site*.

        The same certificate again is the same version. A few older versions stay, for a
        gateway that still reads them; the rest is removed.

        Raises:
            SourceError: the folder cannot be written.
        """
        leaf = x509.load_pem_x509_certificates(chain)[0]
        private_folder(self._folder)
        place = private_folder(self._place(site))
        version = place / hashlib.sha256(chain).hexdigest()[:32]
        if version.is_dir():
            # The same leaf has the same key: at most its encoding differs.
            _refresh(version / "chain.pem", chain, 0o644)
            _refresh(version / "key.pem", key, 0o600)
        else:
            _write(version, chain, key)
        write_durably(place / "current", f"{version.name}\n".encode("ascii"), 0o600)
        _clear(place, version)
        return _kept(version, leaf)

    def _place(self, site: str) -> Path:
        # A leading dot would hide the folder, or lead out of this one.
        name = quote(site, safe="")
        return self._folder / (f"%2E{name[1:]}" if name.startswith(".") else name)


def _refresh(path: Path, content: bytes, mode: int) -> None:
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    write_durably(path, content, mode)


def _write(version: Path, chain: bytes, key: bytes) -> None:
    try:
        temporary = Path(tempfile.mkdtemp(prefix=".new.", dir=version.parent))
    except OSError as error:
        raise SourceError(f'"{version.parent}" cannot be written: {error.strerror}') from error
    try:
        write_durably(temporary / "chain.pem", chain, 0o644)
        write_durably(temporary / "key.pem", key, 0o600)
        temporary.rename(version)
        sync_folder(version.parent)
    except OSError as error:
        raise SourceError(f'"{version}" cannot be written: {error.strerror}') from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _clear(place: Path, current: Path) -> None:
    with contextlib.suppress(OSError):
        versions = sorted(
            (entry for entry in place.iterdir() if entry.is_dir() and entry != current),
            key=lambda entry: entry.stat().st_mtime,
            reverse=True,
        )
        for old in versions[KEPT_VERSIONS - 1 :]:
            shutil.rmtree(old, ignore_errors=True)


def _kept(version: Path, leaf: x509.Certificate) -> KeptCertificate:
    return KeptCertificate(
        chain=os.fspath(version / "chain.pem"),
        key=os.fspath(version / "key.pem"),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
    )

"""
The local certificate authorities: one for servers, and a separate one for clients.

Each is a certificate under a fixed name and a key whose name tells which certificate it
belongs to, so that the rename of the certificate alone makes a new authority valid.
Keys are unencrypted files of mode 0600 in folders of mode 0700: whoever is root on the
host has them.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sealgate.errors import SourceError, UsageError
from sealgate.files import locked, private_folder, write_durably
from sealgate.identity.adapters import minting
from sealgate.identity.adapters.certificate_versions import CertificateVersions, KeptCertificate
from sealgate.identity.model import ClientCertificate, checked_name, renew_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sealgate.policy.inventory import Operator

SERVER_CA = "server-ca"
CLIENT_CA = "client-ca"
SERVER_DAYS = 14
CLIENT_DAYS = 365
MOST_CLIENT_DAYS = 825

Minted = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class Made(StrEnum):
    """Whether an authority was there, is new, or took the place of another."""

    KEPT = "kept"
    NEW = "new"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class Authority:
    """
    One authority: *path* of its certificate (PEM), and how it came to be.

    *fingerprint* is the SHA-256 of the DER in lower-case hex. *reason* tells why it was
    replaced: everybody who trusted the old one must trust the new one.
    """

    path: str
    fingerprint: str
    not_before: float
    not_after: float
    made: Made = Made.KEPT
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ServerCertificates:
    """
    What the gateway shows its visitors: per site a chain and key, issued by *authority*.

    *issued* names the sites whose certificate is new since the last call. *renew_at* is
    when to call again, in seconds since the epoch.
    """

    authority: Authority
    certificates: Mapping[str, KeptCertificate]
    issued: tuple[str, ...]
    renew_at: float


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """
    A client certificate at the one moment its private key exists on this side.

    *record* is what is kept. *pem* and *key* go to the user; *authority* is the PEM of
    the authority that signed.
    """

    record: ClientCertificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Return the private key in PEM, not encrypted."""
        return _key_pem(self.key)


class LocalAuthority:
    """
    Both authorities of one installation, kept in *folder*, and what they issue.

    *certificates* is the folder that server certificates are kept in. *server_days* is
    the life of a server certificate.
    """

    def __init__(
        self,
        folder: str,
        certificates: str,
        operator: Operator,
        *,
        server_days: float = SERVER_DAYS,
    ) -> None:
        self._folder = Path(folder).absolute()
        self._shelf = CertificateVersions(certificates)
        self._operator = operator
        self._server_days = server_days

    @property
    def server_path(self) -> str:
        """Return where the certificate of the server authority stands, or would."""
        return str(self._folder / f"{SERVER_CA}.pem")

    @property
    def client_path(self) -> str:
        """Return where the certificate of the client authority stands, or would."""
        return str(self._folder / f"{CLIENT_CA}.pem")

    def find_server(self, domains: Sequence[str], now: float) -> Authority | None:
        """
        Return the server authority that is there, without making one.

        Its *reason* tells why the next :meth:`server` for *domains* will replace it.

        Raises:
            SourceError: it is there but cannot be read.
        """
        certificate = self._read(SERVER_CA)
        if certificate is None:
            return None
        reason = self._server_fault(certificate, domains, now)
        return self._told(SERVER_CA, certificate, reason=reason)

    def server(self, domains: Sequence[str], now: float) -> Authority:
        """
        Return the server authority for *domains*; make one where it is missing or too narrow.

        An authority is held to the domains it was made for. When *domains* grow beyond
        them, or its end comes near, a new one takes its place: *made* and *reason* tell.

        Raises:
            ConfigError: a domain or the operator's details do not fit in a certificate.
            SourceError: the folder cannot be written, or what is in it is damaged.
        """
        private_folder(self._folder)
        with locked(self._folder):
            return self._server(domains, now)[0]

    def client(self, now: float) -> Authority:
        """
        Return the client authority; make one where it is missing or has ended.

        Raises:
            ConfigError: the operator's details do not fit in a certificate.
            SourceError: the folder cannot be written, or what is in it is damaged.
        """
        private_folder(self._folder)
        with locked(self._folder):
            return self._client(now)[0]

    def server_certificates(
        self, sites: Mapping[str, Sequence[str]], now: float
    ) -> ServerCertificates:
        """
        Return a living certificate for each of *sites* (name to domains), renewed where due.

        Raises:
            ConfigError: a domain or the operator's details do not fit in a certificate.
            SourceError: the folder cannot be written, or what is in it is damaged.
        """
        private_folder(self._folder)
        domains = sorted({domain for names in sites.values() for domain in names})
        certificates, issued = {}, []
        with locked(self._folder):
            authority, minted = self._server(domains, now)
            for site, names in sites.items():
                kept = self._shelf.current(site)
                if kept is None or not self._is_fit(kept, names, minted[0], now):
                    kept = self._issue_server(site, names, minted, now)
                    issued.append(site)
                certificates[site] = kept
        due = min((renew_at(kept) for kept in certificates.values()), default=authority.not_after)
        return ServerCertificates(authority, certificates, tuple(issued), due)

    def issue(self, name: str, days: float, now: float) -> IssuedCertificate:
        """
        Return a new client certificate for the user *name*, valid for *days*.

        Nothing of it is kept: the caller records ``.record`` and hands out the rest. Who
        belongs to which group is no part of a certificate.

        Raises:
            UsageError: the name or the days do not fit in a certificate.
            SourceError: the folder cannot be written, or what is in it is damaged.
        """
        name = checked_name(name)
        if not 0 < days <= MOST_CLIENT_DAYS:
            raise UsageError(
                f"a client certificate for {days:g} days was asked for, "
                f"but 1 to {MOST_CLIENT_DAYS} are allowed",
                hint=f"--days {CLIENT_DAYS}",
            )
        private_folder(self._folder)
        with locked(self._folder):
            _, (authority, authority_key) = self._client(now)
        certificate, key = minting.mint_client(
            authority, authority_key, self._operator, name, days=days, now=now
        )
        record = ClientCertificate(
            serial=f"{certificate.serial_number:x}",
            fingerprint=_fingerprint(certificate),
            identity=name,
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
        )
        return IssuedCertificate(record, certificate, key, authority)

    def _server(self, domains: Sequence[str], now: float) -> tuple[Authority, Minted]:
        def mint() -> Minted:
            return minting.mint_server_authority(self._operator, domains, now)

        def fault(certificate: x509.Certificate) -> str:
            return self._server_fault(certificate, domains, now)

        return self._ensure(SERVER_CA, mint, fault, now)

    def _server_fault(
        self, certificate: x509.Certificate, domains: Sequence[str], now: float
    ) -> str:
        constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
        if not minting.covers(constraints, domains):
            return "a site has a domain that the old one may not vouch for"
        if certificate.not_valid_after_utc.timestamp() < now + self._server_days * minting.DAY:
            return "the old one ends"
        return ""

    def _client(self, now: float) -> tuple[Authority, Minted]:
        def mint() -> Minted:
            return minting.mint_client_authority(self._operator, now)

        def fault(certificate: x509.Certificate) -> str:
            ended = certificate.not_valid_after_utc.timestamp() <= now
            return "the old one has ended" if ended else ""

        return self._ensure(CLIENT_CA, mint, fault, now)

    def _ensure(
        self,
        name: str,
        mint: Callable[[], Minted],
        fault: Callable[[x509.Certificate], str],
        now: float,
    ) -> tuple[Authority, Minted]:
        certificate = self._read(name)
        made, reason = Made.NEW, ""
        if certificate is not None:
            path = self._folder / f"{name}.pem"
            if now < certificate.not_valid_before_utc.timestamp():
                raise SourceError(
                    f'authority "{path}" is valid from {certificate.not_valid_before_utc:%Y-%m-%d}, '
                    f"but the clock says {minting.moment(now):%Y-%m-%d}",
                    hint="timedatectl set-ntp true",
                )
            reason = fault(certificate)
            if not reason:
                key = self._read_key(name, certificate)
                return self._told(name, certificate), (certificate, key)
            made = Made.REPLACED
        minted = mint()
        self._write(name, minted)
        return self._told(name, minted[0], made, reason), minted

    def _read(self, name: str) -> x509.Certificate | None:
        path = self._folder / f"{name}.pem"
        try:
            certificate = x509.load_pem_x509_certificate(path.read_bytes())
            for kind in (x509.NameConstraints, x509.SubjectKeyIdentifier):
                certificate.extensions.get_extension_for_class(kind)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, x509.ExtensionNotFound) as error:
            raise self._damaged(path, error) from error
        return certificate

    def _read_key(self, name: str, certificate: x509.Certificate) -> ec.EllipticCurvePrivateKey:
        path = self._key_path(name, certificate)
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise self._damaged(path, error) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or (
            key.public_key() != certificate.public_key()
        ):
            raise self._damaged(path, ValueError("it does not match its certificate"))
        return key

    def _write(self, name: str, minted: Minted) -> None:
        certificate, key = minted
        key_path = self._key_path(name, certificate)
        write_durably(key_path, _key_pem(key), 0o600)
        write_durably(self._folder / f"{name}.pem", certificate.public_bytes(Encoding.PEM), 0o644)
        # The key of an authority that some visitor still trusts must not lie around.
        for old in self._folder.glob(f"{name}-*.key"):
            if old != key_path:
                with contextlib.suppress(OSError):
                    old.unlink()

    def _key_path(self, name: str, certificate: x509.Certificate) -> Path:
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return self._folder / f"{name}-{identifier.value.digest.hex()[:16]}.key"

    def _told(
        self, name: str, certificate: x509.Certificate, made: Made = Made.KEPT, reason: str = ""
    ) -> Authority:
        return Authority(
            path=str(self._folder / f"{name}.pem"),
            fingerprint=_fingerprint(certificate),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            made=made,
            reason=reason,
        )

    @staticmethod
    def _damaged(path: Path, error: Exception) -> SourceError:
        told = error.strerror if isinstance(error, OSError) else str(error).split("\n")[0][:120]
        return SourceError(
            f'authority file "{path}" cannot be read: {told or type(error).__name__}',
            hint="restore it from a backup, or move it away: a new authority is then made, "
            "which every visitor must trust anew",
        )

    def _is_fit(
        self, kept: KeptCertificate, names: Sequence[str], authority: x509.Certificate, now: float
    ) -> bool:
        if not kept.not_before <= now < renew_at(kept):
            return False
        try:
            leaf = x509.load_pem_x509_certificate(Path(kept.chain).read_bytes())
            key = load_pem_private_key(Path(kept.key).read_bytes(), None)
            leaf.verify_directly_issued_by(authority)
        except Exception:  # noqa: BLE001  # whatever is wrong with it, a new one is made
            return False
        presented = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (
            set(presented) == {minting.general_name(name) for name in names}
            and leaf.subject == minting.server_subject(self._operator, names)
            and key.public_key() == leaf.public_key()
        )

    def _issue_server(
        self, site: str, names: Sequence[str], minted: Minted, now: float
    ) -> KeptCertificate:
        leaf, key = minting.mint_server(
            *minted, self._operator, names, days=self._server_days, now=now
        )
        return self._shelf.keep(site, leaf.public_bytes(Encoding.PEM), _key_pem(key))


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

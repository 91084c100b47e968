"""
Looks at a certificate chain and key that the operator gives, before they are served.

Every fault is found in one look, with what to type. Whether the chain leads to a root
that visitors trust is not judged here: the audit sees that from outside.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from sealgate.errors import ConfigError, Fault
from sealgate.identity.adapters.minting import DAY, moment
from sealgate.policy.names import covered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PrivateKeyTypes,
    )

    from sealgate.policy.inventory import Place

# RFC 9325, 4.5: at least 2048 bits for RSA, 224 for elliptic curves; browsers take these curves.
LEAST_RSA_BITS = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")
MAX_FILE_BYTES = 1 << 20
SOON_DAYS = 7


@dataclass(frozen=True, slots=True)
class Complaint:
    """
    One thing about a given certificate: what was found, what is required, what to type.

    *is_fault* tells that it must not be served so; else it is a warning.
    """

    message: str
    hint: str
    is_fault: bool = True


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """
    What a given certificate says of itself; times in seconds since the epoch.

    *chain* and *key* are the very bytes that were judged (PEM): take these, not the
    files again, which may have changed since. *fingerprint* is the SHA-256 of the
    leaf's DER in lower-case hex.
    """

    chain: bytes
    key: bytes
    fingerprint: str
    subject: str
    issuer: str
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: float
    not_after: float
    warnings: tuple[Complaint, ...] = ()


def check_own_certificate(
    chain: str, key: str, domains: Sequence[str], *, now: float, place: Place
) -> OwnCertificate:
    """
    Return the certificate in the files *chain* and *key*, fit to be served for *domains*.

    *place* is where the configuration names them, for the messages.

    Raises:
        ConfigError: with every fault that was found.
    """
    found, complaints = look_at_own_certificate(chain, key, domains, now=now)
    faults = [
        Fault(place.file, place.line, complaint.message, complaint.hint)
        for complaint in complaints
        if complaint.is_fault
    ]
    if faults or found is None:
        raise ConfigError(f'certificate "{chain}" cannot be served', faults=faults)
    return found


def look_at_own_certificate(
    chain: str, key: str, domains: Sequence[str], *, now: float
) -> tuple[OwnCertificate | None, tuple[Complaint, ...]]:
    """
    Return what is in the files *chain* and *key*, and every complaint about it.

    There is no certificate where one of the files cannot be read as such.
    """
    complaints: list[Complaint] = []
    chain_bytes, certificates = _read_chain(chain, complaints)
    key_bytes, private = _read_key(key, complaints)
    if certificates:
        complaints += _order_complaints(chain, certificates)
        complaints += _date_complaints(chain, certificates, now)
        complaints += _name_complaints(chain, certificates[0], domains)
        complaints += _purpose_complaints(chain, certificates[0])
        for certificate in certificates:
            complaints += _strength_complaints(chain, certificate)
        if private is not None:
            complaints += _match_complaints(chain, key, certificates, private)
    if not certificates or private is None:
        return None, tuple(complaints)
    leaf = certificates[0]
    dns_names, addresses = _names(leaf)
    found = OwnCertificate(
        chain=chain_bytes,
        key=key_bytes,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        dns_names=dns_names,
        addresses=addresses,
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        warnings=tuple(c for c in complaints if not c.is_fault),
    )
    return found, tuple(complaints)


def _read_chain(
    path: str, complaints: list[Complaint]
) -> tuple[bytes, tuple[x509.Certificate, ...]]:
    hint = "give the PEM file with the certificate first, then its intermediates (fullchain.pem)"
    content = _read(path, "certificate", complaints)
    if content is None:
        return b"", ()
    try:
        certificates = tuple(x509.load_pem_x509_certificates(content))
        for certificate in certificates:
            # Parts are parsed when they are asked for: ask now, for everything used below.
            _ = certificate.extensions, certificate.public_key()
            _ = certificate.signature_hash_algorithm
    except (ValueError, x509.DuplicateExtension, UnsupportedAlgorithm):
        kind = "holds no certificate in PEM" if b"-----BEGIN CERT" not in content else "is damaged"
        complaints.append(Complaint(f'certificate "{path}" {kind}', hint))
        return b"", ()
    if len(certificates) != content.count(b"-----BEGIN CERTIFICATE-----"):
        # The parser passes over a last part that was cut off.
        complaints.append(Complaint(f'certificate "{path}" is cut off', hint))
    return content, certificates


def _read_key(path: str, complaints: list[Complaint]) -> tuple[bytes, PrivateKeyTypes | None]:
    content = _read(path, "key", complaints)
    if content is None:
        return b"", None
    complaints += _mode_complaints(path)
    try:
        return content, load_pem_private_key(content, None)
    except TypeError:
        complaints.append(
            Complaint(
                f'key "{path}" is encrypted, but a gateway that starts by itself cannot ask '
                "for its passphrase",
                f"openssl pkey -in '{path}' -out '{path}.open' && chmod 600 '{path}.open'",
            )
        )
    except (ValueError, UnsupportedAlgorithm):
        kind = "is damaged" if b"PRIVATE KEY-----" in content else "holds no private key in PEM"
        complaints.append(Complaint(f'key "{path}" {kind}', f"openssl pkey -in '{path}' -check"))
    return b"", None


def _read(path: str, what: str, complaints: list[Complaint]) -> bytes | None:
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "no valid path"
        complaints.append(Complaint(f'{what} "{path}" cannot be read: {told}', f"ls -lL '{path}'"))
        return None
    if len(content) > MAX_FILE_BYTES:
        complaints.append(Complaint(f'{what} "{path}" is larger than 1 MiB', f"file '{path}'"))
        return None
    return content


def _mode_complaints(path: str) -> Iterator[Complaint]:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # follows links, as reading does
    except OSError:
        return
    hint = f"chmod 600 '{path}'"
    shown = f"{stat.S_IMODE(mode):04o}"
    if mode & 0o007 or mode & 0o020:
        others = "others" if mode & 0o007 else "its group"
        yield Complaint(f'key "{path}" is open to {others} (mode {shown}), but must be 0600', hint)
    elif mode & 0o040:
        message = f'key "{path}" is readable by its group (mode {shown}); 0600 is safer'
        yield Complaint(message, hint, is_fault=False)


def _order_complaints(path: str, chain: Sequence[x509.Certificate]) -> Iterator[Complaint]:
    for place, (certificate, issuer) in enumerate(itertools.pairwise(chain), start=1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            yield Complaint(
                f'chain "{path}" is not in order: certificate {place} is not issued by '
                f"certificate {place + 1}, but each must be issued by the next",
                "put the site's certificate first, then the one that issued it, and so on",
            )
            return
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        yield Complaint(
            f'chain "{path}" holds no intermediate; visitors fail where there is one',
            "use the fullchain file of the authority",
            is_fault=False,
        )


def _date_complaints(
    path: str, chain: Sequence[x509.Certificate], now: float
) -> Iterator[Complaint]:
    at = moment(now)
    for place, certificate in enumerate(chain, start=1):
        what = f'certificate {place} of "{path}"' if place > 1 else f'certificate "{path}"'
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if at > end:
            message = f"{what} ended on {end:%Y-%m-%d %H:%M} UTC"
            yield Complaint(message, "renew it, such as with certbot renew")
        elif at < begin:
            message = f"{what} begins only on {begin:%Y-%m-%d %H:%M} UTC"
            yield Complaint(message, "see whether the clock is right: timedatectl")
        elif end - at < dt.timedelta(seconds=SOON_DAYS * DAY):
            message = f"{what} ends on {end:%Y-%m-%d %H:%M} UTC"
            yield Complaint(message, "renew it, such as with certbot renew", is_fault=False)


def _name_complaints(
    path: str, leaf: x509.Certificate, domains: Sequence[str]
) -> Iterator[Complaint]:
    dns_names, addresses = _names(leaf)
    present = ", ".join((*dns_names, *addresses)) or "no name at all"
    for domain in domains:
        # RFC 9525, 2: only the alternative names count, the common name never.
        if not covered(domain, dns_names, addresses):
            yield Complaint(
                f'certificate "{path}" does not cover "{domain}": it names {present}',
                f"have one issued with -d {domain}, or remove the domain from the site",
            )


def _purpose_complaints(path: str, leaf: x509.Certificate) -> Iterator[Complaint]:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    allowed = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
    if usage is not None and not any(oid in usage for oid in allowed):
        message = (
            f'certificate "{path}" is not for servers: its extended key usage lacks serverAuth'
        )
        yield Complaint(message, "have a server certificate issued")
    try:
        is_authority = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if is_authority:
        yield Complaint(
            f'certificate "{path}" is an authority itself: its key could vouch for any site',
            'have a server certificate issued, or set certificate = "local-ca"',
            is_fault=False,
        )


def _strength_complaints(path: str, certificate: x509.Certificate) -> Iterator[Complaint]:
    name = certificate.subject.rfc4514_string()
    key = certificate.public_key()
    strong = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES
    )
    if not strong:
        yield Complaint(
            f'the key of "{name}" in "{path}" is {_strength(key)}, but must be ECDSA on P-256, '
            f"P-384 or P-521, or RSA of {LEAST_RSA_BITS} bits or more",
            "have it issued anew for an ECDSA key on P-256",
        )
    # A root's signature on itself proves nothing, so its digest does not matter.
    digest = certificate.signature_hash_algorithm
    if isinstance(digest, hashes.SHA1 | hashes.MD5) and certificate.issuer != certificate.subject:
        yield Complaint(
            f'"{name}" in "{path}" is signed with {digest.name}, but must be with SHA-256 or more',
            "have it issued anew",
        )


def _match_complaints(
    chain: str, key: str, certificates: Sequence[x509.Certificate], private: PrivateKeyTypes
) -> Iterator[Complaint]:
    public = private.public_key()
    matching = [n for n, c in enumerate(certificates, start=1) if c.public_key() == public]
    if 1 in matching:
        return
    if matching:
        yield Complaint(
            f'key "{key}" belongs to certificate {matching[0]} of "{chain}", but must belong '
            "to the first",
            "put the site's certificate first, then the one that issued it, and so on",
        )
    else:
        yield Complaint(
            f'key "{key}" does not match certificate "{chain}"',
            f"openssl x509 -in '{chain}' -noout -pubkey; openssl pkey -in '{key}' -pubout",
        )


def _names(leaf: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = names.get_values_for_type(x509.IPAddress)
    return tuple(names.get_values_for_type(x509.DNSName)), tuple(map(str, addresses))


def _strength(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA on {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")

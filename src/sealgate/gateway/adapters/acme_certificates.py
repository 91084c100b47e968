"""Certificates that nobody trusts, and nobody needs to: a stand-in, and what a proof shows."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

# id-pe-acmeIdentifier (RFC 8737, 3).
ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
_STAND_IN_DAYS = 3650
_PROOF_DAYS = 7
_NAME = "Sealgate stand-in: no certificate has been issued yet"
# DER: an octet string of 32 bytes.
_OCTETS = b"\x04\x20"


def stand_in(domains: Sequence[str], *, now: float) -> tuple[bytes, bytes]:
    """
    Return chain and key (PEM) for *domains*, signed by itself.

    It is shown until an authority has issued: visitors see a warning, and nothing travels
    in clear.
    """
    return _made(domains, now, _STAND_IN_DAYS)


def proof(domain: str, answer: str, *, now: float) -> tuple[bytes, bytes]:
    """Return chain and key (PEM) of what TLS-ALPN-01 shows for *domain* (RFC 8737, 3)."""
    digest = _OCTETS + hashlib.sha256(answer.encode("ascii")).digest()
    return _made([domain], now, _PROOF_DAYS, x509.UnrecognizedExtension(ACME_IDENTIFIER, digest))


def request(key: ec.EllipticCurvePrivateKey, domains: Sequence[str]) -> bytes:
    """Return the request (PKCS#10, PEM) for a certificate for *domains*."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(_names(domains), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return *key* in PKCS#8, PEM, as it is kept in files for their owner only."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _made(
    domains: Sequence[str],
    now: float,
    days: int,
    extension: x509.UnrecognizedExtension | None = None,
) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    at = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - dt.timedelta(hours=1))
        .not_valid_after(at + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_names(domains), critical=False)
    )
    if extension is not None:
        builder = builder.add_extension(extension, critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), private_pem(key)


def _names(domains: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])

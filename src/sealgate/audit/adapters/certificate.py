"""
What a server's certificate is worth: chain, name, dates, key, operator, each apart.

One handshake collects every fault that OpenSSL finds and goes on, so that an expired
certificate with a fine chain is told as expired and as nothing else.
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sealgate.audit.adapters.http import SETTLE_SECONDS
from sealgate.audit.adapters.reach import tls_ready
from sealgate.audit.adapters.wire import (
    CertificateDemandedError,
    TLSRefusedError,
    Wire,
    observing_context,
)
from sealgate.audit.sightings import CERTIFICATE_FACTS, seen, unseen
from sealgate.errors import PeerError, UsageError
from sealgate.policy.names import covered
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from OpenSSL import crypto

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED (x509_vfy.h): of the
# server's own certificate these are told by its dates.
_TIME_ERRORS = frozenset([9, 10])
_REQUEST_STATE = b"read server certificate request"


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Whom to trust: the system's authorities, and those in *ca_files* (PEM) besides.
    """

    ca_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """
        Refuse a file that holds no certificate, before anything is asked.

        Raises:
            UsageError: a file cannot be read, or is no PEM certificate.
        """
        for path in self.ca_files:
            _certificates_in(path)

    def own_roots(self) -> frozenset[bytes]:
        """
        Return the certificates of *ca_files*, each as DER.
        """
        return frozenset(
            certificate.public_bytes(Encoding.DER)
            for path in self.ca_files
            for certificate in _certificates_in(path)
        )


def _certificates_in(path: str) -> list[x509.Certificate]:
    hint = "give a PEM file with --ca FILE"
    try:
        return x509.load_pem_x509_certificates(Path(path).read_bytes())
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise UsageError(f'CA file "{path}" cannot be read: {reason}', hint=hint) from error
    except ValueError as error:
        raise UsageError(f'CA file "{path}" holds no PEM certificate', hint=hint) from error


@dataclass(slots=True)
class _Seen:
    leaf: x509.Certificate | None = None
    top: bytes = b""
    top_depth: int = -1
    errors: set[tuple[int, int]] = field(default_factory=set)
    requested: bool = False


def probe_certificate(target: Target, trust: Trust, now: float, limits: Limits) -> list[Sighting]:
    """
    Observe the certificate of *target*, and whether it asks for one of the client.

    *now* is in seconds since the epoch.
    """
    facts = CERTIFICATE_FACTS
    found = _Seen()
    required = False
    try:
        with tls_ready(target, limits) as wire:
            try:
                wire.start_tls(_context(target, trust, now, found), target.server_name)
                required = found.requested and _insists(wire, target)
            except TLSRefusedError as error:
                if found.leaf is None:
                    return unseen(target.asset, facts, f"{target.where}: {error.message}")
                required = found.requested
        if found.leaf is None:
            return unseen(target.asset, facts, f"{target.where} showed no certificate")
        values = _facts(found, found.leaf, target.server_name, trust)
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    except Exception as error:  # noqa: BLE001  # a hostile certificate makes the parser raise anything
        reason = f"{target.where}: its certificate cannot be read ({type(error).__name__})"
        return unseen(target.asset, facts, reason)
    asks = "required" if required else "requested" if found.requested else "none"
    values[Fact.TLS_CLIENT_CERTIFICATE] = asks
    return seen(target.asset, values, f"TLS handshake with {target.where}")


def _context(target: Target, trust: Trust, now: float, found: _Seen) -> SSL.Context:
    context = observing_context(alpn=target.scheme == "https")
    paths = ssl.get_default_verify_paths()
    if paths.cafile or paths.capath:
        context.load_verify_locations(paths.cafile, paths.capath)
    for path in trust.ca_files:
        context.load_verify_locations(path)
    store = context.get_cert_store()
    if store is not None:
        store.set_time(dt.datetime.fromtimestamp(now, dt.UTC))

    def collect(
        _connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, _ok: int
    ) -> bool:
        if depth == 0:
            found.leaf = certificate.to_cryptography()
        if depth > found.top_depth:
            found.top_depth = depth
            found.top = certificate.to_cryptography().public_bytes(Encoding.DER)
        if error:
            found.errors.add((error, depth))
        return True  # go on: every fault is wanted, and nothing is sent on this connection

    def watch(connection: SSL.Connection, _where: int, _result: int) -> None:
        if connection.get_state_string().endswith(_REQUEST_STATE):
            found.requested = True

    context.set_verify(SSL.VERIFY_PEER, collect)
    context.set_info_callback(watch)
    return context


def _insists(wire: Wire, target: Target) -> bool:
    # RFC 8446, 4.4.2.4: in TLS 1.3 the alert comes after the client's own handshake.
    says = b"HEAD / HTTP/1.0\r\n\r\n" if target.scheme == "https" else b"NOOP\r\n"
    try:
        wire.settle(SETTLE_SECONDS)
        wire.send(says)
        wire.receive(1)
    except CertificateDemandedError:
        return True
    except PeerError as error:
        return "certificate" in error.message or "handshake failure" in error.message
    return False


def _facts(
    found: _Seen, leaf: x509.Certificate, server_name: str, trust: Trust
) -> dict[Fact, FactValue]:
    chain_valid = not {
        (error, depth) for error, depth in found.errors if depth or error not in _TIME_ERRORS
    }
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns, addresses = (
            names.get_values_for_type(x509.DNSName),
            names.get_values_for_type(x509.IPAddress),
        )
    except x509.ExtensionNotFound:
        dns, addresses = [], []
    hosts = [a for a in addresses if not hasattr(a, "netmask")]
    digest = leaf.signature_hash_algorithm
    return {
        Fact.CERTIFICATE_CHAIN_VALID: chain_valid,
        Fact.CERTIFICATE_NAME_MATCHES: covered(server_name, dns, hosts),
        Fact.CERTIFICATE_NOT_BEFORE: leaf.not_valid_before_utc.timestamp(),
        Fact.CERTIFICATE_NOT_AFTER: leaf.not_valid_after_utc.timestamp(),
        Fact.CERTIFICATE_KEY: _key(leaf),
        Fact.CERTIFICATE_SIGNATURE: digest.name if digest else "intrinsic",
        Fact.CERTIFICATE_OPERATOR: _operator(leaf.subject),
        # The system's list counts as public; an authority given by hand does not.
        Fact.CERTIFICATE_PUBLIC: chain_valid and found.top not in trust.own_roots(),
    }


def _key(certificate: x509.Certificate) -> str:
    match certificate.public_key():
        case ec.EllipticCurvePublicKey() as key:
            return f"ECDSA-{key.key_size}"
        case rsa.RSAPublicKey() as key:
            return f"RSA-{key.key_size}"
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case other:
            return type(other).__name__.removesuffix("PublicKey").lstrip("_")


def _operator(subject: x509.Name) -> str:
    parts = (
        x509.NameOID.ORGANIZATION_NAME,
        x509.NameOID.LOCALITY_NAME,
        x509.NameOID.COUNTRY_NAME,
    )
    if not subject.get_attributes_for_oid(parts[0]):
        return ""
    return ", ".join(
        str(attribute.value) for part in parts for attribute in subject.get_attributes_for_oid(part)
    )

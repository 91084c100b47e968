"""
What a server's certificates are worth: chain, name, dates, key, operator, each apart.

A server may have several certificates, and shows the one that fits what a client can verify. So
it is asked once for each kind of signature, in TLS 1.3 and below it, and what differs is told as
a door of its own. FTP servers are asked without a name too, since many of their clients send none.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from OpenSSL._util import lib

from sealgate.audit.adapters.chains import (
    Anchors,
    anchors_in,
    chain_verdict,
    digest_name,
    key_name,
)
from sealgate.audit.adapters.demands import REQUEST_STATE, probe_client_certificate
from sealgate.audit.adapters.reach import tls_ready
from sealgate.audit.adapters.wire import HungUpError, TLSRefusedError, observing_context
from sealgate.audit.sightings import CERTIFICATE_FACTS, seen, unseen
from sealgate.errors import PeerError, UsageError
from sealgate.policy.names import covered
from sealgate.policy.observation import Fact, FactValue, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from OpenSSL import crypto

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

# What a client can verify, by version (RFC 8446, 4.2.3; RFC 5246, 7.4.1.4.1), in OpenSSL's words.
# PKCS #1 stands in the lists of TLS 1.3 for the signatures of authorities only: there nobody may
# sign a handshake with it. "?" is for what this OpenSSL may not know.
_PKCS1 = "rsa_pkcs1_sha256:rsa_pkcs1_sha384:rsa_pkcs1_sha512"
_SIGNATURES = {
    "ECDSA": "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ecdsa_secp521r1_sha512",
    "RSA": "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512",
    "RSA-PSS": "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512",
    "Ed25519": "ed25519",
    "Ed448": "ed448",
    "ML-DSA": "?mldsa44:?mldsa65:?mldsa87:ed448",
}
# Below TLS 1.3 the suite says which kind of key signs, or decrypts.
_SUITES = {
    "ECDSA": "ECDHE+aECDSA:aECDSA",
    "RSA": "aRSA",
    "DSA": "aDSS",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One handshake: for which kind of signature, in TLS 1.3 (or below), with a name or without."""

    kind: str = ""
    modern: bool | None = None
    named: bool = True

    @property
    def said(self) -> str:
        """Return what tells it from the others, for people."""
        version = {None: "", True: " in TLS 1.3", False: " below TLS 1.3"}[self.modern]
        return f"the {self.kind} certificate{version}{'' if self.named else ' without a name'}"


# As every client comes, first.
USUAL = Ask()
ASKS: tuple[Ask, ...] = (
    USUAL,
    *(Ask(kind, modern=True) for kind in _SIGNATURES),
    *(Ask(kind, modern=False) for kind in _SUITES),
)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust: the system's authorities, and those in *ca_files* (PEM) besides."""

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
        """Return the certificates of *ca_files*, each as DER."""
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
    sent: list[x509.Certificate] = field(default_factory=list)
    requested: bool = False


def probe_certificate(target: Target, trust: Trust, now: float, limits: Limits) -> list[Sighting]:
    """
    Observe the certificates of *target*, and whether it asks for one of the client.

    *now* is in seconds since the epoch.
    """
    facts = CERTIFICATE_FACTS
    try:
        usual = _shown_as_usual(target, limits)
        if not usual.sent:
            return unseen(target.asset, facts, f"{target.where} showed no certificate")
        found = {_chain_of(usual): (USUAL, usual)}
        for ask in _asks(target):
            other = _shown_if_any(target, ask, limits)
            if other.sent:
                found.setdefault(_chain_of(other), (ask, other))
        anchors = anchors_in((*_system_files(), *trust.ca_files))
        sightings = [
            sighting
            for ask, one in found.values()
            for sighting in _judged(target, ask, one, len(found) > 1, anchors, trust, now)
        ]
        # Whoever stopped answering in between may have more certificates than were seen.
        _shown_as_usual(target, limits)
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    except Exception as error:  # noqa: BLE001  # a hostile certificate makes the parser raise anything
        reason = f"{target.where}: its certificate cannot be read ({type(error).__name__})"
        return unseen(target.asset, facts, reason)
    return sightings + _demanded(target, limits, requested=usual.requested)


def _demanded(target: Target, limits: Limits, *, requested: bool) -> list[Sighting]:
    found = probe_client_certificate(target, limits, requested=requested)
    try:
        # Whoever refuses everything by now says nothing of certificates.
        _shown_as_usual(target, limits)
    except PeerError as error:
        facts = (Fact.TLS_CLIENT_CERTIFICATE,)
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    return found


def certificates_of(looks: Iterable[Sighting]) -> list[dict[Fact, FactValue]]:
    """Return what was seen of each certificate, fact by fact; none when one could not be looked at."""
    found: dict[str, dict[Fact, FactValue]] = {}
    for look in looks:
        if look.fact is Fact.TLS_CLIENT_CERTIFICATE:
            continue
        if not isinstance(look, Observation):
            return []
        found.setdefault(look.door, {})[look.fact] = look.value
    return list(found.values())


def is_in_date(values: Mapping[Fact, FactValue], now: float) -> bool:
    """Return whether a certificate of which *values* were seen is in date."""
    begins, ends = values[Fact.CERTIFICATE_NOT_BEFORE], values[Fact.CERTIFICATE_NOT_AFTER]
    return float(str(begins)) <= now <= float(str(ends))


def _asks(target: Target) -> Iterator[Ask]:
    yield from ASKS[1:]
    if target.scheme != "https":
        yield from (replace(ask, named=False) for ask in ASKS)


def _chain_of(found: _Seen) -> tuple[bytes, ...]:
    return tuple(one.public_bytes(Encoding.DER) for one in found.sent)


def _judged(  # everything that one certificate is judged by
    target: Target,
    ask: Ask,
    found: _Seen,
    several: bool,  # noqa: FBT001
    anchors: Anchors,
    trust: Trust,
    now: float,
) -> list[Sighting]:
    values = _facts(found.sent, target.server_name, anchors, trust, now)
    door = ""
    if several:
        kind = str(values[Fact.CERTIFICATE_KEY])
        door = f"its certificate {kind}" if ask is USUAL else f"its certificate {kind} ({ask.said})"
    return [
        replace(one, door=door)
        for one in seen(target.asset, values, f"TLS handshakes with {target.where}")
    ]


def _shown(target: Target, ask: Ask, limits: Limits) -> _Seen:
    found = _Seen()
    with tls_ready(target, limits) as wire:
        name = target.server_name if ask.named else ""
        try:
            connection = wire.start_tls(_context(target, ask, found), name)
        except TLSRefusedError:
            if not found.sent:
                raise
            return found
        chain = connection.get_peer_cert_chain() or []
        found.sent = [one.to_cryptography() for one in chain] or found.sent
    return found


def _shown_as_usual(target: Target, limits: Limits) -> _Seen:
    try:
        return _shown(target, USUAL, limits)
    except (HungUpError, TLSRefusedError):
        # It may only have been busy.
        return _shown(target, USUAL, limits)


def _shown_if_any(target: Target, ask: Ask, limits: Limits) -> _Seen:
    # Refused: it has no such certificate. A server that hangs up is asked once more, as it may
    # only have been busy; one that says nothing is told as not observed, by whoever called.
    for _ in range(2):
        try:
            return _shown(target, ask, limits)
        except HungUpError:
            continue
        except TLSRefusedError as error:
            if "closed" not in error.message:
                break
    return _Seen()


def _context(target: Target, ask: Ask, found: _Seen) -> SSL.Context:
    context = observing_context(alpn=target.scheme == "https")
    if ask.modern is not None:
        if ask.modern:
            context.set_min_proto_version(SSL.TLS1_3_VERSION)
            _verify_only(context, f"{_SIGNATURES[ask.kind]}:{_PKCS1}")
        else:
            context.set_max_proto_version(SSL.TLS1_2_VERSION)
            context.set_cipher_list(f"{_SUITES[ask.kind]}:@SECLEVEL=0".encode())

    def collect(
        connection: SSL.Connection, certificate: crypto.X509, _error: int, depth: int, _ok: int
    ) -> bool:
        if depth == 0 and not found.sent:
            # Where the handshake ends for want of our certificate, this is all there is.
            chain = connection.get_peer_cert_chain() or [certificate]
            found.sent = [one.to_cryptography() for one in chain]
        return True  # go on: nothing is sent on this connection

    def watch(connection: SSL.Connection, _where: int, _result: int) -> None:
        if connection.get_state_string().endswith(REQUEST_STATE):
            found.requested = True

    context.set_verify(SSL.VERIFY_PEER, collect)
    context.set_info_callback(watch)
    return context


def _verify_only(context: SSL.Context, signatures: str) -> None:
    # pyOpenSSL has no public call for this; the name is OpenSSL's own (SSL_CTX_set1_sigalgs(3)).
    if not lib.SSL_CTX_set1_sigalgs_list(context._context, signatures.encode()):  # noqa: SLF001  # as said
        raise PeerError("this OpenSSL cannot ask for one kind of signature")


def _system_files() -> tuple[str, ...]:
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return (paths.cafile,)
    folder = Path(paths.capath) if paths.capath else None
    return tuple(str(path) for path in sorted(folder.iterdir())) if folder else ()


def _facts(
    sent: Sequence[x509.Certificate], server_name: str, anchors: Anchors, trust: Trust, now: float
) -> dict[Fact, FactValue]:
    leaf = sent[0]
    chain = chain_verdict(sent, anchors, now)
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns, addresses = (
            names.get_values_for_type(x509.DNSName),
            names.get_values_for_type(x509.IPAddress),
        )
    except x509.ExtensionNotFound:
        dns, addresses = [], []
    hosts = [a for a in addresses if not hasattr(a, "netmask")]
    return {
        Fact.CERTIFICATE_CHAIN_VALID: not chain.fault,
        Fact.CERTIFICATE_CHAIN_FAULT: chain.fault,
        Fact.CERTIFICATE_NAME_MATCHES: covered(server_name, dns, hosts),
        Fact.CERTIFICATE_NOT_BEFORE: leaf.not_valid_before_utc.timestamp(),
        Fact.CERTIFICATE_NOT_AFTER: leaf.not_valid_after_utc.timestamp(),
        Fact.CERTIFICATE_KEY: key_name(leaf),
        Fact.CERTIFICATE_SIGNATURE: digest_name(leaf),
        Fact.CERTIFICATE_OPERATOR: _operator(leaf.subject),
        # The system's list counts as public; an authority given by hand does not.
        Fact.CERTIFICATE_PUBLIC: not chain.fault and chain.anchor not in trust.own_roots(),
    }


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

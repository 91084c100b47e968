"""
Whether a client of today gets from a server's certificate to a root that it trusts.

Every path that can be built from what was sent and what is trusted is tried, so that one
cross-signed alternative is enough, as in browsers (RFC 4158). Each certificate of a path is
judged as strictly as the server's own: key, signature, dates, what it may be used for. On top of
that OpenSSL has to verify exactly that path (RFC 5280, 6), which holds name constraints, policies
and encodings. What one of both does not understand is no path.

Not looked at: whether a certificate was revoked (RFC 5280, 6.3), and whether it stands in a log
(RFC 9162).
"""

from __future__ import annotations

import datetime as dt
import re
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from OpenSSL import crypto

from sealgate.policy.algorithms import is_strong_digest, is_strong_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Bounds on what a hostile server can make us do: certificates of one chain that are looked at,
# signatures that are checked, and how long a path is.
_MOST_SENT = 32
_MOST_SIGNATURES = 256
_MOST_CERTIFICATES = 8
# X509_V_FLAG_PARTIAL_CHAIN and X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h): whatever is listed is an
# anchor, also when it is no root; dates are checked here.
_PARTIAL_CHAIN, _NO_CHECK_TIME = 0x80000, 0x200000
# RFC 5280, 4.2: the extensions that may be critical and that clients know.
_KNOWN = frozenset(
    x509.ObjectIdentifier(oid)
    for oid in (
        "2.5.29.14",  # subject key identifier
        "2.5.29.15",  # key usage
        "2.5.29.17",  # subject alternative name
        "2.5.29.19",  # basic constraints
        "2.5.29.30",  # name constraints
        "2.5.29.31",  # CRL distribution points
        "2.5.29.32",  # certificate policies
        "2.5.29.33",  # policy mappings
        "2.5.29.35",  # authority key identifier
        "2.5.29.36",  # policy constraints
        "2.5.29.37",  # extended key usage
        "2.5.29.54",  # inhibit anyPolicy
    )
)
T = TypeVar("T", bound=x509.ExtensionType)
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


@dataclass(frozen=True, slots=True)
class Anchors:
    """Whom to trust: certificates by themselves and by subject."""

    certificates: frozenset[x509.Certificate]

    def named(self, subject: x509.Name) -> Iterator[x509.Certificate]:
        """Yield those whose subject is *subject*."""
        return (one for one in self.certificates if one.subject == subject)

    def __contains__(self, certificate: object) -> bool:
        """Return whether *certificate* is one of them, to the byte."""
        return certificate in self.certificates


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """*fault* is "" when a client gets to *anchor*, else what it stumbles over."""

    fault: str
    anchor: bytes | None = None


def anchors_in(files: Sequence[str]) -> Anchors:
    """Return the certificates in the PEM *files*; what is no certificate in them is no anchor."""
    found: set[x509.Certificate] = set()
    for name in files:
        try:
            state = Path(name).stat()
        except OSError:
            continue
        found |= _certificates_in(name, state.st_mtime_ns, state.st_size)
    return Anchors(frozenset(found))


_FILTERS = threading.Lock()


@lru_cache(maxsize=8)
def _certificates_in(name: str, _changed: int, _size: int) -> frozenset[x509.Certificate]:
    found = []
    try:
        content = Path(name).read_bytes()
    except OSError:
        return frozenset()
    for block in _PEM.findall(content):
        # Some roots that everybody trusts have a serial number that RFC 5280 forbids. Of two
        # threads that change the filters of warnings at once, one gets those of the other.
        with suppress(ValueError), _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(x509.load_pem_x509_certificate(block))
    return frozenset(found)


def chain_verdict(sent: Sequence[x509.Certificate], anchors: Anchors, now: float) -> ChainVerdict:
    """
    Return whether *sent*, the server's own certificate first, leads to one of *anchors*.

    The server's own dates and name are left out: they are facts of their own.
    """
    leaf = sent[0]
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    faults: list[str] = []
    reached = False
    search = _Search(sent[:_MOST_SENT], anchors)
    for path in search.paths((leaf,)):
        reached = True
        fault = _fault(path, moment) or _refused_by_openssl(path)
        if not fault:
            return ChainVerdict("", path[-1].public_bytes(Encoding.DER))
        faults.append(fault)
    if search.exhausted:
        return ChainVerdict("the chain can be built in too many ways to try them all")
    if reached:
        # The first path is the one that goes up by what was sent.
        return ChainVerdict(faults[0])
    return ChainVerdict(_fault_of_leaf(leaf) or search.end())


class _Search:
    def __init__(self, sent: Sequence[x509.Certificate], anchors: Anchors) -> None:
        self._sent = tuple(dict.fromkeys(sent[1:]))
        self._anchors = anchors
        self._longest: tuple[x509.Certificate, ...] = ()
        self._signatures = 0
        self._signed: dict[tuple[bytes, bytes], bool] = {}
        self.exhausted = False

    def paths(self, path: tuple[x509.Certificate, ...]) -> Iterator[tuple[x509.Certificate, ...]]:
        """Yield every path from *path* to an anchor."""
        if len(path) > len(self._longest):
            self._longest = path
        top = path[-1]
        if top in self._anchors:
            yield path
            return
        if len(path) == _MOST_CERTIFICATES:
            self.exhausted = True
            return
        above = dict.fromkeys(
            (*self._anchors.named(top.issuer), *(c for c in self._sent if c.subject == top.issuer))
        )
        for issuer in above:
            if issuer not in path and self._is_signed(top, issuer):
                yield from self.paths((*path, issuer))

    def _is_signed(self, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
        pair = (certificate.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER))
        if pair not in self._signed:
            if self._signatures == _MOST_SIGNATURES:
                self.exhausted = True
                return False
            self._signatures += 1
            self._signed[pair] = _signed_by(certificate, issuer)
        return self._signed[pair]

    def end(self) -> str:
        """Return where the longest path ended that leads to no anchor."""
        top = self._longest[-1]
        if top.issuer == top.subject:
            if len(self._longest) == 1:
                return "it is signed by itself, and nobody trusts it"
            return f"it leads to {called(top)}, which is not trusted"
        fetched = (
            "browsers that fetch it or have it come through, others refuse"
            if _names_its_issuer(top)
            else "and it does not say where to fetch it"
        )
        return (
            f"the certificate of {called_name(top.issuer)}, which signed "
            f"{'it' if top is self._longest[0] else called(top)}, was not sent and is not trusted "
            f"itself: {fetched}"
        )


def called(certificate: x509.Certificate) -> str:
    """Return how *certificate* is called for people."""
    return called_name(certificate.subject)


def called_name(name: x509.Name) -> str:
    """Return *name* for people: its common name, or all of it, shortened."""
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    text = str(common[0].value) if common else name.rfc4514_string()
    return f'"{text[:80]}"'


def _names_its_issuer(certificate: x509.Certificate) -> bool:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return any(d.access_method == AuthorityInformationAccessOID.CA_ISSUERS for d in access.value)


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError):
        return False
    except Exception:  # noqa: BLE001  # an algorithm that the library does not know proves nothing
        return False
    return True


def _fault(path: Sequence[x509.Certificate], moment: dt.datetime) -> str:
    leaf = path[0]
    if len(path) > 1 and (found := _fault_of_leaf(leaf)):
        return found
    anchor = len(path) - 1
    for index, certificate in enumerate(path[1:], 1):
        what = f"{'the root' if index == anchor else 'the intermediate'} {called(certificate)}"
        found = (
            _weak_key(certificate)
            or ("" if index == anchor else _weak_signature(certificate))
            or _out_of_date(certificate, moment)
            or ("" if index == anchor else _no_authority(certificate, below=index - 1, path=path))
        )
        if found:
            return f"{what} {found}"
    return ""


def _fault_of_leaf(leaf: x509.Certificate) -> str:
    # What is wrong with its key and its signature is a rule of its own too: clients refuse it.
    weak = _weak_key(leaf) or _weak_signature(leaf)
    if weak:
        return f"it {weak}"
    extensions = _readable(leaf)
    if extensions is None:
        return "it has extensions that cannot be read"
    if unknown := _unknown_critical(extensions):
        return f"it {unknown}"
    constraints = _value(extensions, x509.BasicConstraints)
    usages = _value(extensions, x509.ExtendedKeyUsage)
    usage = _value(extensions, x509.KeyUsage)
    faults = (
        (
            constraints is not None and constraints.ca,
            "it is the certificate of an authority, not of a server",
        ),
        (
            usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages,
            "it is not for servers (its extended key usage lacks serverAuth)",
        ),
        (
            usage is not None and not usage.digital_signature,
            "it may not sign a handshake (its key usage lacks digitalSignature)",
        ),
    )
    return next((text for is_so, text in faults if is_so), "")


def _weak_key(certificate: x509.Certificate) -> str:
    key = key_name(certificate)
    return "" if is_strong_key(key) else f"has the key {key}, which clients refuse"


def _weak_signature(certificate: x509.Certificate) -> str:
    digest = digest_name(certificate)
    return "" if is_strong_digest(digest) else f"is signed with {digest}, which clients refuse"


def _out_of_date(certificate: x509.Certificate, moment: dt.datetime) -> str:
    if moment > certificate.not_valid_after_utc:
        return f"ended on {certificate.not_valid_after_utc.date()}"
    if moment < certificate.not_valid_before_utc:
        return f"begins on {certificate.not_valid_before_utc.date()} only"
    return ""


def _no_authority(
    certificate: x509.Certificate, *, below: int, path: Sequence[x509.Certificate]
) -> str:
    extensions = _readable(certificate)
    if extensions is None:
        return "has extensions that cannot be read"
    if unknown := _unknown_critical(extensions):
        return unknown
    constraints = _value(extensions, x509.BasicConstraints)
    usages = _value(extensions, x509.ExtendedKeyUsage)
    usage = _value(extensions, x509.KeyUsage)
    # RFC 5280, 4.2.1.9: those that issued themselves do not count.
    between = sum(one.issuer != one.subject for one in path[1 : below + 1])
    most = constraints.path_length if constraints else None
    faults = (
        (
            constraints is None or not constraints.ca,
            "is not the certificate of an authority (basic constraints)",
        ),
        (
            most is not None and between > most,
            f"has {between} authorities below it and may have {most}",
        ),
        (
            usage is not None and not usage.key_cert_sign,
            "may not sign certificates (its key usage lacks keyCertSign)",
        ),
        # Browsers chain it (CA/Browser Forum, 7.1.2.2); "any" is not taken by all of them.
        (
            usages is not None and ExtendedKeyUsageOID.SERVER_AUTH not in usages,
            "is not for servers (its extended key usage lacks serverAuth)",
        ),
    )
    return next((text for is_so, text in faults if is_so), "")


def _readable(certificate: x509.Certificate) -> x509.Extensions | None:
    try:
        return certificate.extensions
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _unknown_critical(extensions: x509.Extensions) -> str:
    for extension in extensions:
        if extension.critical and extension.oid not in _KNOWN:
            return f"has the critical extension {extension.oid.dotted_string}, which clients do not know"
    return ""


def _value(extensions: x509.Extensions, kind: type[T]) -> T | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def key_name(certificate: x509.Certificate) -> str:
    """
    Return the key as the policy calls it: ``ECDSA-256``, ``RSA-2048``, ``Ed25519``.

    A curve that clients do not take is named, so that nothing takes it for one that they do.
    """
    try:
        public = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError):
        return certificate.public_key_algorithm_oid.dotted_string
    match public:
        case ec.EllipticCurvePublicKey() as key:
            usual = key.curve.name == f"secp{key.key_size}r1"
            return f"ECDSA-{key.key_size}" + ("" if usual else f" ({key.curve.name})")
        case rsa.RSAPublicKey() as key:
            exponent = key.public_numbers().e
            usual = exponent >= 3 and exponent % 2 == 1  # noqa: PLR2004  # RFC 8017, 3.1
            return f"RSA-{key.key_size}" + ("" if usual else f" (exponent {exponent})")
        case ed25519.Ed25519PublicKey():
            return "Ed25519"
        case ed448.Ed448PublicKey():
            return "Ed448"
        case other:
            return type(other).__name__.removesuffix("PublicKey").lstrip("_")


def digest_name(certificate: x509.Certificate) -> str:
    """Return the hash of the signature, "intrinsic" where the algorithm brings its own."""
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return certificate.signature_algorithm_oid.dotted_string
    return digest.name if digest else "intrinsic"


def _refused_by_openssl(path: Sequence[x509.Certificate]) -> str:
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(path[-1]))
    store.set_flags(_PARTIAL_CHAIN | _NO_CHECK_TIME)
    between = [crypto.X509.from_cryptography(one) for one in path[1:-1]]
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(path[0]), between)
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        return f"the chain does not hold: {error}"
    return ""

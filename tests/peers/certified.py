"""Certificates with whatever is wrong with them, made for one run of the tests."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.peers.audited import Files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

DAY = dt.timedelta(days=1)
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT_AUTH = ExtendedKeyUsageOID.CLIENT_AUTH
PrivateKey = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)
_KEYS: dict[str, Callable[[], PrivateKey]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-224": lambda: ec.generate_private_key(ec.SECP224R1()),
    "K-256": lambda: ec.generate_private_key(ec.SECP256K1()),
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  # what an audit must find
    "RSA-2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA-3072": lambda: rsa.generate_private_key(65537, 3072),
    "DSA-2048": lambda: dsa.generate_private_key(2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}
# In DER, of the same length: sha256WithRSAEncryption and those that nobody signs with any more.
_SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
_OLD_WITH_RSA: dict[str, tuple[bytes, hashes.HashAlgorithm]] = {
    "sha1": (bytes.fromhex("2a864886f70d010105"), hashes.SHA1()),  # noqa: S303  # the same
    "md5": (bytes.fromhex("2a864886f70d010104"), hashes.MD5()),  # noqa: S303  # the same
}


@dataclass(frozen=True)
class Made:
    """One certificate with its key, and the certificates above it but the root's."""

    certificate: x509.Certificate
    key: PrivateKey
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def written(
        self, folder: Path, name: str, sent: Sequence[x509.Certificate] | None = None
    ) -> Files:
        """Write chain and key into *folder*; *sent* says what is sent besides the certificate."""
        files = Files(folder / f"{name}.pem", folder / f"{name}.key")
        chain = (self.certificate, *(self.above if sent is None else sent))
        files.chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        files.key.write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return files


@dataclass(frozen=True)
class Wish:
    """What a certificate is to be like; what is not said is as a public authority makes it."""

    names: tuple[str, ...] = ()
    common_name: str = ""
    key: str | PrivateKey = "P-256"
    digest: str = "sha256"
    begins_days: float = -10
    ends_days: float = 80
    ca: bool | None = None
    path_length: int | None = None
    usages: tuple[x509.ObjectIdentifier, ...] | None = (SERVER_AUTH,)
    key_usage: frozenset[str] | None = None
    organisation: str = "Shop Ltd"
    more: Sequence[tuple[x509.ExtensionType, bool]] = field(default_factory=tuple)
    without: frozenset[str] = frozenset()


def made(wish: Wish, issuer: Made | None = None) -> Made:
    """Return the certificate of *wish*, signed by *issuer* or by itself."""
    key = _KEYS[wish.key]() if isinstance(wish.key, str) else wish.key
    signer = issuer.key if issuer else key
    subject = _name(wish)
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wish.begins_days * DAY)
        .not_valid_after(now + wish.ends_days * DAY)
    )
    for extension, critical in _extensions(wish, key, issuer):
        builder = builder.add_extension(extension, critical=critical)
    plain = isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey)
    certificate = builder.sign(signer, None if plain else hashes.SHA256())
    if wish.digest in _OLD_WITH_RSA:
        assert isinstance(signer, rsa.RSAPrivateKey)
        certificate = _signed_anew(certificate, signer, wish.digest)
    above = (issuer.certificate, *issuer.above) if issuer and not is_root(issuer) else ()
    return Made(certificate, key, above)


def is_root(one: Made) -> bool:
    """Return whether *one* signed itself."""
    return one.certificate.issuer == one.certificate.subject


def authority(name: str, issuer: Made | None = None, **other: object) -> Made:
    """Return an authority called *name*, a root where there is no *issuer*."""
    wish = {"common_name": name, "ca": True, "usages": None, "organisation": "", **other}
    return made(Wish(**{"begins_days": -400, "ends_days": 400, **wish}), issuer)  # type: ignore[arg-type]  # fields of Wish


def _name(wish: Wish) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]
    if wish.organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, wish.organisation))
    if wish.common_name:
        parts.append(x509.NameAttribute(NameOID.COMMON_NAME, wish.common_name))
    return x509.Name(parts)


def _extensions(
    wish: Wish, key: PrivateKey, issuer: Made | None
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    if wish.ca is not None:
        yield x509.BasicConstraints(wish.ca, wish.path_length if wish.ca else None), True
    if wish.names:
        yield x509.SubjectAlternativeName([general(name) for name in wish.names]), False
    if wish.usages is not None:
        yield x509.ExtendedKeyUsage(wish.usages), False
    said = wish.key_usage
    if said is None:
        said = frozenset({"key_cert_sign", "crl_sign"} if wish.ca else {"digital_signature"})
    if said != {"none"}:
        yield key_usage(said), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    above = issuer.key if issuer else key
    yield x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key()), False
    yield from wish.more


def general(text: str) -> x509.GeneralName:
    """Return *text* as a name of a certificate."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def key_usage(said: frozenset[str]) -> x509.KeyUsage:
    """Return the extension that allows what is *said*."""
    parts = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{part: part in said for part in parts})


def _signed_anew(
    certificate: x509.Certificate, key: rsa.RSAPrivateKey, digest: str
) -> x509.Certificate:
    # The library refuses to sign with these, so the parts are put together by hand (RFC 5280, 4.1).
    oid, algorithm = _OLD_WITH_RSA[digest]
    body = certificate.tbs_certificate_bytes.replace(_SHA256_WITH_RSA, oid)
    signature = key.sign(body, padding.PKCS1v15(), algorithm)
    named = _der(0x30, _der(0x06, oid) + b"\x05\x00")
    return x509.load_der_x509_certificate(
        _der(0x30, body + named + _der(0x03, b"\x00" + signature))
    )


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:  # X.690, 8.1.3.4: the short form
        return bytes((tag, length)) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + content

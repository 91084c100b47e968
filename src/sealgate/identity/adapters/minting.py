"""
Makes keys and signs certificates; nothing here reads or writes a file.

Every certificate follows RFC 5280 and passes OpenSSL's strict checks: ECDSA on P-256
with SHA-256, key identifiers, key usage, and times that end with their issuer's.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sealgate.errors import ConfigError
from sealgate.identity.model import user_uri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.inventory import Operator

HOUR = 3600.0
DAY = 24 * HOUR
AUTHORITY_DAYS = 3650
# Clocks of visitors run late; a certificate that is minutes old must work for them.
BACKDATED_SECONDS = HOUR

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
ALL_ADDRESSES = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key on P-256, the curve that every TLS client takes."""
    return ec.generate_private_key(ec.SECP256R1())


def subject_of(operator: Operator, common_name: str | None = None) -> x509.Name:
    """
    Return the operator's details as a subject; parts that nobody declared are left out.

    A *common_name* that is longer than a certificate can hold is left out too: names
    that count stand in the alternative names.

    Raises:
        ConfigError: a part does not fit in a certificate (RFC 5280, appendix A.1).
    """
    parts = (
        (NameOID.COUNTRY_NAME, "country", operator.country.upper(), 2),
        (NameOID.LOCALITY_NAME, "locality", operator.locality, 128),
        (NameOID.ORGANIZATION_NAME, "name", operator.name, 64),
    )
    attributes = []
    for oid, key, value, most in parts:
        if not value:
            continue
        size = len(value.encode())
        if size > most or (key == "country" and not (size == most and value.isalpha())):
            required = "two letters" if key == "country" else f"at most {most} bytes"
            raise ConfigError(
                f'operator {key} "{value}" is {size} bytes long, but a certificate takes {required}',
                hint=f"set {key} in [operator]",
            )
        attributes.append(x509.NameAttribute(oid, value))
    if common_name and len(common_name.encode()) <= 64:  # noqa: PLR2004  # ub-common-name
        attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def server_subject(operator: Operator, domains: Sequence[str]) -> x509.Name:
    """
    Return the subject of a server certificate: the operator, and the first name of *domains*.

    An address is no common name: OpenSSL reads one as a DNS name where there is no other,
    and finds that name constraints exclude it.

    Raises:
        ConfigError: a part does not fit in a certificate.
    """
    return subject_of(operator, next((d for d in domains if as_address(d) is None), None))


def general_name(domain: str) -> x509.DNSName | x509.IPAddress:
    """
    Return *domain* as a name in a certificate: an address as such, anything else as DNS name.

    Raises:
        ConfigError: the domain is not in its ASCII form.
    """
    if (address := as_address(domain)) is not None:
        return x509.IPAddress(address)
    if not domain.isascii() or not domain:
        raise ConfigError(
            f'domain "{domain}" is not in its ASCII form, but certificates hold nothing else',
            hint="write it as xn--…, the form that the DNS knows",
        )
    return x509.DNSName(domain.lower().rstrip("."))


def as_address(domain: str) -> IPAddress | None:
    """Return *domain* as an IP address, ``None`` when it is a name."""
    try:
        return ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return None


def server_constraints(domains: Sequence[str]) -> x509.NameConstraints:
    """
    Return what a server authority may vouch for: *domains* and what lies below them.

    RFC 5280, 4.2.1.10 cannot say "this name and no subdomain". A kind of name that is
    not permitted anywhere must be excluded as a whole, or it would be free.
    """
    names, addresses = set[str](), set[IPAddress]()
    for name in map(general_name, domains):
        if isinstance(name, x509.DNSName):
            names.add(name.value.removeprefix("*."))
        elif isinstance(name.value, IPAddress):
            addresses.add(name.value)
    permitted: list[x509.GeneralName] = [x509.DNSName(name) for name in sorted(names)]
    permitted += [
        x509.IPAddress(ipaddress.ip_network(address))
        for address in sorted(addresses, key=lambda a: (a.version, int(a)))
    ]
    excluded = _every_name(dns=not names, addresses=not addresses)
    return x509.NameConstraints(permitted or None, excluded or None)


def covers(constraints: x509.NameConstraints, domains: Sequence[str]) -> bool:
    """Return whether an authority with *constraints* may vouch for each of *domains*."""
    return all(_permits(constraints, general_name(domain)) for domain in domains)


def mint_server_authority(
    operator: Operator, domains: Sequence[str], now: float
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a new authority that can vouch for the servers of *domains* and nothing else."""
    return _mint_authority(
        subject_of(operator, "Sealgate server CA"),
        server_constraints(domains),
        ExtendedKeyUsageOID.SERVER_AUTH,
        now,
    )


def mint_client_authority(
    operator: Operator, now: float
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """
    Return a new authority for client certificates, which can vouch for no server at all.

    It is held to clients twice: by its extended key usage, and by excluding every DNS
    name and every address for verifiers that do not read the usage of an authority
    (the form of CA/Browser Forum Baseline Requirements, 7.1.2.5.2).
    """
    return _mint_authority(
        subject_of(operator, "Sealgate client CA"),
        x509.NameConstraints(None, _every_name(dns=True, addresses=True)),
        ExtendedKeyUsageOID.CLIENT_AUTH,
        now,
    )


def mint_server(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    operator: Operator,
    domains: Sequence[str],
    *,
    days: float,
    now: float,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return a server certificate for *domains* with a key of its own."""
    key = new_key()
    names = x509.SubjectAlternativeName([general_name(domain) for domain in domains])
    subject = server_subject(operator, domains)
    builder = _start(subject, authority, key, now, now + days * DAY)
    # RFC 5280, 4.1.2.6: without a subject, the alternative names must be critical.
    builder = builder.add_extension(names, critical=not list(subject))
    builder = _as_leaf(builder, authority, ExtendedKeyUsageOID.SERVER_AUTH)
    return builder.sign(authority_key, hashes.SHA256()), key


def mint_client(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    operator: Operator,
    name: str,
    *,
    days: float,
    now: float,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """
    Return a client certificate for the user *name* with a key of its own.

    The URI tells the identity; the common name is only what a browser shows its user.
    """
    key = new_key()
    uri = x509.UniformResourceIdentifier(user_uri(name))
    builder = _start(subject_of(operator, name), authority, key, now, now + days * DAY)
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    builder = _as_leaf(builder, authority, ExtendedKeyUsageOID.CLIENT_AUTH)
    return builder.sign(authority_key, hashes.SHA256()), key


def moment(seconds: float) -> dt.datetime:
    """Return *seconds* since the epoch as the whole second that a certificate can hold."""
    return dt.datetime.fromtimestamp(math.floor(seconds), tz=dt.UTC)


def _mint_authority(
    subject: x509.Name,
    constraints: x509.NameConstraints,
    usage: x509.ObjectIdentifier,
    now: float,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = new_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(moment(now - BACKDATED_SECONDS))
        .not_valid_after(moment(now + AUTHORITY_DAYS * DAY))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(constraints, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _start(
    subject: x509.Name,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: float,
    until: float,
) -> x509.CertificateBuilder:
    begin = max(moment(now - BACKDATED_SECONDS), authority.not_valid_before_utc)
    end = min(moment(until), authority.not_valid_after_utc)
    return (
        x509.CertificateBuilder(
            authority.subject, subject, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _as_leaf(
    builder: x509.CertificateBuilder, authority: x509.Certificate, usage: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _every_name(*, dns: bool, addresses: bool) -> list[x509.GeneralName]:
    # The empty DNS name stands for all of them (RFC 5280, 4.2.1.10).
    names: list[x509.GeneralName] = [x509.DNSName("")] if dns else []
    return names + ([x509.IPAddress(network) for network in ALL_ADDRESSES] if addresses else [])


def _permits(constraints: x509.NameConstraints, name: x509.DNSName | x509.IPAddress) -> bool:
    for permitted in constraints.permitted_subtrees or ():
        if isinstance(name, x509.DNSName) and isinstance(permitted, x509.DNSName):
            bare = name.value.removeprefix("*.")
            if bare == permitted.value or bare.endswith(f".{permitted.value}"):
                return True
        if isinstance(name, x509.IPAddress) and isinstance(permitted, x509.IPAddress):
            inside = permitted.value
            if isinstance(inside, ipaddress.IPv4Network | ipaddress.IPv6Network) and (
                name.value in inside
            ):
                return True
    return False

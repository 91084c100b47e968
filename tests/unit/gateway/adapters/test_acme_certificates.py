"""Certificates that only say something, held against openssl and the standards."""

from __future__ import annotations

import hashlib
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sealgate.gateway.adapters.acme_certificates import (
    ACME_IDENTIFIER,
    private_pem,
    proof,
    request,
    stand_in,
)
from sealgate.gateway.adapters.acme_hook import record_of
from sealgate.gateway.model import Proof
from sealgate.policy.inventory import AcmeChallenge

NOW = 1_800_000_000.0


def names(certificate: x509.Certificate | x509.CertificateSigningRequest) -> list[str]:
    """Return the domains that *certificate* names."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return found.get_values_for_type(x509.DNSName)


def test_a_stand_in_names_all_and_says_what_it_is() -> None:
    """Its key fits, and whoever looks at it reads why it is there."""
    chain, key = stand_in(("a.example", "b.example"), now=NOW)
    certificate = x509.load_pem_x509_certificate(chain)
    assert names(certificate) == ["a.example", "b.example"]
    assert "stand-in" in certificate.subject.rfc4514_string()
    private = serialization.load_pem_private_key(key, None)
    assert private.public_key() == certificate.public_key()
    assert certificate.not_valid_before_utc.timestamp() < NOW


def test_a_proof_is_as_rfc_8737_wants_it() -> None:
    """One name, and the digest in a critical extension: an octet string of 32 bytes."""
    chain, _ = proof("a.example", "token.thumb", now=NOW)
    certificate = x509.load_pem_x509_certificate(chain)
    extension = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    assert names(certificate) == ["a.example"]
    assert extension.critical
    assert isinstance(extension.value, x509.UnrecognizedExtension)
    digest = hashlib.sha256(b"token.thumb").digest()
    assert extension.value.value == b"\x04\x20" + digest
    told = subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=chain, capture_output=True, check=True
    )
    assert b"1.3.6.1.5.5.7.1.31: critical" in told.stdout


def test_a_request_names_all_and_is_signed() -> None:
    """The subject is empty: names stand in the alternative names alone (RFC 9525, 2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.load_pem_x509_csr(request(key, ("a.example", "b.example")))
    assert made.is_signature_valid
    assert names(made) == ["a.example", "b.example"]
    assert not list(made.subject)
    assert b"BEGIN PRIVATE KEY" in private_pem(key)


def test_the_record_is_as_rfc_8555_wants_it() -> None:
    """The digest of the answer in base64url without padding, below the name (8.4)."""
    one = Proof(AcmeChallenge.DNS_01, "a.example", "token", "token.thumb")
    name, value = record_of(one)
    assert name == "_acme-challenge.a.example."
    # printf token.thumb | openssl dgst -sha256 -binary | basenc --base64url
    assert value == "lCdftpJCXapaZHkBGIZbcubeKW8RmA0jSG_aZN01zbU"

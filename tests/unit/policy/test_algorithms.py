"""What the names of algorithms are worth."""

from __future__ import annotations

import pytest

from sealgate.policy.algorithms import (
    can_lose_packets,
    is_strong_key,
    is_strong_mac,
    is_strong_signature,
    is_strong_suite,
    rank_of_cipher,
    rank_of_kex,
    rank_of_ssh,
    rank_of_tls,
)
from sealgate.policy.protection import TransitRung

HYBRID, CURVE = "mlkem768x25519-sha256", "curve25519-sha256"
GCM, CHACHA = "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"
ETM = "hmac-sha2-256-etm@openssh.com"
TLS_GCM = "TLS_AES_256_GCM_SHA384"
TLS_1_2 = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        (HYBRID, TransitRung.HIGHLY_ENCRYPTED),
        ("mlkem1024nistp384-sha384", TransitRung.HIGHLY_ENCRYPTED),
        # Hybrid as well, but named by no standard.
        ("sntrup761x25519-sha512@openssh.com", TransitRung.ENCRYPTED),
        ("curve25519-sha256@libssh.org", TransitRung.ENCRYPTED),
        ("ecdh-sha2-nistp521", TransitRung.ENCRYPTED),
        ("diffie-hellman-group14-sha256", TransitRung.ENCRYPTED),
        ("gss-curve25519-sha256-toWM5Slw5Ew8Mqkay+al2g==", TransitRung.ENCRYPTED),
        ("gss-group1-sha1-toWM5Slw5Ew8Mqkay+al2g==", TransitRung.UNENCRYPTED),
        ("diffie-hellman-group14-sha1", TransitRung.UNENCRYPTED),
        ("diffie-hellman-group1-sha1", TransitRung.UNENCRYPTED),
        ("diffie-hellman-group14-sha256x", TransitRung.UNENCRYPTED),
        ("", TransitRung.UNENCRYPTED),
    ],
)
def test_key_exchanges(name: str, rank: int) -> None:
    """SHA-1 and short groups are weak, ML-KEM beside a curve is the top, the unknown is nothing."""
    assert rank_of_kex(name) == rank


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        (GCM, TransitRung.HIGHLY_ENCRYPTED),
        (CHACHA, TransitRung.HIGHLY_ENCRYPTED),
        ("aes128-gcm@openssh.com", TransitRung.ENCRYPTED),
        ("aes256-ctr", TransitRung.ENCRYPTED),
        ("aes256-cbc", TransitRung.UNENCRYPTED),
        ("blowfish-ctr", TransitRung.UNENCRYPTED),
        ("none", TransitRung.UNENCRYPTED),
    ],
)
def test_ciphers(name: str, rank: int) -> None:
    """Authenticated modes with long keys are the top; CBC and the unknown are nothing."""
    assert rank_of_cipher(name) == rank


def test_macs_signatures_and_keys() -> None:
    """SHA-2 and keys that are long enough; MD5, SHA-1, DSA and short tags are weak."""
    assert all(map(is_strong_mac, [ETM, "hmac-sha2-512", "umac-128@openssh.com"]))
    assert not any(map(is_strong_mac, ["hmac-sha1", "umac-64@openssh.com", "hmac-sha2-256-96"]))
    assert all(map(is_strong_signature, ["ssh-ed25519", "rsa-sha2-512-cert-v01@openssh.com"]))
    assert not any(map(is_strong_signature, ["ssh-rsa", "ssh-dss", "rsa-sha2-1024"]))
    assert all(map(is_strong_key, ["Ed25519", "RSA-2048", "ECDSA-256"]))
    assert not any(map(is_strong_key, ["RSA-2047", "RSA", "RSA-3072x", "DSA-4096", ""]))


def test_terrapin() -> None:
    """Packets are lost unnoticed under ChaCha20-Poly1305 and CBC, not under GCM and CTR."""
    assert [can_lose_packets(name) for name in (CHACHA, "aes128-cbc", GCM, "aes128-ctr")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("kex", "cipher", "mac", "rank"),
    [
        (HYBRID, GCM, "", TransitRung.HIGHLY_ENCRYPTED),
        (HYBRID, "aes128-gcm@openssh.com", "", TransitRung.ENCRYPTED),
        (CURVE, GCM, "", TransitRung.ENCRYPTED),
        (CURVE, "aes256-ctr", ETM, TransitRung.ENCRYPTED),
        (CURVE, "aes256-ctr", "hmac-md5", TransitRung.UNENCRYPTED),
        (CURVE, "aes256-ctr", "", TransitRung.UNENCRYPTED),
        ("diffie-hellman-group1-sha1", GCM, "", TransitRung.UNENCRYPTED),
        (HYBRID, "aes256-cbc", ETM, TransitRung.UNENCRYPTED),
    ],
)
def test_an_ssh_connection_is_worth_its_weakest_part(
    kex: str, cipher: str, mac: str, rank: int
) -> None:
    """A strong exchange does not make up for a weak cipher, nor the other way round."""
    assert rank_of_ssh(kex, cipher, mac) == rank


@pytest.mark.parametrize(
    ("version", "suite", "group", "rank"),
    [
        ("TLSv1.3", TLS_GCM, "X25519MLKEM768", TransitRung.HIGHLY_ENCRYPTED),
        ("TLSv1.3", TLS_GCM, "X25519", TransitRung.ENCRYPTED),
        # A group that could not be seen proves nothing.
        ("TLSv1.3", TLS_GCM, "", TransitRung.ENCRYPTED),
        ("TLSv1.2", TLS_1_2, "X25519MLKEM768", TransitRung.ENCRYPTED),
        ("TLSv1.1", TLS_1_2, "X25519", TransitRung.UNENCRYPTED),
        ("TLSv1.2", "TLS_RSA_WITH_AES_128_GCM_SHA256", "", TransitRung.UNENCRYPTED),
    ],
)
def test_a_tls_connection_is_worth_its_weakest_part(
    version: str, suite: str, group: str, rank: int
) -> None:
    """The top needs TLS 1.3 and a hybrid group."""
    assert rank_of_tls(version, suite, group) == rank
    assert is_strong_suite(suite) is (rank > TransitRung.UNENCRYPTED or version == "TLSv1.1")

"""
What the names of SSH and TLS algorithms are worth, as ranks of the ladder "in transit".

Rules judge with this what a server offers, and servers what a live connection agreed on,
so that the two cannot disagree. A name that is not known here is worth nothing.

Sources: RFC 9142 (key exchange), RFC 4344, RFC 5647 and OpenSSH's PROTOCOL (ciphers),
RFC 6668 (MACs), RFC 8332, RFC 5656 and RFC 8709 (signatures), RFC 9325 (TLS).
"""

from __future__ import annotations

import re

from sealgate.policy.protection import TransitRung
from sealgate.policy.suites import weakness

# Hybrids of ML-KEM (FIPS 203) and a curve.
_HYBRID_KEX = frozenset(
    ["mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"]
)
# RFC 9142, 3 and 4: SHA-2, curves, groups of 2048 bits and more. sntrup761 is a hybrid too,
# but no standard: it counts as the curve beside it. GSS methods end in a hash of their
# mechanism's name.
_STRONG_KEX = re.compile(
    r"(?:sntrup761x25519-sha512|curve25519-sha256|curve448-sha512)(?:@openssh\.com|@libssh\.org)?"
    r"|ecdh-sha2-nistp(?:256|384|521)"
    r"|diffie-hellman-group(?:14-sha256|15-sha512|16-sha512|17-sha512|18-sha512)"
    r"|diffie-hellman-group-exchange-sha256|rsa2048-sha256"
    r"|gss-(?:group(?:14-sha256|15-sha512|16-sha512|17-sha512|18-sha512)|nistp256-sha256"
    r"|nistp384-sha384|nistp521-sha512|curve25519-sha256|curve448-sha512)-[A-Za-z0-9+/=]+"
)
# What SSH clients without Curve25519 or AES-GCM ask for, and OpenSSH and RFC 9142 still take. It is
# offered only where a drop names it (``older_clients``); MACs are encrypt-then-MAC then, too.
OLDER_KEX = ("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521")
OLDER_CIPHERS = ("aes256-ctr", "aes192-ctr", "aes128-ctr")
_AEAD = frozenset(
    [
        "aes256-gcm@openssh.com",
        "AEAD_AES_256_GCM",
        "chacha20-poly1305@openssh.com",
        "chacha20-poly1305",
    ]
)
_STRONG_CIPHER = re.compile(r"aes(?:128|192|256)-ctr|aes128-gcm@openssh\.com|AEAD_AES_128_GCM")
_STRONG_MAC = re.compile(
    r"(?:hmac-sha2-(?:256|512)|umac-128)(?:-etm@openssh\.com|@openssh\.com)?"
    r"|AEAD_AES_(?:128|256)_GCM"
)
_STRONG_SIGNATURE = re.compile(
    r"(?:(?:sk-)?ssh-ed25519|ssh-ed448|rsa-sha2-(?:256|512)|ecdsa-sha2-nistp(?:256|384|521)"
    r"|sk-ecdsa-sha2-nistp256)(?:-cert-v01)?(?:@openssh\.com)?"
)
# RFC 9325, 4.5: SHA-256 or stronger. "intrinsic": Ed25519 and Ed448 bring their own (RFC 8032).
_STRONG_DIGESTS = frozenset(["sha256", "sha384", "sha512", "intrinsic"])
# RFC 9325, 4.5, and SP 800-131A for RSA and curves.
_LEAST_BITS = {"RSA": 2048, "ECDSA": 256}

_MODERN_SUITE = re.compile("TLS_(?:AES_128_GCM_SHA256|AES_256_GCM_SHA384|CHACHA20_POLY1305_SHA256)")
_HYBRID_GROUPS = frozenset(["X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"])


def rank_of_kex(name: str) -> TransitRung:
    """Return what the SSH key exchange *name* is worth."""
    if name in _HYBRID_KEX:
        return TransitRung.HIGHLY_ENCRYPTED
    return TransitRung.ENCRYPTED if _STRONG_KEX.fullmatch(name) else TransitRung.UNENCRYPTED


def rank_of_cipher(name: str) -> TransitRung:
    """Return what the SSH cipher *name* is worth."""
    if name in _AEAD:
        return TransitRung.HIGHLY_ENCRYPTED
    return TransitRung.ENCRYPTED if _STRONG_CIPHER.fullmatch(name) else TransitRung.UNENCRYPTED


def is_strong_mac(name: str) -> bool:
    """Return whether the SSH MAC *name* is SHA-2, or UMAC with a tag of 128 bits."""
    return _STRONG_MAC.fullmatch(name) is not None


def is_strong_signature(name: str) -> bool:
    """Return whether host keys may sign with the SSH algorithm *name*."""
    return _STRONG_SIGNATURE.fullmatch(name) is not None


def is_strong_key(key: str) -> bool:
    """Return whether *key* (``RSA-3072``, ``ECDSA-256``, ``Ed25519``) is long enough."""
    algorithm, _, bits = key.partition("-")
    if algorithm in {"Ed25519", "Ed448"}:
        return True
    # An algorithm that is not known here (DSA, ...) is not strong.
    return bits.isdecimal() and algorithm in _LEAST_BITS and int(bits) >= _LEAST_BITS[algorithm]


def is_strong_digest(name: str) -> bool:
    """Return whether certificates may be signed with the hash *name*; "" is one that was not told."""
    return name.lower().replace("-", "") in _STRONG_DIGESTS


def can_lose_packets(cipher: str) -> bool:
    """
    Return whether packets can be cut off unnoticed from an SSH session under *cipher*.

    That is so with ChaCha20-Poly1305, and with CBC beside an encrypt-then-MAC, unless
    the key exchange is strict (CVE-2023-48795, "Terrapin").
    """
    return cipher.startswith("chacha20-poly1305") or cipher.endswith("-cbc")


def is_strong_suite(name: str) -> bool:
    """Return whether the TLS suite *name* (IANA) is forward-secret and AEAD."""
    return not weakness(name)


def rank_of_ssh(kex: str, cipher: str, mac: str) -> TransitRung:
    """Return what an SSH connection that agreed on these is worth; *mac* is "" with an AEAD."""
    rank = min(rank_of_kex(kex), rank_of_cipher(cipher))
    if rank_of_cipher(cipher) == TransitRung.HIGHLY_ENCRYPTED or cipher == "aes128-gcm@openssh.com":
        return rank
    return rank if is_strong_mac(mac) else TransitRung.UNENCRYPTED


def rank_of_tls(version: str, suite: str, group: str) -> TransitRung:
    """
    Return what a TLS connection that agreed on these is worth.

    *group* is "" when it could not be seen, which is never a hybrid one.
    """
    if version not in {"TLSv1.2", "TLSv1.3"} or not is_strong_suite(suite):
        return TransitRung.UNENCRYPTED
    modern = version == "TLSv1.3" and _MODERN_SUITE.fullmatch(suite) is not None
    return (
        TransitRung.HIGHLY_ENCRYPTED
        if modern and group in _HYBRID_GROUPS
        else TransitRung.ENCRYPTED
    )

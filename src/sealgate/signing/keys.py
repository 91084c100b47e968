"""
The keys of signed answers: how one is named, which one signs, and how they are published.

A key is called by its JWK thumbprint (RFC 7638, RFC 8037), so that a name never stands for
two keys. Ed25519 signs; ECDSA over P-256 and P-384 is verified as well. Which algorithm a
signature must be of is told by the key, never by the message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from sealgate.errors import UsageError
from sealgate.signing.model import SKEW_SECONDS, VALID_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

# A key that was replaced is published until nothing that it signed holds any more, and an
# hour longer for copies of the list.
KEPT_SECONDS = VALID_SECONDS + SKEW_SECONDS + 3600.0
MOST_KEYS = 64
_CURVES = {"P-256": (SECP256R1, 32), "P-384": (SECP384R1, 48)}
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384"}
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,64})-----[^-]*-----END \1-----")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 private key in PEM; it signs from *begins_at* (seconds since the epoch) on."""

    kid: str
    pem: bytes
    begins_at: float

    def __repr__(self) -> str:
        return f"SigningKey({self.kid!r})"


def signing_key(pem: bytes, begins_at: float) -> SigningKey:
    """
    Return the key in *pem* with its name.

    Raises:
        UsageError: it is no Ed25519 private key.
    """
    return SigningKey(key_id(private_key(pem).public_key()), pem, begins_at)


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """
    Return the private key in *pem*.

    Raises:
        UsageError: it is no Ed25519 private key.
    """
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError("the signing key cannot be read") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError("the signing key is no Ed25519 private key")
    return key


def current_key(keys: Iterable[SigningKey], now: float) -> SigningKey:
    """
    Return the key that signs at *now*: the newest that has begun, else the first to begin.

    Raises:
        UsageError: there is none at all.
    """
    by_begin = sorted(keys, key=lambda key: key.begins_at)
    if not by_begin:
        raise UsageError("there is no key to sign answers with", hint="sealgate serve makes one")
    begun = [key for key in by_begin if key.begins_at <= now]
    return begun[-1] if begun else by_begin[0]


def kept_keys(keys: Iterable[SigningKey], now: float) -> tuple[SigningKey, ...]:
    """Return those of *keys* that something in date is, or will be, signed with; oldest first."""
    by_begin = sorted(keys, key=lambda key: key.begins_at)
    kept = []
    for key, newer in zip(by_begin, [*by_begin[1:], None], strict=True):
        if newer is None or now < newer.begins_at + KEPT_SECONDS:
            kept.append(key)
    return tuple(kept)


def public_pem(key: SigningKey) -> bytes:
    """Return the public half of *key* in PEM, for clients that pin it."""
    public = private_key(key.pem).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def directory(keys: Iterable[SigningKey]) -> str:
    """Return the public halves of *keys* as a JWK Set (RFC 7517), as a site publishes it."""
    told = [
        {**_jwk(private_key(key.pem).public_key()), "kid": key.kid, "use": "sig"}
        for key in sorted(keys, key=lambda key: key.begins_at)
    ]
    return json.dumps({"keys": told}, sort_keys=True, separators=(",", ":"))


def key_id(key: PublicKey) -> str:
    """Return the thumbprint of *key* (RFC 7638, 3)."""
    canonical = json.dumps(_jwk(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _jwk(key: PublicKey) -> dict[str, str]:
    if isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
    name = _CURVE_NAMES[key.curve.name]
    numbers, size = key.public_numbers(), _CURVES[name][1]
    x, y = (_base64url(n.to_bytes(size, "big")) for n in (numbers.x, numbers.y))
    return {"crv": name, "kty": "EC", "x": x, "y": y}


def read_keys(content: bytes) -> dict[str, PublicKey]:
    """
    Return the public keys in *content* by name: PEM, one JWK, or a JWK Set.

    Keys of other kinds in a set are left out.

    Raises:
        UsageError: there is no key in it that can verify a signature, or a private one.
    """
    blocks = list(_PEM.finditer(content))[:MOST_KEYS]
    found = _of_pem(blocks) if blocks else _of_json(content)
    if not found:
        raise UsageError(
            "there is no public key in it that verifies signatures (Ed25519, P-256 or P-384)"
        )
    return found


def _of_pem(blocks: list[re.Match[bytes]]) -> dict[str, PublicKey]:
    found: dict[str, PublicKey] = {}
    for block in blocks:
        if b"PRIVATE" in block[1]:
            raise _private_given()
        try:
            key = load_pem_public_key(block[0])
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        if isinstance(key, Ed25519PublicKey) or (
            isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVE_NAMES
        ):
            found[key_id(key)] = key
    return found


def _of_json(content: bytes) -> dict[str, PublicKey]:
    try:
        document: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UsageError("it is neither PEM nor a JWK Set") from error
    listed = document.get("keys", [document]) if isinstance(document, dict) else []
    found: dict[str, PublicKey] = {}
    for jwk in listed[:MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(jwk, dict):
            continue
        if "d" in jwk:
            raise _private_given()
        key = _public(jwk)
        if key is not None and jwk.get("use", "sig") == "sig":
            name = jwk.get("kid")
            found.setdefault(name if isinstance(name, str) and name else key_id(key), key)
    return found


def _public(jwk: dict[str, Any]) -> PublicKey | None:
    curve = jwk.get("crv")
    try:
        if jwk.get("kty") == "OKP" and curve == "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_decoded(jwk["x"]))
        if jwk.get("kty") == "EC" and isinstance(curve, str) and curve in _CURVES:
            x, y = (int.from_bytes(_decoded(jwk[name]), "big") for name in ("x", "y"))
            return EllipticCurvePublicNumbers(x, y, _CURVES[curve][0]()).public_key()
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise TypeError
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _private_given() -> UsageError:
    return UsageError("it holds a private key", hint="sealgate keys signing prints the public ones")

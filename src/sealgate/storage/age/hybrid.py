"""
The recipient type mlkem768x25519: ``age1pq1…`` and ``AGE-SECRET-KEY-PQ-1…``.

The file key is sealed by HPKE (RFC 9180) with the KEM MLKEM768-X25519 of
draft-ietf-hpke-pq, which is X-Wing: it holds as long as one of its two parts does.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from sealgate.storage.age.encoding import encode_base64, encode_bech32
from sealgate.storage.age.errors import HeaderError, KeyTextError
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.wrapping import check_stanza, decode_argument, first_opened
from sealgate.storage.age.x25519 import decode_key_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPE = "mlkem768x25519"
_INFO = b"age-encryption.org/mlkem768x25519"
_PREFIX = "age1pq"
_SECRET_PREFIX = "age-secret-key-pq-"  # noqa: S105  # public text
_SEED_BYTES = 32
_MLKEM_SEED_BYTES = 64
_MLKEM_KEY_BYTES = 1184
_MLKEM_CIPHERTEXT_BYTES = 1088
_X25519_BYTES = 32
_KEY_BYTES = _MLKEM_KEY_BYTES + _X25519_BYTES
_ENC_BYTES = _MLKEM_CIPHERTEXT_BYTES + _X25519_BYTES
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


class HybridRecipient:
    """A public key of ML-KEM-768 and one of Curve25519."""

    __slots__ = ("_key", "_raw")

    is_post_quantum = True
    is_alone = False

    def __init__(self, raw: bytes) -> None:
        """
        Take the 1,216 bytes of both keys.

        Raises:
            ValueError: they are no keys.
        """
        self._raw = raw
        self._key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_KEY_BYTES]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_KEY_BYTES:]),
        )

    @classmethod
    def parse(cls, text: str) -> HybridRecipient:
        """
        Return the recipient that *text* (``age1pq1…``) names.

        Raises:
            KeyTextError: it names none.
        """
        what = f'the recipient "{text[:16]}…"'
        try:
            return cls(decode_key_text(text, _PREFIX, _KEY_BYTES, what))
        except ValueError:
            raise KeyTextError(f"{what} is no usable key") from None

    def __str__(self) -> str:
        """Return ``age1pq1…``."""
        return encode_bech32(_PREFIX, self._raw)

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """
        Return one stanza with an encapsulation of its own.

        Raises:
            KeyTextError: one of its keys protects nothing.
        """
        try:
            sealed = _SUITE.encrypt(file_key, self._key, _INFO)
        except ValueError:
            raise KeyTextError(f'the recipient "{str(self)[:16]}…" is no usable key') from None
        enc, body = sealed[:_ENC_BYTES], sealed[_ENC_BYTES:]
        return (Stanza(_TYPE, (encode_base64(enc),), body),)


class HybridIdentity:
    """The seed of a secret key of ML-KEM-768 and one of Curve25519."""

    __slots__ = ("_key", "_public", "_seed", "_x25519")

    def __init__(self, seed: bytes) -> None:
        """Take the 32 bytes that both keys are expanded from (X-Wing, 5.2)."""
        expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED_BYTES + _X25519_BYTES)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        self._seed = seed
        self._x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._key = MLKEM768X25519PrivateKey(mlkem, self._x25519)
        self._public = (
            mlkem.public_key().public_bytes_raw() + self._x25519.public_key().public_bytes_raw()
        )

    @classmethod
    def generate(cls) -> HybridIdentity:
        """Return a new identity."""
        return cls(secrets.token_bytes(_SEED_BYTES))

    @classmethod
    def parse(cls, text: str) -> HybridIdentity:
        """
        Return the identity that *text* (``AGE-SECRET-KEY-PQ-1…``) is.

        Raises:
            KeyTextError: it is none; the message does not repeat it.
        """
        return cls(decode_key_text(text, _SECRET_PREFIX, _SEED_BYTES, "an identity"))

    def secret_text(self) -> str:
        """Return ``AGE-SECRET-KEY-PQ-1…``: the secret itself."""
        return encode_bech32(_SECRET_PREFIX, self._seed).upper()

    def recipient(self) -> HybridRecipient:
        """Return the public side."""
        return HybridRecipient(self._public)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key from the stanza for this key, ``None`` when there is none.

        Raises:
            HeaderError: a stanza of this type breaks the format, or its share is of low order.
        """
        return first_opened(stanzas, _TYPE, self._checked, self._opened)

    def _checked(self, stanza: Stanza) -> bytes:
        check_stanza(stanza, 1)
        enc = decode_argument(stanza, 0, _ENC_BYTES)
        # HPKE would only say that it cannot be opened.
        try:
            share = X25519PublicKey.from_public_bytes(enc[_MLKEM_CIPHERTEXT_BYTES:])
            self._x25519.exchange(share)
        except ValueError:
            raise HeaderError(f'a stanza "{_TYPE}" has a share of low order') from None
        return enc

    def _opened(self, stanza: Stanza, enc: bytes) -> bytes | None:
        try:
            return _SUITE.decrypt(enc + stanza.body, self._key, _INFO)
        except InvalidTag:
            return None

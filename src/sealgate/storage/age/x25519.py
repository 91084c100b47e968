"""The recipient type X25519: ``age1…`` and ``AGE-SECRET-KEY-1…`` (c2sp.org/age)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sealgate.storage.age.encoding import decode_bech32, encode_base64, encode_bech32
from sealgate.storage.age.errors import HeaderError, KeyTextError
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.wrapping import (
    check_stanza,
    decode_argument,
    derive_key,
    first_opened,
    open_file_key,
    seal_file_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_TYPE = "X25519"
_INFO = b"age-encryption.org/v1/X25519"
_PREFIX = "age"
_SECRET_PREFIX = "age-secret-key-"  # noqa: S105  # public text
_KEY_BYTES = 32


class X25519Recipient:
    """A public key of Curve25519."""

    __slots__ = ("_key", "_raw")

    is_post_quantum = False
    is_alone = False

    def __init__(self, raw: bytes) -> None:
        """Take the 32 bytes of the point."""
        self._raw = raw
        self._key = X25519PublicKey.from_public_bytes(raw)

    @classmethod
    def parse(cls, text: str) -> X25519Recipient:
        """
        Return the recipient that *text* (``age1…``) names.

        Raises:
            KeyTextError: it names none.
        """
        return cls(decode_key_text(text, _PREFIX, _KEY_BYTES, f'the recipient "{text}"'))

    def __str__(self) -> str:
        """Return ``age1…``."""
        return encode_bech32(_PREFIX, self._raw)

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """
        Return one stanza with an ephemeral share of its own.

        Raises:
            KeyTextError: the key is a point of low order, which protects nothing.
        """
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = ephemeral.exchange(self._key)
        except ValueError:
            raise KeyTextError(f'the recipient "{self}" is no usable key') from None
        wrap_key = derive_key(shared, share + self._raw, _INFO)
        body = seal_file_key(wrap_key, file_key)
        return (Stanza(_TYPE, (encode_base64(share),), body),)


class X25519Identity:
    """A secret key of Curve25519."""

    __slots__ = ("_key", "_public")

    def __init__(self, key: X25519PrivateKey) -> None:
        """Take the key."""
        self._key = key
        self._public = key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> X25519Identity:
        """Return a new identity."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def parse(cls, text: str) -> X25519Identity:
        """
        Return the identity that *text* (``AGE-SECRET-KEY-1…``) is.

        Raises:
            KeyTextError: it is none; the message does not repeat it.
        """
        raw = decode_key_text(text, _SECRET_PREFIX, _KEY_BYTES, "an identity")
        return cls(X25519PrivateKey.from_private_bytes(raw))

    def secret_text(self) -> str:
        """Return ``AGE-SECRET-KEY-1…``: the secret itself."""
        return encode_bech32(_SECRET_PREFIX, self._key.private_bytes_raw()).upper()

    def recipient(self) -> X25519Recipient:
        """Return the public side."""
        return X25519Recipient(self._public)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key from the stanza for this key, ``None`` when there is none.

        Raises:
            HeaderError: a stanza of this type breaks the format, or its share is of low order.
        """
        return first_opened(stanzas, _TYPE, self._checked, self._opened)

    def _checked(self, stanza: Stanza) -> tuple[bytes, bytes]:
        check_stanza(stanza, 1)
        share = decode_argument(stanza, 0, _KEY_BYTES)
        try:
            return share, self._key.exchange(X25519PublicKey.from_public_bytes(share))
        except ValueError:
            raise HeaderError(f'a stanza "{_TYPE}" has a share of low order') from None

    def _opened(self, stanza: Stanza, exchanged: tuple[bytes, bytes]) -> bytes | None:
        share, shared = exchanged
        return open_file_key(derive_key(shared, share + self._public, _INFO), stanza.body)


def decode_key_text(text: str, prefix: str, size: int, what: str) -> bytes:
    """
    Return the *size* bytes of the Bech32 *text* under *prefix*; *what* leads the message.

    Raises:
        KeyTextError: it is not that.
    """
    try:
        found, raw = decode_bech32(text)
    except ValueError as error:
        raise KeyTextError(f"{what} cannot be read: {error}") from None
    if found != prefix or len(raw) != size:
        raise KeyTextError(f"{what} has the wrong kind or length")
    return raw

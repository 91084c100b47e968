"""
The recipient types ssh-ed25519 and ssh-rsa: keys that people have already.

Defined by the reference implementation (filippo.io/age/agessh) and shared by the others. A
stanza carries 32 bits of the key's hash, so it tells whom a file is for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sealgate.storage.age.encoding import encode_base64
from sealgate.storage.age.errors import HeaderError, KeyTextError, PassphraseError
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.wrapping import (
    FILE_KEY_BYTES,
    check_stanza,
    decode_argument,
    derive_key,
    first_opened,
    open_file_key,
    seal_file_key,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_ED25519 = "ssh-ed25519"
_RSA = "ssh-rsa"
_ED25519_INFO = b"age-encryption.org/v1/ssh-ed25519"
_OAEP = padding.OAEP(
    mgf=padding.MGF1(algorithm=hashes.SHA256()),
    algorithm=hashes.SHA256(),
    label=b"age-encryption.org/v1/ssh-rsa",
)
_LEAST_RSA_BITS = 2048
_MOST_RSA_BITS = 16384
_X25519_BYTES = 32
_TAG_BYTES = 4
# The field of Curve25519 and Ed25519 (RFC 7748, 4.1).
_P = 2**255 - 19


class SshRecipient:
    """What both kinds share: the key as SSH writes it, and its tag."""

    __slots__ = ("_tag", "_type", "_wire")

    is_post_quantum = False
    is_alone = False

    def __init__(self, kind: str, wire: bytes) -> None:
        """Take the *kind* and the key in SSH's wire form (RFC 4253, 6.6)."""
        self._type = kind
        self._wire = wire
        self._tag = _tag(wire)

    def __str__(self) -> str:
        """Return the line without comment."""
        return f"{self._type} {base64.b64encode(self._wire).decode('ascii')}"


class SshEd25519Recipient(SshRecipient):
    """An Ed25519 key, used as the Curve25519 key that it corresponds to."""

    __slots__ = ("_montgomery",)

    def __init__(self, key: Ed25519PublicKey) -> None:
        """Take the key."""
        super().__init__(_ED25519, _wire(key))
        self._montgomery = _to_montgomery(key.public_bytes_raw())

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """
        Return one stanza with an ephemeral share of its own.

        Raises:
            KeyTextError: the key is a point of low order, which protects nothing.
        """
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        try:
            shared = _tweaked(
                self._wire, ephemeral.exchange(X25519PublicKey.from_public_bytes(self._montgomery))
            )
        except ValueError:
            raise KeyTextError(f'the recipient "{self}" is no usable key') from None
        wrap_key = derive_key(shared, share + self._montgomery, _ED25519_INFO)
        body = seal_file_key(wrap_key, file_key)
        return (Stanza(_ED25519, (self._tag, encode_base64(share)), body),)


class SshRsaRecipient(SshRecipient):
    """An RSA key of at least 2,048 bits."""

    __slots__ = ("_key",)

    def __init__(self, key: RSAPublicKey) -> None:
        """
        Take the key.

        Raises:
            KeyTextError: it is too short, or too long to work with.
        """
        super().__init__(_RSA, _wire(key))
        _check_rsa(key)
        self._key = key

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """
        Return one stanza: RSAES-OAEP with SHA-256 (RFC 8017, 7.1).

        Raises:
            KeyTextError: the numbers are none of a key.
        """
        try:
            body = self._key.encrypt(file_key, _OAEP)
        except ValueError:
            raise KeyTextError(f'the recipient "{str(self)[:40]}…" is no usable key') from None
        return (Stanza(_RSA, (self._tag,), body),)


class SshEd25519Identity:
    """The secret side of an Ed25519 key."""

    __slots__ = ("_key", "_montgomery", "_public", "_wire")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        """Take the key."""
        self._public = key.public_key()
        self._wire = _wire(self._public)
        # RFC 8032, 5.1.5: the scalar is the first half of the seed's hash.
        scalar = hashlib.sha512(key.private_bytes_raw()).digest()[:_X25519_BYTES]
        self._key = X25519PrivateKey.from_private_bytes(scalar)
        self._montgomery = self._key.public_key().public_bytes_raw()

    def recipient(self) -> SshEd25519Recipient:
        """Return the public side."""
        return SshEd25519Recipient(self._public)

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key from the stanza for this key, ``None`` when there is none.

        Raises:
            HeaderError: a stanza of this type breaks the format, or its share is of low order.
        """
        return first_opened(stanzas, _ED25519, _share, self._opened)

    def _opened(self, stanza: Stanza, share: bytes) -> bytes | None:
        if stanza.args[0] != _tag(self._wire):
            return None
        try:
            exchanged = self._key.exchange(X25519PublicKey.from_public_bytes(share))
            shared = _tweaked(self._wire, exchanged)
        except ValueError:
            raise HeaderError(f'a stanza "{_ED25519}" has a share of low order') from None
        wrap_key = derive_key(shared, share + self._montgomery, _ED25519_INFO)
        return open_file_key(wrap_key, stanza.body)


class SshRsaIdentity:
    """The secret side of an RSA key."""

    __slots__ = ("_key", "_wire")

    def __init__(self, key: RSAPrivateKey) -> None:
        """
        Take the key.

        Raises:
            KeyTextError: it is too short, or too long to work with.
        """
        _check_rsa(key.public_key())
        self._key = key
        self._wire = _wire(key.public_key())

    def recipient(self) -> SshRsaRecipient:
        """Return the public side."""
        return SshRsaRecipient(self._key.public_key())

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key from the stanza for this key, ``None`` when there is none.

        Raises:
            HeaderError: a stanza of this type breaks the format.
        """
        return first_opened(stanzas, _RSA, _check_tag, self._opened)

    def _opened(self, stanza: Stanza, _: None) -> bytes | None:
        if stanza.args[0] != _tag(self._wire):
            return None
        try:
            opened = self._key.decrypt(stanza.body, _OAEP)
        except ValueError:
            return None
        return opened if len(opened) == FILE_KEY_BYTES else None


def parse_ssh_recipient(text: str) -> SshEd25519Recipient | SshRsaRecipient:
    """
    Return the recipient that a line of an ``id_*.pub`` or ``authorized_keys`` names.

    Raises:
        KeyTextError: it names none, or a key of a kind that cannot seal.
    """
    what = f'the recipient "{text[:40]}…"'
    fields = text.split()
    try:
        key = serialization.load_ssh_public_key(" ".join(fields[:2]).encode())
    except (ValueError, UnsupportedAlgorithm, NotImplementedError, binascii.Error):
        raise KeyTextError(f"{what} is no SSH key that can be read") from None
    match key:
        case Ed25519PublicKey():
            return SshEd25519Recipient(key)
        case RSAPublicKey():
            return SshRsaRecipient(key)
        case _:
            raise KeyTextError(f"{what} is no key to seal for: ssh-ed25519 or ssh-rsa is required")


def parse_ssh_identity(pem: bytes, passphrase: str | None) -> SshEd25519Identity | SshRsaIdentity:
    """
    Return the identity in the private key file *pem*.

    Raises:
        PassphraseError: the file needs a passphrase, or another one.
        KeyTextError: it is no private key, or of a kind that cannot open.
    """
    password = passphrase.encode() if passphrase else None
    load = (
        serialization.load_ssh_private_key
        if b"BEGIN OPENSSH PRIVATE KEY" in pem
        else serialization.load_pem_private_key
    )
    try:
        try:
            key = load(pem, password)
        except TypeError:
            if password is None:
                raise PassphraseError("the SSH key needs its passphrase") from None
            # A passphrase was given for a key that has none.
            key = load(pem, None)
    except (ValueError, UnsupportedAlgorithm, NotImplementedError):
        if password is not None:
            raise PassphraseError(
                "the SSH key does not open: wrong passphrase, or damaged"
            ) from None
        raise KeyTextError("an identity is no SSH key that can be read") from None
    match key:
        case Ed25519PrivateKey():
            return SshEd25519Identity(key)
        case RSAPrivateKey():
            return SshRsaIdentity(key)
        case _:
            raise KeyTextError("an SSH key is of a kind that opens nothing, not Ed25519 or RSA")


def _share(stanza: Stanza) -> bytes:
    check_stanza(stanza, 2)
    decode_argument(stanza, 0, _TAG_BYTES)
    return decode_argument(stanza, 1, _X25519_BYTES)


def _check_tag(stanza: Stanza) -> None:
    if len(stanza.args) != 1:
        raise HeaderError(f'a stanza "{_RSA}" has the wrong number of arguments')
    decode_argument(stanza, 0, _TAG_BYTES)


def _check_rsa(key: RSAPublicKey) -> None:
    if not _LEAST_RSA_BITS <= key.key_size <= _MOST_RSA_BITS:
        raise KeyTextError(
            f"an RSA key has {key.key_size} bits, at least {_LEAST_RSA_BITS} are required"
        )


def _wire(key: Ed25519PublicKey | RSAPublicKey) -> bytes:
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _tag(wire: bytes) -> str:
    return encode_base64(hashlib.sha256(wire).digest()[:_TAG_BYTES])


def _tweaked(wire: bytes, shared: bytes) -> bytes:
    tweak = X25519PrivateKey.from_private_bytes(derive_key(b"", wire, _ED25519_INFO))
    return tweak.exchange(X25519PublicKey.from_public_bytes(shared))


def _to_montgomery(point: bytes) -> bytes:
    # RFC 7748, 4.1: u = (1 + y) / (1 - y). Of a public key, so it may take its time.
    y = (int.from_bytes(point, "little") & (2**255 - 1)) % _P
    u = (1 + y) * pow(1 - y, _P - 2, _P) % _P
    return u.to_bytes(_X25519_BYTES, "little")

"""What recipients of all kinds share: two protocols, and the wrapping of a 16-byte file key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealgate.storage.age.encoding import decode_base64
from sealgate.storage.age.errors import HeaderError, MixError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sealgate.storage.age.header import Stanza

FILE_KEY_BYTES = 16
# The file key and its tag of 16 bytes.
WRAPPED_BYTES = 32
_Checked = TypeVar("_Checked")
# Each wrapping key is used once, so the format fixes the nonce.
_NONCE = bytes(12)


class Recipient(Protocol):
    """Whom a file is sealed for. ``str()`` gives the public text."""

    @property
    def is_post_quantum(self) -> bool:
        """Return whether what is sealed for it stays sealed against a quantum computer."""

    @property
    def is_alone(self) -> bool:
        """Return whether it must be the only one of its file (a passphrase)."""

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """Return the stanzas that carry *file_key* to it; fresh randomness in each call."""


@runtime_checkable
class Identity(Protocol):
    """Who opens files: the secret side of a recipient. Its text and repr show no secret."""

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key from the one of *stanzas* that is for this identity, or ``None``.

        Raises:
            HeaderError: a stanza of its kind breaks the format.
        """

    def recipient(self) -> Recipient | None:
        """Return whom to seal for, so that this identity can open it; ``None``: nobody."""


def are_post_quantum(recipients: Iterable[Recipient]) -> bool:
    """Return whether all *recipients* have a post-quantum key; a passphrase is none."""
    return all(one.is_post_quantum and not one.is_alone for one in recipients)


def check_mix(recipients: Sequence[Recipient]) -> None:
    """
    Return when *recipients* may share one file.

    A passphrase stands alone (c2sp.org/age, "scrypt recipient stanza": who knows it takes
    the file for authentic). Post-quantum recipients stand among themselves: one classical
    beside them would give the file key away.

    Raises:
        MixError: they may not, or there is none.
    """
    if not recipients:
        raise MixError("no recipient was given", hint="seal for somebody: -r RECIPIENT")
    if len(recipients) > 1 and any(recipient.is_alone for recipient in recipients):
        raise MixError("a passphrase must be a file's only recipient", hint="leave -r or -p out")
    if len({recipient.is_post_quantum for recipient in recipients}) > 1:
        raise MixError(
            "post-quantum recipients (age1pq1…) and others cannot share a file: "
            "the weaker would decide",
            hint="seal twice, or give recipients of one kind",
        )


def seal_file_key(wrap_key: bytes, file_key: bytes) -> bytes:
    """Return *file_key* sealed with *wrap_key*, which must not be used again."""
    return ChaCha20Poly1305(wrap_key).encrypt(_NONCE, file_key, None)


def open_file_key(wrap_key: bytes, body: bytes) -> bytes | None:
    """
    Return the file key in *body*, ``None`` when *wrap_key* is not its key.

    The caller has checked the length of *body* (partitioning oracles).
    """
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_NONCE, body, None)
    except InvalidTag:
        return None


def derive_key(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """Return 32 bytes of HKDF-SHA-256 (RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def first_opened(
    stanzas: Sequence[Stanza],
    kind: str,
    check: Callable[[Stanza], _Checked],
    open_one: Callable[[Stanza, _Checked], bytes | None],
) -> bytes | None:
    """
    Return the file key from the first of *stanzas* of that *kind* that opens, ``None`` if none does.

    *check* is asked of every one, also behind the one that opened, and what it returns is
    given to *open_one*.
    """
    found = None
    for stanza in stanzas:
        if stanza.type == kind:
            checked = check(stanza)
            if found is None:
                found = open_one(stanza, checked)
    return found


def check_stanza(stanza: Stanza, arguments: int) -> None:
    """
    Return when *stanza* has so many *arguments* behind its type, and a body of 32 bytes.

    Raises:
        HeaderError: it has not.
    """
    if len(stanza.args) != arguments:
        raise HeaderError(f'a stanza "{stanza.type}" has the wrong number of arguments')
    if len(stanza.body) != WRAPPED_BYTES:
        raise HeaderError(f'a stanza "{stanza.type}" has a body of the wrong length')


def decode_argument(stanza: Stanza, place: int, size: int) -> bytes:
    """
    Return the argument at *place* behind the type, which must be *size* bytes in base64.

    Raises:
        HeaderError: it is not.
    """
    try:
        data = decode_base64(stanza.args[place])
    except ValueError:
        data = b""
    if len(data) != size:
        raise HeaderError(f'a stanza "{stanza.type}" has an argument of the wrong form')
    return data

"""
The header of a sealed file made and unlocked: who can open it, and with what file key.

``begin`` starts a new file, ``unlock`` gets the file key out of a header, ``rewrap`` gives
the same file key to other recipients. No payload is touched here.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from sealgate.storage.age.errors import (
    HeaderError,
    HeaderMacError,
    MixError,
    NoMatchError,
    PassphraseError,
)
from sealgate.storage.age.header import Header, Stanza, encode_unsigned, finish_header
from sealgate.storage.age.passphrase import TYPE as PASSPHRASE_TYPE
from sealgate.storage.age.passphrase import PassphraseIdentity
from sealgate.storage.age.payload import NONCE_BYTES
from sealgate.storage.age.wrapping import FILE_KEY_BYTES, check_mix, derive_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.storage.age.wrapping import Identity, Recipient


@dataclass(frozen=True, slots=True)
class Begun:
    """A sealed file that has its header: the *nonce* follows it, then chunks under *file_key*."""

    header: bytes
    file_key: bytes = field(repr=False)
    nonce: bytes


def begin(recipients: Sequence[Recipient], *, extra: Sequence[Stanza] = ()) -> Begun:
    """
    Return a new file for *recipients* under a new file key.

    *extra* stanzas ride along under the MAC; every implementation ignores what it does not
    know.

    Raises:
        MixError: the recipients must not share a file, or *extra* not ride along.
        KeyTextError: one of them is no usable key.
    """
    file_key = secrets.token_bytes(FILE_KEY_BYTES)
    header = rewrap(None, file_key, recipients, extra)
    return Begun(header, file_key, secrets.token_bytes(NONCE_BYTES))


def rewrap(
    header: Header | None,
    file_key: bytes,
    recipients: Sequence[Recipient],
    extra: Sequence[Stanza] = (),
) -> bytes:
    """
    Return another header for the file of *header*: its *file_key* for *recipients*.

    The payload behind it stays as it is. Whoever could open the old one has the file key:
    this takes nothing away from them.

    Raises:
        MixError: the recipients must not share a file, or *extra* not ride along.
        HeaderMacError: *file_key* is not that of *header*.
    """
    check_mix(recipients)
    if extra and any(recipient.is_alone for recipient in recipients):
        raise MixError("a passphrase must be a file's only recipient, nothing rides along")
    if header is not None:
        _verify(header, file_key)
    stanzas = [stanza for recipient in recipients for stanza in recipient.wrap(file_key)]
    unsigned = encode_unsigned([*stanzas, *extra])
    return finish_header(unsigned, _mac(unsigned, file_key))


def unlock(header: Header, identities: Sequence[Identity]) -> bytes:
    """
    Return the file key that one of *identities* gets out of *header*, its MAC verified.

    Raises:
        NoMatchError: none of them is a recipient.
        PassphraseError: it is sealed with a passphrase, another one or none was given.
        HeaderError: a stanza breaks the format.
        HeaderMacError: the header was changed.
    """
    kinds = [stanza.type for stanza in header.stanzas]
    if PASSPHRASE_TYPE in kinds and len(kinds) > 1:
        raise HeaderError("a passphrase is not the file's only recipient")
    for identity in identities:
        file_key = identity.unwrap(header.stanzas)
        if file_key is not None:
            _verify(header, file_key)
            return file_key
    if PASSPHRASE_TYPE not in kinds:
        told = "none of the identities is a recipient of it"
        raise NoMatchError(
            f"the file is sealed for somebody else: {told}",
            hint="-i FILE, with the identity that it was sealed for",
        )
    if any(isinstance(identity, PassphraseIdentity) for identity in identities):
        raise PassphraseError("the passphrase is wrong")
    raise PassphraseError(
        "the file is sealed with a passphrase, and none was given", hint="--passphrase-file FILE"
    )


def _verify(header: Header, file_key: bytes) -> None:
    if not hmac.compare_digest(_mac(header.signed, file_key), header.mac):
        raise HeaderMacError("the header of the sealed file was changed")


def _mac(unsigned: bytes, file_key: bytes) -> bytes:
    key = derive_key(file_key, b"", b"header")
    return hmac.new(key, unsigned, sha256).digest()

"""
A few bytes sealed in the age format and opened again, for the key file.

Whatever is wrong with them is told as a fault of the key file, not of a sealed upload.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sealgate.errors import ConfigError, SourceError
from sealgate.storage.age.armor import encode_armor
from sealgate.storage.age.errors import AgeError, NoMatchError
from sealgate.storage.age.file import SealWriter, open_stream
from sealgate.storage.age.keys import (
    PassphraseIdentity,
    PassphraseRecipient,
    X25519Identity,
    parse_identities,
    parse_recipient,
)
from sealgate.storage.age.passphrase import WORK_FACTOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.storage.age.keys import Identity, Recipient


def new_identity() -> X25519Identity:
    """Return a new identity of the kind that site keys are."""
    return X25519Identity.generate()


def read_recipient(text: str, what: str) -> Recipient:
    """
    Return the recipient that *text* names; *what* tells where it stands.

    Raises:
        ConfigError: it names none, or one that cannot stand beside the site key.
    """
    try:
        recipient = parse_recipient(text)
    except AgeError as error:
        raise ConfigError(f"{what}: {error.message}", hint=error.hint) from error
    if recipient.is_post_quantum or recipient.is_alone:
        # The weakest recipient decides, and the age format refuses to hide that.
        raise ConfigError(
            f'{what}: "{text[:40]}" is post-quantum, and cannot share a file with the site key',
            hint="give an X25519 recipient (age1…), as age-keygen makes",
        )
    return recipient


def read_identities(content: bytes, what: str) -> tuple[X25519Identity, ...]:
    """
    Return the X25519 identities in *content*; *what* tells where it stands.

    Raises:
        SourceError: there is none, or something else; no secret is repeated.
    """
    try:
        identities = parse_identities(content)
    except AgeError as error:
        message = f"{what} holds no age identity: {error.message}"
        raise SourceError(message, hint="age-keygen makes one") from error
    found = tuple(identity for identity in identities if isinstance(identity, X25519Identity))
    if len(found) != len(identities):
        message = f"{what} holds an identity of another kind than X25519"
        raise SourceError(message, hint="age-keygen makes one (AGE-SECRET-KEY-1…)")
    return found


def seal_small(content: bytes, recipients: Sequence[Recipient], *, armor: bool = False) -> bytes:
    """Return *content* sealed for *recipients*."""
    out = io.BytesIO()
    with SealWriter(out, recipients) as writer:
        writer.write(content)
    return encode_armor(out.getvalue()) if armor else out.getvalue()


def open_small(sealed: bytes, identities: Sequence[Identity], what: str) -> bytes:
    """
    Return what was sealed; *what* is that which should open it.

    Raises:
        SourceError: it is sealed for somebody else, or damaged.
    """
    try:
        return _opened(sealed, identities)
    except NoMatchError as error:
        raise SourceError(
            f"the site keys are sealed for somebody else: {what} does not open them",
            hint="give what protected them when they were made, or restore a backup",
        ) from error
    except AgeError as error:
        raise _damaged() from error


def seal_with_passphrase(content: bytes, passphrase: str) -> bytes:
    """Return *content* sealed with *passphrase* (scrypt), as ``age -p`` does."""
    return seal_small(content, [PassphraseRecipient(passphrase, work_factor=WORK_FACTOR)])


def open_with_passphrase(sealed: bytes, passphrase: str) -> bytes | None:
    """
    Return what was sealed, ``None`` when the passphrase is another one.

    Raises:
        SourceError: it is damaged.
    """
    try:
        return _opened(sealed, [PassphraseIdentity(passphrase)])
    except NoMatchError:
        return None
    except AgeError as error:
        raise _damaged() from error


def _opened(sealed: bytes, identities: Sequence[Identity]) -> bytes:
    with io.BytesIO(sealed) as source:
        return b"".join(bytes(block) for block in open_stream(source, identities).blocks())


def _damaged() -> SourceError:
    return SourceError(
        "the key file is damaged: its sealed part was changed or cut off",
        hint="restore it from a backup; a recovery identity opens what was sealed without it",
    )

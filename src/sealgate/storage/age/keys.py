"""Recipients and identities from the texts that people keep them as."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from sealgate.storage.age.errors import AgeError, KeyTextError, PassphraseError
from sealgate.storage.age.hybrid import HybridIdentity, HybridRecipient
from sealgate.storage.age.passphrase import PassphraseIdentity, PassphraseRecipient
from sealgate.storage.age.ssh import parse_ssh_identity, parse_ssh_recipient
from sealgate.storage.age.stream import is_sealed, open_stream
from sealgate.storage.age.wrapping import Identity, Recipient, are_post_quantum, check_mix
from sealgate.storage.age.x25519 import X25519Identity, X25519Recipient

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "HybridIdentity",
    "HybridRecipient",
    "Identity",
    "PassphraseIdentity",
    "PassphraseRecipient",
    "Recipient",
    "X25519Identity",
    "X25519Recipient",
    "are_post_quantum",
    "check_mix",
    "parse_identities",
    "parse_recipient",
    "parse_recipients",
]

# A file of keys is short; anything longer is another file given by mistake.
MAX_KEY_FILE_BYTES = 1 << 20
_PRIVATE_KEY = "PRIVATE KEY-----"


def parse_recipient(text: str) -> Recipient:
    """
    Return the recipient that *text* names: ``age1…``, ``age1pq1…``, ``ssh-ed25519 …``, ``ssh-rsa …``.

    Raises:
        KeyTextError: it names none.
    """
    text = text.strip()
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise KeyTextError(
            "a secret key was given where a recipient is required",
            hint="the recipient of a key file is in its line # public key",
        )
    if text.startswith("age1pq1"):
        return HybridRecipient.parse(text)
    # Others of the family (age1tag1…, plugins) go on with letters behind their own "1".
    if text.startswith("age1") and "1" not in text.removeprefix("age1"):
        return X25519Recipient.parse(text)
    if text.startswith("ssh-"):
        return parse_ssh_recipient(text)
    raise KeyTextError(
        f'the recipient "{text[:40]}" is of an unknown kind',
        hint="age1…, age1pq1…, ssh-ed25519 … or ssh-rsa … is required",
    )


def parse_recipients(text: str) -> tuple[Recipient, ...]:
    """
    Return the recipients in *text*, one a line; empty lines and ``#`` comments are left out.

    Raises:
        KeyTextError: a line names none, or there is none; its number leads the message.
    """
    recipients = []
    for number, line in _lines(text):
        try:
            recipients.append(parse_recipient(line))
        except KeyTextError as error:
            raise KeyTextError(f"line {number}: {error.message}", hint=error.hint) from None
    if not recipients:
        raise KeyTextError("no recipient is in it")
    return tuple(recipients)


def parse_identities(text: str | bytes, *, passphrase: str | None = None) -> tuple[Identity, ...]:
    """
    Return the identities in *text*: lines ``AGE-SECRET-KEY-…``, or one SSH private key.

    It may also be such lines sealed with a passphrase, in armour or not.

    Raises:
        PassphraseError: it takes a passphrase, or another one.
        KeyTextError: it holds none, or something else; no secret is repeated.
    """
    data = text.encode() if isinstance(text, str) else text
    if is_sealed(data):
        data = _unsealed(data, passphrase)
    try:
        plain = data.decode()
    except UnicodeDecodeError:
        raise KeyTextError("an identity file is no text") from None
    if _PRIVATE_KEY in plain:
        return (parse_ssh_identity(data, passphrase),)
    identities: list[Identity] = []
    for number, line in _lines(plain):
        try:
            identities.append(_parse_identity(line))
        except KeyTextError as error:
            raise KeyTextError(f"line {number}: {error.message}", hint=error.hint) from None
    if not identities:
        raise KeyTextError("no identity is in it")
    return tuple(identities)


def _parse_identity(line: str) -> Identity:
    upper = line.upper()
    if upper.startswith("AGE-SECRET-KEY-PQ-1"):
        return HybridIdentity.parse(line)
    if upper.startswith("AGE-SECRET-KEY-1"):
        return X25519Identity.parse(line)
    if line.startswith(("age1", "ssh-")):
        raise KeyTextError(
            "a recipient was given where an identity is required", hint="give the secret key"
        )
    raise KeyTextError("an identity is of an unknown kind", hint="AGE-SECRET-KEY-… is required")


def _unsealed(data: bytes, passphrase: str | None) -> bytes:
    if not passphrase:
        raise PassphraseError("the identity file needs its passphrase")
    try:
        with io.BytesIO(data) as source:
            blocks = open_stream(source, [PassphraseIdentity(passphrase)]).blocks()
            return b"".join(bytes(block) for block in blocks)
    except PassphraseError:
        raise
    except AgeError as error:
        raise KeyTextError(f"the identity file cannot be opened: {error.message}") from None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped

"""Pyrage (rage, in Rust) opens what Sealgate sealed, and the other way round."""

from __future__ import annotations

import io
import secrets

import pyrage
import pytest

from sealgate.storage.age.armor import encode_armor
from sealgate.storage.age.file import SealWriter, begin, open_stream, rewrap, unlock
from sealgate.storage.age.header import Stanza, parse_header
from sealgate.storage.age.keys import (
    Identity,
    PassphraseIdentity,
    PassphraseRecipient,
    Recipient,
    X25519Identity,
    parse_identities,
    parse_recipient,
)

SIZES = [0, 1, 65535, 65536, 65537, 131_072, 1_000_001]


def sealed(plain: bytes, *recipients: Recipient) -> bytes:
    """Return *plain* sealed by Sealgate."""
    out = io.BytesIO()
    with SealWriter(out, recipients) as writer:
        writer.write(plain)
    return out.getvalue()


def opened(data: bytes, identity: Identity) -> bytes:
    """Return what Sealgate reads in *data*."""
    blocks = open_stream(io.BytesIO(data), [identity]).blocks()
    return b"".join(bytes(block) for block in blocks)


@pytest.mark.parametrize("size", SIZES)
def test_x25519_goes_both_ways(size: int) -> None:
    """Keys made on either side, files sealed on either side, in armour too."""
    plain = secrets.token_bytes(size)
    ours = X25519Identity.generate()
    theirs = pyrage.x25519.Identity.from_str(ours.secret_text())
    assert str(theirs.to_public()) == str(ours.recipient())
    data = sealed(plain, ours.recipient())
    assert pyrage.decrypt(data, [theirs]) == plain
    assert pyrage.decrypt(encode_armor(data), [theirs]) == plain
    for armored in (False, True):
        assert opened(pyrage.encrypt(plain, [theirs.to_public()], armored=armored), ours) == plain


def test_keys_of_pyrage_are_read() -> None:
    """Identity and recipient that pyrage made are the same here."""
    theirs = pyrage.x25519.Identity.generate()
    (ours,) = parse_identities(str(theirs))
    assert str(ours.recipient()) == str(theirs.to_public())
    assert pyrage.decrypt(sealed(b"x", parse_recipient(str(theirs.to_public()))), [theirs]) == b"x"


def test_passphrases_go_both_ways() -> None:
    """The scrypt recipient of both understands the other's."""
    data = sealed(b"by word", PassphraseRecipient("three words", work_factor=10))
    assert pyrage.passphrase.decrypt(data, "three words") == b"by word"
    back = pyrage.passphrase.encrypt(b"and back", "three words")
    # Its work factor follows the machine: it may ask for more than a server would allow.
    identity = PassphraseIdentity("three words", max_work_factor=22)
    assert opened(back, identity) == b"and back"


def test_another_header_for_the_same_payload_opens() -> None:
    """After a rewrap pyrage opens with the new key, stanzas that ride along included."""
    old, new = X25519Identity.generate(), X25519Identity.generate()
    data = sealed(b"moved on", old.recipient())
    header, length = parse_header(data)
    ride = Stanza("sealgate.example/object", ("YWJj",), b"id")
    again = rewrap(header, unlock(header, [old]), [new.recipient()], [ride]) + data[length:]
    theirs = pyrage.x25519.Identity.from_str(new.secret_text())
    assert pyrage.decrypt(again, [theirs]) == b"moved on"
    stranger = pyrage.x25519.Identity.from_str(old.secret_text())
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(again, [stranger])


def test_a_header_of_ours_is_whole_for_pyrage() -> None:
    """A changed stanza that rides along is noticed by pyrage, because the MAC covers it."""
    ours = X25519Identity.generate()
    ride = Stanza("sealgate.example/object", ("YWJj",), b"id")
    begun = begin([ours.recipient()], extra=[ride])
    theirs = pyrage.x25519.Identity.from_str(ours.secret_text())
    changed = begun.header.replace(b"YWJj", b"YWJk") + begun.nonce
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(changed, [theirs])

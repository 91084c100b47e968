from __future__ import annotations

import base64
import secrets

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from sealgate.storage.age.encoding import encode_base64
from sealgate.storage.age.errors import HeaderError, KeyTextError
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.ssh import (
    SshEd25519Identity,
    SshRsaIdentity,
    parse_ssh_recipient,
)

FILE_KEY = secrets.token_bytes(16)
ED25519 = SshEd25519Identity(ed25519.Ed25519PrivateKey.generate())
RSA = SshRsaIdentity(rsa.generate_private_key(65537, 2048))


@pytest.mark.parametrize("identity", [ED25519, RSA])
def test_what_was_wrapped_is_unwrapped(identity: SshEd25519Identity | SshRsaIdentity) -> None:
    """Also through the public line, and beside stanzas for others."""
    recipient = parse_ssh_recipient(str(identity.recipient()))
    stanzas = recipient.wrap(FILE_KEY)
    other = SshEd25519Identity(ed25519.Ed25519PrivateKey.generate())
    beside = other.recipient().wrap(FILE_KEY)
    assert identity.unwrap([*beside, *stanzas]) == FILE_KEY
    assert other.unwrap(stanzas) is None
    assert identity.unwrap([Stanza("X25519", (), b"")]) is None


def test_many_keys_have_the_right_curve_point() -> None:
    """The public side computes from the Edwards point what the secret side multiplies."""
    for _ in range(50):
        identity = SshEd25519Identity(ed25519.Ed25519PrivateKey.generate())
        assert identity.unwrap(identity.recipient().wrap(FILE_KEY)) == FILE_KEY


@pytest.mark.parametrize(
    ("identity", "change"),
    [
        (ED25519, lambda s: Stanza(s.type, s.args[:1], s.body)),
        (ED25519, lambda s: Stanza(s.type, (*s.args, "x"), s.body)),
        (ED25519, lambda s: Stanza(s.type, ("AAAA", s.args[1]), s.body)),
        (ED25519, lambda s: Stanza(s.type, (s.args[0], "AAAA"), s.body)),
        (ED25519, lambda s: Stanza(s.type, s.args, s.body + b"x")),
        (ED25519, lambda s: Stanza(s.type, (s.args[0], encode_base64(bytes(32))), s.body)),
        (RSA, lambda s: Stanza(s.type, (), s.body)),
        (RSA, lambda s: Stanza(s.type, ("AAAA",), s.body)),
    ],
)
def test_malformed_stanzas_are_refused(
    identity: SshEd25519Identity | SshRsaIdentity, change: object
) -> None:
    """Wrong numbers of arguments, wrong lengths, and a share of low order."""
    assert callable(change)
    (stanza,) = identity.recipient().wrap(FILE_KEY)
    with pytest.raises(HeaderError):
        identity.unwrap([change(stanza)])


def test_a_changed_body_opens_nothing() -> None:
    """The tag may be that of another key, so that is no error of the file."""
    for identity in (ED25519, RSA):
        (stanza,) = identity.recipient().wrap(FILE_KEY)
        body = bytes([stanza.body[0] ^ 1]) + stanza.body[1:]
        assert identity.unwrap([Stanza(stanza.type, stanza.args, body)]) is None


def test_a_key_of_rsa_that_wraps_other_lengths_opens_nothing() -> None:
    """A file key has 16 bytes (partitioning oracles)."""
    assert RSA.unwrap(RSA.recipient().wrap(b"x" * 32)) is None


def test_numbers_that_are_no_key_are_told() -> None:
    """An even modulus cannot seal, and an ECDSA point in an odd form cannot be read."""
    wire = bytearray(base64.b64decode(str(RSA.recipient()).split()[1]))
    wire[-1] ^= 1
    text = "ssh-rsa " + base64.b64encode(wire).decode()
    with pytest.raises(KeyTextError):
        parse_ssh_recipient(text).wrap(FILE_KEY)


def test_the_ephemeral_share_is_new_each_time() -> None:
    """c2sp.org/age: a new ephemeral secret for each stanza and file."""
    first, second = (ED25519.recipient().wrap(FILE_KEY)[0] for _ in range(2))
    assert first.args[1] != second.args[1]
    assert first.args[0] == second.args[0]

"""Typage, which has hybrid keys, opens what Sealgate sealed, and the other way round."""

from __future__ import annotations

import io
import secrets

import pytest

from sealgate.storage.age.file import SealWriter, open_stream
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.keys import (
    HybridIdentity,
    Identity,
    PassphraseIdentity,
    PassphraseRecipient,
    Recipient,
    X25519Identity,
    parse_identities,
    parse_recipient,
)
from tests.peers.typage_peer import install, typage

pytestmark = pytest.mark.peer("node")

SIZES = [0, 1, 65535, 65536, 65537, 200_000]


@pytest.fixture(autouse=True, scope="module")
def _installed() -> None:
    """Have the peer there."""
    install()


def sealed(plain: bytes, recipients: list[Recipient], extra: tuple[Stanza, ...] = ()) -> bytes:
    """Return *plain* sealed by Sealgate."""
    out = io.BytesIO()
    with SealWriter(out, recipients, extra=extra) as writer:
        writer.write(plain)
    return out.getvalue()


def opened(data: bytes, identity: Identity) -> bytes:
    """Return what Sealgate reads in *data*."""
    blocks = open_stream(io.BytesIO(data), [identity]).blocks()
    return b"".join(bytes(block) for block in blocks)


@pytest.mark.parametrize("kind", [X25519Identity, HybridIdentity])
@pytest.mark.parametrize("size", SIZES)
def test_typage_opens_what_sealgate_sealed(
    kind: type[X25519Identity | HybridIdentity], size: int
) -> None:
    """Whole files of each kind, with a stanza riding along that typage does not know."""
    identity, plain = kind.generate(), secrets.token_bytes(size)
    ride = Stanza("sealgate.example/object", ("3ZlPVg",), b"")
    data = sealed(plain, [identity.recipient()], (ride,))
    assert typage("open", identity.secret_text(), data=data) == plain


@pytest.mark.parametrize("kind", [X25519Identity, HybridIdentity])
@pytest.mark.parametrize("size", SIZES)
def test_sealgate_opens_what_typage_sealed(
    kind: type[X25519Identity | HybridIdentity], size: int
) -> None:
    """Whole files of each kind, streamed."""
    identity, plain = kind.generate(), secrets.token_bytes(size)
    data = typage("seal", str(identity.recipient()), data=plain)
    assert opened(data, identity) == plain


def test_hybrid_keys_are_the_same_text() -> None:
    """An identity that typage made has the recipient that typage says."""
    secret, public = typage("keygen").decode().split()
    (identity,) = parse_identities(secret)
    assert str(identity.recipient()) == public
    assert str(parse_recipient(public)) == public
    assert isinstance(identity, HybridIdentity)
    assert identity.secret_text() == secret


def test_several_recipients_each_open() -> None:
    """Typage opens with either of two hybrid identities."""
    first, second = HybridIdentity.generate(), HybridIdentity.generate()
    data = sealed(b"two", [first.recipient(), second.recipient()])
    assert typage("open", first.secret_text(), data=data) == b"two"
    assert typage("open", second.secret_text(), data=data) == b"two"


def test_passphrases_go_both_ways() -> None:
    """The scrypt recipient of both understands the other's."""
    data = sealed(b"by word", [PassphraseRecipient("drei Wörter", work_factor=10)])
    assert typage("open", data=data, passphrase="drei Wörter") == b"by word"
    back = typage("seal", data=b"and back", passphrase="drei Wörter")
    assert opened(back, PassphraseIdentity("drei Wörter")) == b"and back"

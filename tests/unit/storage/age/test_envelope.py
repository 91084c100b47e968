from __future__ import annotations

import pytest

from sealgate.storage.age.envelope import begin, rewrap, unlock
from sealgate.storage.age.errors import (
    HeaderError,
    HeaderMacError,
    MixError,
    NoMatchError,
    PassphraseError,
)
from sealgate.storage.age.header import Stanza, encode_unsigned, finish_header, parse_header
from sealgate.storage.age.keys import (
    HybridIdentity,
    Identity,
    PassphraseIdentity,
    PassphraseRecipient,
    Recipient,
    X25519Identity,
)
from sealgate.storage.age.passphrase import MAX_WORK_FACTOR

ONE, TWO = X25519Identity.generate(), X25519Identity.generate()
HYBRID = HybridIdentity.generate()
RIDE = Stanza("sealgate.example/object", ("YWJj",), b"id")


@pytest.mark.parametrize("identity", [ONE, HYBRID])
def test_a_header_gives_its_file_key_to_its_recipient(identity: Identity) -> None:
    """With a stanza riding along, and other identities beside."""
    recipient = identity.recipient()
    assert recipient is not None
    begun = begin([recipient], extra=[RIDE])
    header, length = parse_header(begun.header)
    assert length == len(begun.header)
    assert RIDE in header.stanzas
    assert unlock(header, [TWO, identity]) == begun.file_key
    assert begun.file_key.hex() not in repr(begun)
    assert repr(begun.file_key) not in repr(begun)


def test_every_file_has_a_key_and_nonce_of_its_own() -> None:
    """c2sp.org/age: never one for two files."""
    begun = [begin([ONE.recipient()]) for _ in range(20)]
    assert len({each.file_key for each in begun}) == len({each.nonce for each in begun}) == 20


def test_somebody_else_gets_nothing() -> None:
    """Neither a stranger nor somebody without any identity."""
    header, _ = parse_header(begin([ONE.recipient()]).header)
    for identities in ([], [TWO], [HYBRID], [PassphraseIdentity("word")]):
        with pytest.raises(NoMatchError, match="somebody else"):
            unlock(header, identities)


def test_a_header_that_was_changed_is_told() -> None:
    """Who unwraps the file key still checks everything that stands beside."""
    begun = begin([ONE.recipient()], extra=[RIDE])
    header, _ = parse_header(begun.header.replace(b"YWJj", b"YWJk"))
    with pytest.raises(HeaderMacError):
        unlock(header, [ONE])


def test_a_rewrap_keeps_the_file_key() -> None:
    """Other recipients, other stanzas, the same key: no payload is touched."""
    begun = begin([ONE.recipient()], extra=[RIDE])
    old, _ = parse_header(begun.header)
    new, _ = parse_header(rewrap(old, begun.file_key, [TWO.recipient()], [RIDE]))
    assert unlock(new, [TWO]) == begun.file_key
    with pytest.raises(NoMatchError):
        unlock(new, [ONE])
    with pytest.raises(HeaderMacError):
        rewrap(old, bytes(16), [TWO.recipient()])


@pytest.mark.parametrize(
    "recipients", [[], [ONE.recipient(), HYBRID.recipient()], [PassphraseRecipient("word")]]
)
def test_recipients_that_must_not_share_are_refused(recipients: list[Recipient]) -> None:
    """A stanza that rides along counts beside a passphrase."""
    with pytest.raises(MixError):
        begin(recipients, extra=[RIDE])


def test_a_passphrase_opens_its_file() -> None:
    """The right one; a wrong one and none are told apart from a foreign file."""
    begun = begin([PassphraseRecipient("word", work_factor=5)])
    header, _ = parse_header(begun.header)
    assert unlock(header, [PassphraseIdentity("word")]) == begun.file_key
    answers = ["word"]
    assert unlock(header, [PassphraseIdentity(answers.pop)]) == begun.file_key
    assert answers == []
    with pytest.raises(PassphraseError, match="wrong"):
        unlock(header, [PassphraseIdentity("words")])
    with pytest.raises(PassphraseError, match="none was given"):
        unlock(header, [ONE])


def test_a_passphrase_beside_another_recipient_opens_for_nobody() -> None:
    """Not for the other one either, who has the right key."""
    file_key = begin([ONE.recipient()]).file_key
    both = (
        *ONE.recipient().wrap(file_key),
        *PassphraseRecipient("w", work_factor=5).wrap(file_key),
    )
    header, _ = parse_header(finish_header(encode_unsigned(both), bytes(32)))
    for identities in ([ONE], [PassphraseIdentity("w")], []):
        with pytest.raises(HeaderError, match="only recipient"):
            unlock(header, identities)


def test_a_passphrase_must_not_cost_a_host_its_memory() -> None:
    """A work factor beyond the limit is refused before any work; so is an empty passphrase."""
    header, _ = parse_header(begin([PassphraseRecipient("word", work_factor=5)]).header)
    with pytest.raises(HeaderError, match="at most 4"):
        unlock(header, [PassphraseIdentity("word", max_work_factor=4)])
    for passphrase, factor in (("", 5), ("word", 0), ("word", MAX_WORK_FACTOR + 1)):
        with pytest.raises(ValueError, match="must not"):
            PassphraseRecipient(passphrase, work_factor=factor)


def test_a_passphrase_is_not_asked_for_without_need() -> None:
    """A file for a key needs none."""

    def never() -> str:
        raise AssertionError

    begun = begin([ONE.recipient()])
    header, _ = parse_header(begun.header)
    assert unlock(header, [PassphraseIdentity(never), ONE]) == begun.file_key

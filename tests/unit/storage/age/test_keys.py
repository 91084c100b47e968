from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from sealgate.storage.age.armor import encode_armor
from sealgate.storage.age.errors import KeyTextError, MixError, PassphraseError
from sealgate.storage.age.file import SealWriter
from sealgate.storage.age.keys import (
    HybridIdentity,
    PassphraseRecipient,
    Recipient,
    X25519Identity,
    check_mix,
    parse_identities,
    parse_recipient,
    parse_recipients,
)

X25519 = X25519Identity.generate()
HYBRID = HybridIdentity.generate()
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBAS98GiFhPvcsST61a6HvWOQr09zoHLTNuydGYt0Rhp"


def test_recipients_are_the_text_that_they_came_from() -> None:
    """Native and SSH recipients alike; a comment behind an SSH key is left out."""
    for text in (str(X25519.recipient()), str(HYBRID.recipient()), SSH):
        assert str(parse_recipient(text)) == text
    assert str(parse_recipient(f"{SSH} somebody@example")) == SSH


def test_only_hybrid_and_passphrase_hold_against_a_quantum_computer() -> None:
    """What a class that demands it asks for."""
    assert parse_recipient(str(HYBRID.recipient())).is_post_quantum
    assert PassphraseRecipient("word").is_post_quantum
    assert not parse_recipient(str(X25519.recipient())).is_post_quantum
    assert not parse_recipient(SSH).is_post_quantum


@pytest.mark.parametrize(
    ("recipients", "told"),
    [
        ([], "no recipient"),
        ([HYBRID.recipient(), X25519.recipient()], "cannot share"),
        ([parse_recipient(SSH), HYBRID.recipient()], "cannot share"),
        ([PassphraseRecipient("word"), X25519.recipient()], "only recipient"),
        ([PassphraseRecipient("word"), PassphraseRecipient("word")], "only recipient"),
    ],
)
def test_recipients_that_weaken_each_other_are_refused(
    recipients: list[Recipient], told: str
) -> None:
    """A classical recipient beside a hybrid one would give the file away."""
    with pytest.raises(MixError, match=told):
        check_mix(recipients)


def test_recipients_of_one_kind_share() -> None:
    """Several hybrid ones, or several classical ones of different types."""
    check_mix([HYBRID.recipient(), HybridIdentity.generate().recipient()])
    check_mix([X25519.recipient(), parse_recipient(SSH)])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(X25519.secret_text(), "secret key was given", id="secret"),
        ("age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e", "unknown kind"),
        ("age1qqq", "not Bech32"),
        ("age1qqqqqqqq", "checksum"),
        ("age1pq1qqqqqqqq", "checksum"),
        ("ssh-dss AAAAB3NzaC1kc3M=", "no SSH key"),
        ("ssh-ed25519", "no SSH key"),
        ("ssh-ed25519 !!!!", "no SSH key"),
        ("hello", "unknown kind"),
        ("", "unknown kind"),
    ],
)
def test_what_is_no_recipient_is_told(text: str, told: str) -> None:
    """Each with its reason, as a fault of who typed it."""
    with pytest.raises(KeyTextError, match=told) as caught:
        parse_recipient(text)
    assert caught.value.exit_code == 2
    assert X25519.secret_text() not in caught.value.message


def test_other_kinds_of_ssh_keys_are_refused(tmp_path: Path) -> None:
    """An ECDSA key cannot seal, neither public nor private; a short RSA key must not."""
    for name, arguments in (("ec", ["-t", "ecdsa"]), ("short", ["-t", "rsa", "-b", "1024"])):
        path = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", *arguments, "-N", "", "-f", str(path)], check=True)
        with pytest.raises(KeyTextError):
            parse_recipient(path.with_suffix(".pub").read_text())
        with pytest.raises(KeyTextError):
            parse_identities(path.read_bytes())


def test_a_file_of_recipients_tells_the_line() -> None:
    """Comments and empty lines count."""
    assert len(parse_recipients(f"# both\n\n{SSH}\r\n{X25519.recipient()}\n")) == 2
    with pytest.raises(KeyTextError, match="line 3: "):
        parse_recipients(f"# wrong\n{SSH}\nage1wrong\n")
    with pytest.raises(KeyTextError, match="no recipient"):
        parse_recipients("# nothing\n")


def test_a_file_of_identities_is_read() -> None:
    """As age-keygen writes it, with several keys, of both kinds."""
    text = f"# created\n# public key: {X25519.recipient()}\n{X25519.secret_text()}\n"
    identities = parse_identities(text + HYBRID.secret_text())
    assert [str(identity.recipient()) for identity in identities] == [
        str(X25519.recipient()),
        str(HYBRID.recipient()),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(str(X25519.recipient()), "recipient was given", id="recipient"),
        pytest.param(
            X25519.secret_text()[:-1] + "B", "line 1: an identity cannot be read", id="last-sign"
        ),
        pytest.param(HYBRID.secret_text()[:40], "line 1: an identity cannot be read", id="cut-off"),
        ("AGE-PLUGIN-YUBIKEY-1Q", "unknown kind"),
        ("", "no identity"),
        (b"\xff\xfe", "no text"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "SSH"),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n", "SSH"),
    ],
)
def test_what_is_no_identity_is_told(text: str | bytes, told: str) -> None:
    """Each with its reason, and never with the secret."""
    with pytest.raises(KeyTextError, match=told) as caught:
        parse_identities(text)
    assert "SECRET-KEY-1" not in caught.value.message


def test_a_sealed_file_of_identities_takes_its_passphrase() -> None:
    """In armour and without; no passphrase, a wrong one, and a file for somebody else are told."""

    def sealed(content: str, recipient: Recipient) -> bytes:
        out = io.BytesIO()
        with SealWriter(out, [recipient]) as writer:
            writer.write(content.encode())
        return out.getvalue()

    content = X25519.secret_text() + "\n"
    locked = sealed(content, PassphraseRecipient("word", work_factor=5))
    for data in (locked, encode_armor(locked)):
        (identity,) = parse_identities(data, passphrase="word")
        assert str(identity.recipient()) == str(X25519.recipient())
        with pytest.raises(PassphraseError, match="needs its passphrase"):
            parse_identities(data)
        with pytest.raises(PassphraseError, match="wrong"):
            parse_identities(data, passphrase="words")
    with pytest.raises(KeyTextError, match="cannot be opened"):
        parse_identities(locked[:-1], passphrase="word")
    with pytest.raises(KeyTextError, match="cannot be opened"):
        parse_identities(sealed(content, X25519.recipient()), passphrase="word")


def test_an_ssh_key_takes_its_passphrase(tmp_path: Path) -> None:
    """OpenSSH's own format and PEM; one that has none ignores what was given."""
    for name, form in (("new", []), ("old", ["-m", "PEM", "-t", "rsa"])):
        path = tmp_path / name
        command = ["ssh-keygen", "-q", *form, "-N", "secret", "-f", str(path)]
        subprocess.run(command, check=True)
        assert parse_identities(path.read_bytes(), passphrase="secret")
        with pytest.raises(PassphraseError, match="needs"):
            parse_identities(path.read_bytes())
        with pytest.raises(PassphraseError, match="does not open"):
            parse_identities(path.read_bytes(), passphrase="wrong")
    path = tmp_path / "open"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(path)], check=True)
    assert parse_identities(path.read_bytes(), passphrase="needless")


def test_no_identity_shows_its_secret() -> None:
    """Neither its text nor its repr, which end up in logs."""
    for identity in (X25519, HYBRID):
        for shown in (str(identity), repr(identity), format(identity)):
            assert identity.secret_text() not in shown
    assert str(PassphraseRecipient("word")) == "a passphrase"
    assert "word" not in repr(PassphraseRecipient("word"))

"""Other programs agree about keys: age opens what the site sealed, ssh-keygen names keys as we do."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.app.keyring import open_site_keyring
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.errors import UsageError
from sealgate.identity.ssh_keys import read_ssh_key
from sealgate.policy.inventory import Inventory, KeySettings
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.age.file import SealWriter

pytestmark = [pytest.mark.peer("age"), pytest.mark.peer("openssh-client")]

CONTENT = b"what a partner delivered\n" * 10_000


def sealed_for_site(inventory: Inventory) -> bytes:
    """Return what a store writes for *inventory*."""
    out = io.BytesIO()
    with SealWriter(out, open_site_keyring(inventory, now=1.0).recipients) as writer:
        writer.write(CONTENT)
    return out.getvalue()


def test_age_opens_with_the_recovery_identity_and_with_the_exported_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger with the age program and either of them needs no Sealgate."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", ".", "--domain", "shop.example"]) == 0
    (shown,) = re.findall(r"AGE-SECRET-KEY-1\S+", capsys.readouterr().out)
    (tmp_path / "recovery.txt").write_text(shown + "\n")
    (tmp_path / "sealed.age").write_bytes(sealed_for_site(load("sealgate.toml")))
    assert run(["keys", "add"]) == 0
    assert run(["keys", "export", "--identities", "site.txt"]) == 0
    for identity in ("recovery.txt", "site.txt"):
        opened = subprocess.run(
            ["age", "-d", "-i", identity, "sealed.age"], capture_output=True, check=True
        )
        assert opened.stdout == CONTENT, identity


def test_the_site_opens_what_age_sealed_for_its_recipient(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``age -r`` with what ``sealgate keys export`` prints."""
    monkeypatch.chdir(tmp_path)
    assert run(["init", ".", "--domain", "shop.example"]) == 0
    assert run(["keys", "add"]) == 0
    capsys.readouterr()
    assert run(["keys", "export"]) == 0
    recipient = capsys.readouterr().out.strip()
    made = subprocess.run(["age", "-r", recipient], input=CONTENT, capture_output=True, check=True)
    assert run(["keys", "export", "--identities", "site.txt"]) == 0
    opened = subprocess.run(
        ["age", "-d", "-i", "site.txt"], input=made.stdout, capture_output=True, check=True
    )
    assert opened.stdout == CONTENT


def test_an_identity_of_age_keygen_is_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its comments, as the howto pipes it into systemd-creds."""
    (tmp_path / "given").mkdir()
    made = tmp_path / "given/sealgate-keys"
    subprocess.run(["age-keygen", "-o", str(made)], capture_output=True, check=True)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "given"))
    settings = KeySettings("credential")
    first = open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=1.0)
    again = open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=2.0)
    assert replace(again, recipients=(), identities=()) == replace(
        first, recipients=(), identities=()
    )


@pytest.mark.parametrize(
    ("kind", "bits"),
    [("ed25519", ""), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "3072")],
)
def test_keys_have_the_fingerprint_that_ssh_keygen_prints(
    tmp_path: Path, kind: str, bits: str
) -> None:
    """Of every kind it makes; the comment is the same, too."""
    path = tmp_path / "id"
    size = ["-b", bits] if bits else []
    command = [
        "ssh-keygen",
        "-q",
        "-t",
        kind,
        *size,
        "-N",
        "",
        "-C",
        "anna at home",
        "-f",
        str(path),
    ]
    subprocess.run(command, check=True)
    public = path.with_suffix(".pub")
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(public)], capture_output=True, check=True, text=True
    ).stdout.split()
    key = read_ssh_key(public.read_bytes(), "anna", 0)
    assert (key.fingerprint, key.comment) == (printed[1], "anna at home")
    with pytest.raises(UsageError, match="is a private key"):
        read_ssh_key(path.read_bytes(), "anna", 0)


def test_a_short_rsa_key_is_refused(tmp_path: Path) -> None:
    """As ssh-keygen still makes it when it is asked to."""
    path = tmp_path / "id"
    command = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(path)]
    subprocess.run(command, check=True)
    with pytest.raises(UsageError, match="RSA of 2048 bits, but must have at least 3072"):
        read_ssh_key(path.with_suffix(".pub").read_bytes(), "anna", 0)

"""The keyring behind a systemd credential: opened by what the unit is given, and by nothing else."""

from pathlib import Path

import pytest

from sealgate.errors import SourceError
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.credential import CredentialProtector
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.age.keys import HybridIdentity, X25519Identity


def given(folder: Path, name: str = "sealgate-keys") -> dict[str, str]:
    """Put a new identity into the credential *name*; return the environment of the unit."""
    folder.mkdir(exist_ok=True)
    text = f"# made by age-keygen\n{X25519Identity.generate().secret_text()}\n"
    (folder / name).write_text(text)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_the_keyring_lives_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made and opened with it; without it, or with another one, refused."""
    settings = KeySettings("credential", "mine")
    keys = str(tmp_path / "keys")
    environment = given(tmp_path / "credentials", "mine")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", environment["CREDENTIALS_DIRECTORY"])
    made = open_keyring(keys, settings, passphrase=None, now=1)
    assert made.is_apart
    assert open_keyring(keys, settings, passphrase=None, now=2).record_key == made.record_key
    given(tmp_path / "credentials", "mine")
    with pytest.raises(SourceError, match='the credential "mine" does not open them'):
        open_keyring(keys, settings, passphrase=None, now=2)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(SourceError, match="systemd gave this process no credentials"):
        open_keyring(keys, settings, passphrase=None, now=2)


def test_it_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Where none is configured."""
    protector = CredentialProtector("", given(tmp_path))
    assert protector.unwrap(protector.wrap(b"content")) == b"content"


@pytest.mark.parametrize("name", ["../other", "/etc/passwd", "a/b", "..", "."])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    """It is one file of that folder."""
    environment = given(tmp_path / "credentials")
    given(tmp_path, "other")
    with pytest.raises(SourceError, match=r"is no name of a file|cannot be read"):
        CredentialProtector(name, environment).wrap(b"x")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello",
        HybridIdentity.generate().secret_text(),
        str(X25519Identity.generate().recipient()),
    ],
    ids=["empty", "text", "another kind", "recipient"],
)
def test_what_is_no_identity_is_told_without_being_repeated(tmp_path: Path, content: str) -> None:
    """The message names the credential and not its content."""
    (tmp_path / "sealgate-keys").write_text(content)
    with pytest.raises(SourceError, match='credential "sealgate-keys" holds') as caught:
        CredentialProtector("", {"CREDENTIALS_DIRECTORY": str(tmp_path)}).wrap(b"x")
    assert "AGE-SECRET-KEY-PQ-1" not in caught.value.message

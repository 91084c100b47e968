"""Client secrets come from a file of one's own or from systemd, or not at all."""

from pathlib import Path

import pytest

from sealgate.errors import SourceError
from sealgate.signin.adapters.client_secrets import read_secret


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    """One line, its end cut off."""
    file = tmp_path / "secret"
    file.write_text("s3cr3t:+/\n")
    file.chmod(0o600)
    assert read_secret(f"file:{file}") == "s3cr3t:+/"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_read(tmp_path: Path, mode: int) -> None:
    """The hint is what to type; the secret is not repeated."""
    file = tmp_path / "secret"
    file.write_text("s3cr3t")
    file.chmod(mode)
    with pytest.raises(SourceError, match="can be read by others") as caught:
        read_secret(f"file:{file}")
    assert caught.value.hint == f"chmod 600 '{file}'"


@pytest.mark.parametrize("content", [b"", b"\n", b"a b", b"a\nb", b"\xff", b"x" * 5000])
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes) -> None:
    """Empty, several lines, too long: nothing of it is shown."""
    file = tmp_path / "secret"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(SourceError, match="must be one line of visible ASCII"):
        read_secret(f"file:{file}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Said, with its name."""
    with pytest.raises(SourceError, match="cannot be read: No such file"):
        read_secret(f"file:{tmp_path}/gone")


def test_a_credential_of_systemd(tmp_path: Path) -> None:
    """In the folder that the unit was given; outside a unit there is none."""
    (tmp_path / "oidc").write_text("s3cr3t\n")
    assert read_secret("credential:oidc", {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == "s3cr3t"
    with pytest.raises(SourceError, match="CREDENTIALS_DIRECTORY is not set") as caught:
        read_secret("credential:oidc", {})
    assert caught.value.hint is not None
    assert "LoadCredentialEncrypted=oidc" in caught.value.hint

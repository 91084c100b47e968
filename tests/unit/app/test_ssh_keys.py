"""SSH keys of users, as the application takes them in."""

import io
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.app.keys import revoke_key
from sealgate.app.ssh_keys import add_ssh_key, list_ssh_keys
from sealgate.app.users import add_user, list_users, remove_user
from sealgate.errors import SourceError, UsageError
from sealgate.policy.inventory import Inventory

NOW = 1_800_000_000.0


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory in which anna is known."""
    made = Inventory(str(tmp_path / "sealgate.toml"), str(tmp_path / ".sealgate"))
    add_user(made, "anna", [], by="me", now=NOW)
    return made


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Return a .pub file."""
    key = Ed25519PrivateKey.generate().public_key()
    path = tmp_path / "id.pub"
    path.write_bytes(key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" anna@laptop\n")
    return path


def test_a_key_is_listed_until_and_after_it_is_revoked(inventory: Inventory, public: Path) -> None:
    """By its fingerprint, or with its user."""
    key = add_ssh_key(inventory, "anna", str(public), by="me", now=NOW)
    assert [(line.key.comment, line.state) for line in list_ssh_keys(inventory)] == [
        ("anna@laptop", "living")
    ]
    assert list_users(inventory, NOW)[0].living_ssh_keys == 1
    assert (
        revoke_key(inventory, key.fingerprint, by="me", now=NOW).keys[0].handle == key.fingerprint
    )
    assert [line.state for line in list_ssh_keys(inventory)] == ["revoked"]
    assert list_users(inventory, NOW)[0].living_ssh_keys == 0
    assert remove_user(inventory, "anna", by="me", now=NOW).revoked == ()


def test_a_key_comes_from_standard_input(
    inventory: Inventory, public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a dash for the file."""
    with io.TextIOWrapper(io.BytesIO(public.read_bytes())) as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert add_ssh_key(inventory, "anna", "-", by="me", now=NOW).comment == "anna@laptop"


def test_bad_input_is_refused_and_nothing_is_kept(
    inventory: Inventory, public: Path, tmp_path: Path
) -> None:
    """No file, no key, no user."""
    (tmp_path / "text").write_text("hello")
    with pytest.raises(SourceError, match="cannot be read"):
        add_ssh_key(inventory, "anna", str(tmp_path / "gone"), by="me", now=NOW)
    with pytest.raises(SourceError, match="no valid path"):
        add_ssh_key(inventory, "anna", "a\0b", by="me", now=NOW)
    with pytest.raises(UsageError, match="no public key"):
        add_ssh_key(inventory, "anna", str(tmp_path / "text"), by="me", now=NOW)
    with pytest.raises(UsageError, match='no user "ben"'):
        add_ssh_key(inventory, "ben", str(public), by="me", now=NOW)
    assert list_ssh_keys(inventory) == ()

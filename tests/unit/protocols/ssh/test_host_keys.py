"""Host keys: made once, kept, owner only."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sealgate.errors import ConfigError
from sealgate.protocols.ssh.host_keys import host_keys, read_host_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_is_made_once(tmp_path: Path) -> None:
    """The second call finds what the first one made, and leaves nothing else behind."""
    folder = tmp_path / "ssh"
    first = host_keys(str(folder))
    content = [(folder / "ssh_host_ed25519_key").read_bytes()]
    assert host_keys(str(folder)) == first
    assert [one.read_bytes() for one in folder.iterdir()] == content
    assert (folder / "ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.peer("openssh-client")
def test_the_fingerprint_is_the_one_openssh_prints(tmp_path: Path) -> None:
    """What a person compares is the same text on both sides."""
    (path,) = host_keys(str(tmp_path))
    shown = subprocess.check_output(["ssh-keygen", "-lf", path], text=True)
    key = read_host_key(path)
    assert key.fingerprint == shown.split()[1]
    assert (
        key.public.split()[:2]
        == subprocess.check_output(["ssh-keygen", "-yf", path], text=True).split()[:2]
    )


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """Mode 0644 stops the start, with the command that mends it."""
    (path,) = host_keys(str(tmp_path))
    (tmp_path / "ssh_host_ed25519_key").chmod(0o644)
    with pytest.raises(ConfigError, match="mode 0644, 0600 is required") as caught:
        host_keys(str(tmp_path))
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_damaged_key_is_told_and_never_replaced(tmp_path: Path) -> None:
    """A new key in its place would look like an attack to every client."""
    (path,) = host_keys(str(tmp_path))
    (tmp_path / "ssh_host_ed25519_key").write_bytes(b"damaged")
    with pytest.raises(ConfigError, match="cannot be read"):
        host_keys(str(tmp_path))
    assert (tmp_path / "ssh_host_ed25519_key").read_bytes() == b"damaged"
    assert path.endswith("ssh_host_ed25519_key")

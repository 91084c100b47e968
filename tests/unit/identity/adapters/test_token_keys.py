"""Signing keys are there whole, private, and made anew in time."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.errors import SourceError
from sealgate.identity.adapters.token_keys import SESSIONS_FOLDER, TokenKeys
from sealgate.identity.tokens import (
    ANNOUNCE_SECONDS,
    ROTATE_SECONDS,
    current_key,
    key_set,
)

NOW = 1_800_000_000.0


def test_a_key_is_made_once_and_stays(tmp_path: Path) -> None:
    """Readable by its owner only, and the same for every process."""
    keys = TokenKeys(str(tmp_path))
    (key,) = keys.keys(NOW)
    assert keys.keys(NOW + 5) == TokenKeys(str(tmp_path)).keys(NOW + 9) == (key,)
    (path,) = (tmp_path / SESSIONS_FOLDER).glob("*.pem")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert key.kid in path.name


def test_keys_follow_one_another(tmp_path: Path) -> None:
    """The new one is published before it signs; the old one goes when no token needs it."""
    keys = TokenKeys(str(tmp_path))
    (old,) = keys.keys(NOW)
    at = NOW + ROTATE_SECONDS
    both = keys.keys(at)
    assert both[0] == old
    assert len(both) == 2
    assert current_key(both, at) == old
    assert both[1].kid in key_set(both)
    at += ANNOUNCE_SECONDS
    assert current_key(keys.keys(at), at) == both[1]
    assert keys.keys(at + 3600 + 55) == (both[1],)
    assert len(list((tmp_path / SESSIONS_FOLDER).glob("*.pem"))) == 1


@pytest.mark.parametrize("damage", ["empty", "renamed", "another curve"])
def test_a_damaged_key_is_told(tmp_path: Path, damage: str) -> None:
    """With what to type; nothing is signed with it."""
    TokenKeys(str(tmp_path)).keys(NOW)
    (path,) = (tmp_path / SESSIONS_FOLDER).glob("*.pem")
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "renamed":
        path.rename(path.with_name(f"{int(NOW)}-{'A' * 43}.pem"))
    else:
        made = subprocess.run(
            ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            capture_output=True,
            check=True,
        )
        path.write_bytes(made.stdout)
    with pytest.raises(SourceError, match="is damaged"):
        TokenKeys(str(tmp_path)).keys(NOW)


MAKER = """
import sys
from sealgate.identity.adapters.token_keys import TokenKeys
print(" ".join(key.kid for key in TokenKeys(sys.argv[1]).keys(1800000000.0)))
"""


def test_processes_that_start_at_once_make_one_key(tmp_path: Path) -> None:
    """All of them have the same."""
    command = [sys.executable, "-c", MAKER, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    told = {process.communicate(timeout=60)[0] for process in running}
    assert len(told) == 1
    assert len(told.pop().split()) == 1

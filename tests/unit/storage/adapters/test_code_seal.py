from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.errors import SourceError
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.code_seal import CodeSealer
from sealgate.storage.adapters.keystore import open_keyring
from sealgate.storage.keyring import Keyring, UnlockedKeyring

SECRET = b"s" * 20


def ring(folder: Path) -> UnlockedKeyring:
    """Return the keys of a new site."""
    return open_keyring(str(folder), KeySettings(), passphrase=None, now=1.0)


def test_a_secret_is_its_owners(tmp_path: Path) -> None:
    """Opened for the name that it was sealed for, and for no other; nothing of it can be read."""
    keys = ring(tmp_path)
    sealer = CodeSealer(lambda: keys)
    sealed = sealer.seal("anna", SECRET)
    assert SECRET not in sealed
    assert sealer.open("anna", sealed) == SECRET
    with pytest.raises(SourceError, match="sealed for somebody else"):
        sealer.open("ann", sealed)
    with pytest.raises(SourceError, match="sealed for somebody else"):
        CodeSealer(lambda: ring(tmp_path / "other")).open("anna", sealed)


def test_sealing_opens_no_key(tmp_path: Path) -> None:
    """Whoever has the public half only can seal."""
    keys = ring(tmp_path)

    def locked() -> UnlockedKeyring:
        raise SourceError("no passphrase")

    def public() -> Keyring:
        return keys.keyring

    sealed = CodeSealer(locked, public).seal("anna", SECRET)
    assert CodeSealer(lambda: keys).open("anna", sealed) == SECRET
    with pytest.raises(SourceError, match="no passphrase"):
        CodeSealer(locked, public).open("anna", sealed)

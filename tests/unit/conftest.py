"""What holds for all tests of one module: passwords and passphrases cost little to hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.identity.adapters import password_hash
from sealgate.storage.adapters import keystore_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is set for a test, and what the program takes; the second is kept before the first is set.
LITTLE = ((password_hash, "MEMORY_KIB", 64), (keystore_seal, "WORK_FACTOR", 8))
USUAL = tuple((module, name, getattr(module, name)) for module, name, _ in LITTLE)


@pytest.fixture(scope="module", autouse=True)
def little_cost() -> Iterator[None]:
    """Have argon2id take little memory and scrypt little work."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in LITTLE:
            patch.setattr(module, name, value)
        yield


@pytest.fixture
def usual_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have both take what the program gives them, for a test that is about the cost."""
    for module, name, value in USUAL:
        monkeypatch.setattr(module, name, value)

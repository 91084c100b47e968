"""Passwords and passphrases that cost little to hash, where a test is not about the cost."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from sealgate.identity.adapters import password_hash
from sealgate.storage.adapters import keystore_seal

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is set, and what the program takes; the second is kept before the first is set.
LITTLE = ((password_hash, "MEMORY_KIB", 64), (keystore_seal, "WORK_FACTOR", 8))
USUAL = tuple((module, name, getattr(module, name)) for module, name, _ in LITTLE)


@contextlib.contextmanager
def hashing_costs_little() -> Iterator[None]:
    """Have argon2id take little memory and scrypt little work, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in LITTLE:
            patch.setattr(module, name, value)
        yield

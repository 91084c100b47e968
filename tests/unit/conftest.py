"""What holds for all tests of one module: passwords and passphrases cost little to hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.little_cost import USUAL, hashing_costs_little

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def little_cost() -> Iterator[None]:
    """Have argon2id take little memory and scrypt little work."""
    with hashing_costs_little():
        yield


@pytest.fixture
def usual_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have both take what the program gives them, for a test that is about the cost."""
    for module, name, value in USUAL:
        monkeypatch.setattr(module, name, value)

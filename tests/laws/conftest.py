"""What holds for all laws: ``make soak`` looks for counterexamples for longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.examples import SOAK


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have ``make soak`` run every law of Hypothesis, with all of its examples."""
    if settings.get_current_profile_name() != SOAK:
        return
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if item.path.is_relative_to(Path(__file__).parent) and is_hypothesis_test(item.obj):
            item.add_marker(SOAK)

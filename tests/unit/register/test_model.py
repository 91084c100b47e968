from __future__ import annotations

from sealgate.register.model import TrailCheck


def test_a_trail_without_faults_is_whole() -> None:
    """One fault is enough for a trail not to be whole."""
    assert TrailCheck(2, "head").whole
    assert not TrailCheck(2, "head", ("entry 1 was changed",)).whole

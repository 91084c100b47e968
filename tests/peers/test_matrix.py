"""
The matrix of endpoints, family by family: nothing broken is called met, nothing sound broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.matrix import Row, Yard, tried
from tests.peers.matrix_tls import tls_rows, trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.certified import Made

    Family = Callable[[Yard, Made], Iterator[Row]]

# Each family of rows, and the least number of its rows.
FAMILIES: dict[str, tuple[Family, int]] = {
    "TLS": (tls_rows, 10),
}


@pytest.mark.peer("nginx", "openssl")
@pytest.mark.parametrize("family", FAMILIES)
def test_matrix(family: str, tmp_path: Path) -> None:
    """
    The verdicts of one family are those that were written down before.
    """
    rows_of, least = FAMILIES[family]
    yard = Yard(tmp_path)
    rows = list(rows_of(yard, trusted(yard)))
    with yard:
        counts = tried(rows, [tmp_path / "root.pem"])
    print(f"\n{counts.line(family)}")
    assert counts.endpoints >= least
    assert counts.sound * 3 >= counts.endpoints, "at least a third is sound"
    assert counts.false_met == []
    assert counts.false_alarms == []
    assert counts.unseen == []
    assert counts.disagreed == []

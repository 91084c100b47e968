"""Values of JSON as columns."""

from __future__ import annotations

import pytest

from sealgate.assess.adapters.json_cells import MAX_DEPTH, JsonCells, TooDeepError


def test_values_stand_in_the_column_of_their_keys() -> None:
    """Objects are tuples of pairs, arrays are lists; the last two names make the column."""
    cells = JsonCells()
    cells.add((), [(("a", "x"), ("b", (("c", True), ("d", ["1", None])))), (("a", None),)])
    batch = cells.batch()
    assert dict(zip(batch.names, batch.cells, strict=True)) == {
        "a": ["x", None],
        "b.c": ["true"],
        "b.d": ["1", None],
    }
    assert (batch.rows, cells.total, cells.waiting) == (3, 5, 0)


def test_what_is_nested_too_deep_is_refused() -> None:
    """By its path as well as by itself."""
    value: object = "x"
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(TooDeepError):
        JsonCells().add((), [value])
    with pytest.raises(TooDeepError):
        JsonCells().enter(MAX_DEPTH, is_array=True)


def test_a_batch_is_due_after_many_cells_or_characters() -> None:
    """But never without a cell."""
    cells = JsonCells()
    assert not cells.is_full(1 << 30)
    cells.add((), ["x"])
    assert cells.is_full(0)
    cells.batch()
    cells.add((), ["x"] * 100_000)
    assert cells.is_full(0)

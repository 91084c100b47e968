"""
JSON in pieces: what is waited for, and what is refused.

``tests/laws/test_table_laws.py`` cuts any JSON anywhere.
"""

from __future__ import annotations

import pytest

from sealgate.assess.adapters import json_values
from sealgate.assess.adapters.json_cells import MAX_DEPTH, JsonCells, TooDeepError
from sealgate.assess.adapters.json_values import JsonValues, TooLongError


def cells_of(*pieces: str) -> dict[str, list[str | None]]:
    """Return the columns of JSON text that comes in *pieces*."""
    cells = JsonCells()
    values = JsonValues(cells)
    for piece in pieces:
        values.feed(piece)
    values.close()
    batch = cells.batch()
    return {name: list(column) for name, column in zip(batch.names, batch.cells, strict=True)}  # type: ignore[arg-type] # cells of JSON are text


@pytest.mark.parametrize(
    "pieces",
    [
        ('[{"a": "x"}, {"a": 12}]',),
        ('[{"a": "x"}, {"a": 1', "2}]"),
        ('[{"a"', ': "x"}', ", ", '{"a": 12}', "]"),
        tuple('[{"a": "x"}, {"a": 12}]'),
    ],
)
def test_a_value_may_be_cut_anywhere(pieces: tuple[str, ...]) -> None:
    """Nothing is taken before it is whole."""
    assert cells_of(*pieces) == {"a": ["x", "12"]}


def test_a_number_may_go_on_in_the_next_piece() -> None:
    """A bare number ends with what follows it."""
    assert cells_of("1", "2 3", "4", " tr", "ue") == {"value": ["12", "34", "true"]}


def test_what_is_large_is_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object around all records is not waited for, and its records keep their columns."""
    monkeypatch.setattr(json_values, "_ENTERED_AT", 10)
    cells = JsonCells()
    values = JsonValues(cells)
    values.feed('{"count": 2, "data": [{"mail": {"to": "x"}}, {"mail"')
    assert cells.waiting == 2
    values.feed(': {"to": "y"}}]}')
    values.close()
    batch = cells.batch()
    assert dict(zip(batch.names, batch.cells, strict=True)) == {
        "count": ["2"],
        "mail.to": ["x", "y"],
    }
    assert batch.rows == 5


def test_a_key_that_comes_twice_hides_nothing() -> None:
    """Both values are there (RFC 8259, 4 leaves open what a reader does)."""
    assert cells_of('{"a": "x", "a": "y"}') == {"a": ["x", "y"]}


@pytest.mark.parametrize(
    "text",
    ["{", "[1", '{"a"', '{"a":', "nul", '"x', "[1 2]", "{1: 2}", "]", "[1}", "01", "+1", "'x'"],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    """Cut off, or with a sign where none may be."""
    with pytest.raises(ValueError):  # noqa: PT011  # it says nothing, so that it quotes nothing
        cells_of(text)


def test_what_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth and length of one value are limited."""
    monkeypatch.setattr(json_values, "_ENTERED_AT", 10)
    with pytest.raises(TooDeepError):
        cells_of("[" * (MAX_DEPTH + 1))
    cells_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    monkeypatch.setattr(json_values, "MAX_SCALAR_CHARACTERS", 100)
    with pytest.raises(TooLongError):
        cells_of('"' + "x" * 101, "x")

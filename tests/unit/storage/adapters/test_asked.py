"""Who does not answer holds up nobody else."""

from __future__ import annotations

import threading

import pytest

from sealgate.storage.adapters.asked import answers, asked
from tests.waiting import PATIENCE_SECONDS


def test_who_does_not_answer_is_left_out() -> None:
    """The others are heard, also those that are asked after it."""
    may_end = threading.Event()
    asks = {str(number): lambda: True for number in range(40)}
    asks["0"] = lambda: may_end.wait(PATIENCE_SECONDS)
    try:
        found = answers(asks, 0.2, "test")
    finally:
        may_end.set()
    assert sorted(found) == sorted(asks.keys() - {"0"})


def test_an_error_is_raised_where_it_is_waited_for() -> None:
    """Also of one that many ask."""

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011  # any will do
        asked(fail, "test").result(PATIENCE_SECONDS)
    with pytest.raises(ValueError):  # noqa: PT011  # any will do
        answers({"a": fail, "b": lambda: None}, PATIENCE_SECONDS, "test")

"""Figures as Prometheus reads them."""

from __future__ import annotations

import math

from sealgate.report.metrics import Family, Kind, exposition, gauge


def test_a_family_has_meaning_kind_and_values() -> None:
    """Labels stand in braces, values are whole where they can be."""
    family = Family(
        "x_total", Kind.COUNTER, "What it is.", (({"site": "a.example"}, 3.0), ({}, 0.5))
    )
    assert exposition([family, gauge("y", "Yes or no.", value=True)]) == (
        "# HELP x_total What it is.\n"
        "# TYPE x_total counter\n"
        'x_total{site="a.example"} 3\n'
        "x_total 0.5\n"
        "# HELP y Yes or no.\n"
        "# TYPE y gauge\n"
        "y 1\n"
    )


def test_a_family_without_values_is_left_out() -> None:
    """What nobody counted is not told as nothing."""
    assert exposition([Family("x", Kind.GAUGE, "None.")]) == ""


def test_odd_text_and_numbers_stay_on_their_line() -> None:
    """Quotes, backslashes and line ends cannot break out of a label."""
    family = Family("x", Kind.GAUGE, "a\nb\\", (({"a": 'q"\\\n'}, math.inf), ({}, -math.inf)))
    assert exposition([family]).splitlines() == [
        "# HELP x a\\nb\\\\",
        "# TYPE x gauge",
        'x{a="q\\"\\\\\\n"} +Inf',
        "x -Inf",
    ]
    assert exposition([gauge("x", "", math.nan)]).endswith("x NaN\n")

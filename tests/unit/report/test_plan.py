"""The table of required against provided."""

from __future__ import annotations

import dataclasses

from sealgate.policy.finding import Report
from sealgate.report.plan import render_plan


def _rows(report: Report, width: int = 120) -> list[list[str]]:
    lines = render_plan(report, console_width=width).splitlines()
    return [[part.strip() for part in line.split("  ") if part.strip()] for line in lines]


def test_every_asset_has_a_row_for_each_column_that_applies(report: Report) -> None:
    """Required, provided and the verdict stand side by side, in the guideline's words."""
    assert _rows(report) == [
        ["asset", "required", "provided", "verdict"],
        ["site shop.example", "(confidential, collects secret)"],
        ["in transit", "encrypted", "unencrypted", "NOT MET"],
        ["route shop.example/", "(public)"],
        ["in transit", "unencrypted", "unencrypted", "met"],
        ["database shop", "(confidential)"],
        ["at rest", "encrypted", "not observed", "accepted"],
        # What holds for the database, its acceptance included, holds for its table.
        ["table shop.customers", "(confidential)"],
        ["at rest", "encrypted", "not observed", "accepted"],
        ["file flyer.pdf", "(public): nothing required"],
    ]


def test_without_its_acceptance_a_gap_is_called_not_observed(report: Report) -> None:
    """A column "not observed" is not "met", and is told apart from "seen to be wrong"."""
    bare = dataclasses.replace(
        report, findings=tuple(dataclasses.replace(f, accepted=None) for f in report.findings)
    )
    verdicts = [row[-1] for row in _rows(bare)[1:] if len(row) == 4]
    assert verdicts == ["NOT MET", "met", "not observed", "not observed"]


def test_a_narrow_console_folds_nothing(report: Report) -> None:
    """Names of assets and the words that decide stay whole, so that they can be searched for."""
    narrow = render_plan(report, console_width=60)
    assert narrow == render_plan(report, console_width=120)
    assert max(len(line) for line in narrow.splitlines()) <= 60


def test_colour_only_when_asked_for(report: Report) -> None:
    """Piped output is plain."""
    assert "\x1b" not in render_plan(report)
    assert "\x1b[1;31mNOT MET" in render_plan(report, colour=True)

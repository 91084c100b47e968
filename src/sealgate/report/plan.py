"""
The table of what each asset must provide against what it was seen to provide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from sealgate.policy.finding import Severity
from sealgate.policy.protection import RUNG_NAMES
from sealgate.report.terminal import clean, drawn

if TYPE_CHECKING:
    from sealgate.policy.finding import AssetReport, Finding, Report
    from sealgate.policy.protection import Column

_STYLES = {
    "met": "green",
    "accepted": "yellow",
    "not observed": "bold yellow",
    "NOT MET": "bold red",
}


def render_plan(report: Report, *, console_width: int = 100, colour: bool = False) -> str:
    """
    Return one line per asset and column: required, provided, and whether that is enough.

    Columns of which nothing is required and nothing is known are left out. A column that
    is not met counts as accepted when a person took on every finding that makes it so.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("asset", overflow="fold")
    table.add_column("class", overflow="fold")
    for heading in ("", "required", "provided", "verdict"):
        table.add_column(heading, no_wrap=True)
    for asset in report.assets:
        name, classification = clean(asset.asset.id), _classes(asset)
        for column in asset.columns:
            rank = asset.provided.get(column)
            required = asset.required.rank(column)
            if required == 0 and rank is None:
                continue
            verdict = verdict_on(report, asset, column)
            table.add_row(
                Text(name),
                Text(classification),
                column.value,
                RUNG_NAMES[column][required],
                "not observed" if rank is None else RUNG_NAMES[column][rank],
                Text(verdict, _STYLES[verdict]),
            )
            name = classification = ""
        if name:
            table.add_row(Text(name), Text(classification), "", "nothing", "", "")
    return drawn(table, console_width=console_width, colour=colour)


def _classes(asset: AssetReport) -> str:
    if asset.collects:
        return clean(f"{asset.classification}, collects {asset.collects}")
    return clean(asset.classification)


def verdict_on(report: Report, asset: AssetReport, column: Column) -> str:
    """
    Return whether *column* of *asset* is enough: met, accepted, not observed or NOT MET.

    It counts as accepted when a person took on every finding that makes it not met.
    """
    if asset.is_met(column):
        return "met"
    reasons = [f for f in report.findings if _explains(f, asset, column)]
    if reasons and all(f.accepted is not None for f in reasons):
        return "accepted"
    return "not observed" if asset.provided.get(column) is None else "NOT MET"


def _explains(finding: Finding, asset: AssetReport, column: Column) -> bool:
    # A route's finding may be told at its site, which it then shares.
    return (
        finding.severity is Severity.ERROR
        and finding.rule.column is column
        and finding.asset.id in {asset.asset.id, asset.asset.parent}
    )

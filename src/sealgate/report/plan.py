"""The table of what each asset must provide against what it was seen to provide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sealgate.policy.finding import Severity
from sealgate.policy.protection import RUNG_NAMES
from sealgate.report.terminal import clean, drawn

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    Return each asset with its class, and below it required, provided and verdict per column.

    Columns of which nothing is required and nothing is known are left out. A column that
    is not met counts as accepted when a person took on every finding that makes it so.
    Names of assets have lines of their own, so that they stay whole on a narrow screen.
    """
    rows = [(asset, _rows(report, asset)) for asset in report.assets]
    titles = ("", "required", "provided")
    cells = [row for _, of_asset in rows for row in of_asset]
    widths = [max(len(row[at]) for row in (titles, *cells)) for at in range(len(titles))]
    head = f"asset{_line(titles, widths)[len('asset') :]}verdict\n"
    text = Text(head, "bold")
    for asset, of_asset in rows:
        text.append(clean(asset.asset.id), "bold").append(f"  ({_classes(asset)})")
        text.append("\n" if of_asset else ": nothing required\n")
        for *told, verdict in of_asset:
            text.append(_line(told, widths)).append(f"{verdict}\n", _STYLES[verdict])
    text.rstrip()
    longest = max(len(line) for line in text.plain.splitlines())
    return drawn(text, console_width=max(longest, console_width), colour=colour)


def _rows(report: Report, asset: AssetReport) -> list[tuple[str, str, str, str]]:
    rows = []
    for column in asset.columns:
        rank, required = asset.provided.get(column), asset.required.rank(column)
        if required == 0 and rank is None:
            continue
        names = RUNG_NAMES[column]
        provided = "not observed" if rank is None else names[rank]
        rows.append((column.value, names[required], provided, verdict_on(report, asset, column)))
    return rows


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    told = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    return "  ".join(("", *told, ""))


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

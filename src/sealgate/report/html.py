"""A report as one page in HTML, for people who decide and for the file of an auditor."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from sealgate.policy.finding import Status
from sealgate.policy.protection import RUNG_NAMES, Column
from sealgate.report.page import escaped, page, table
from sealgate.report.plan import verdict_on
from sealgate.report.text import summary

if TYPE_CHECKING:
    from sealgate.policy.finding import AssetReport, Citation, Finding, Report
    from sealgate.policy.inventory import AcceptedRisk, Place


def render_html(report: Report, *, at: float) -> str:
    """
    Return *report* as a page; *at* is when it was judged, in seconds since the epoch.

    Everything is in it that the text has: accepted risks too, and those that ended.
    """
    opened = [f for f in report.findings if f.is_open]
    notes = [f for f in report.findings if not f.is_open and f.accepted is None]
    taken = [f for f in report.findings if f.accepted is not None]
    at_text = dt.datetime.fromtimestamp(at, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    how = "bad" if opened else "good"
    parts = [
        f'<p class="faint">{at_text}</p>\n',
        f'<p class="verdict {how}">{escaped(summary(report))}</p>\n',
    ]
    for title, findings in (("Findings", opened), ("Notes", notes), ("Accepted risks", taken)):
        if findings:
            parts += [f"<h2>{title}</h2>\n", *(_article(finding) for finding in findings)]
    for title, risks in (
        ("Accepted risks that ended", report.expired),
        ("Accepted risks that meet no finding", report.unused),
    ):
        if risks:
            told = "".join(f"<li>{_risk(risk)}</li>\n" for risk in risks)
            parts.append(f"<h2>{title}</h2>\n<ul>\n{told}</ul>\n")
    parts += [
        "<h2>What each part requires and provides</h2>\n",
        table(
            ("asset", "class", *(column.value for column in Column)),
            (_row(report, asset) for asset in report.assets),
        ),
    ]
    return page("Audit", *parts)


def _row(report: Report, asset: AssetReport) -> list[str]:
    classes = asset.classification
    if asset.collects:
        classes += f", collects {asset.collects}"
    name = f"<code>{escaped(asset.asset.id)}</code><br>{_place(asset.asset.place)}"
    return [name, escaped(classes), *(_cell(report, asset, column) for column in Column)]


def _cell(report: Report, asset: AssetReport, column: Column) -> str:
    if column not in asset.columns:
        return ""
    rank, required = asset.provided.get(column), asset.required.rank(column)
    if required == 0 and rank is None:
        return '<span class="faint">nothing required</span>'
    names = RUNG_NAMES[column]
    verdict = verdict_on(report, asset, column)
    how = "good" if verdict == "met" else "bad"
    provided = "not observed" if rank is None else names[rank]
    return (
        f'{escaped(provided)}<br><small class="whole">required: {escaped(names[required])}</small><br>'
        f'<span class="{how}">{escaped(verdict.lower())}</span>'
    )


def _article(finding: Finding) -> str:
    level = finding.severity.name.lower()
    found = finding.found
    if finding.status is Status.NOT_OBSERVED:
        found = f"not observed: {found}"
    clauses = "; ".join(_clause(citation) for citation in finding.rule.citations)
    parts = [
        f"<h3>{level}: {escaped(finding.rule.id)}</h3>",
        f"<p><code>{escaped(finding.asset.id)}</code>{_place(finding.asset.place)}</p>",
        f"<p>{escaped(found)}</p>",
        f"<p><b>Required:</b> {_typed(finding.required)} <small>({clauses})</small></p>",
        f"<p><b>Fix:</b> {_typed(finding.fix)}</p>",
    ]
    if finding.accepted is not None:
        risk = finding.accepted
        parts.append(
            f"<p><b>Accepted</b> by {escaped(risk.by)}, until {risk.until.isoformat()}: "
            f"{escaped(risk.reason)}</p>"
        )
        level = ""
    return f'<article class="{level}">{"".join(parts)}</article>\n'


def _typed(text: str) -> str:
    # What stands between backticks is typed or set.
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped(text))


def _clause(citation: Citation) -> str:
    told = escaped(str(citation))
    if not citation.url.startswith("https://"):
        return told
    return f'<a href="{escaped(citation.url)}">{told}</a>'


def _place(place: Place) -> str:
    told = str(place)
    return f" <small>{escaped(told)}</small>" if told else ""


def _risk(risk: AcceptedRisk) -> str:
    return (
        f"<b>{escaped(risk.rule)}</b>, <code>{escaped(risk.asset)}</code>: {escaped(risk.reason)} "
        f"({escaped(risk.by)}, until {risk.until.isoformat()})"
    )

"""A report for reading: what is open, what was accepted by whom, and one closing line."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from rich.text import Text

from sealgate.policy.finding import Severity, Status
from sealgate.report.terminal import clean, drawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.policy.finding import Finding, Report
    from sealgate.policy.inventory import AcceptedRisk

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold cyan"}
_LEAST_WIDTH = 40


def render_text(report: Report, *, console_width: int = 100, colour: bool = False) -> str:
    """
    Return *report* for a person, at most *console_width* columns wide where words allow.

    Accepted risks are always there, also those that ended and those that met nothing.
    """
    width = max(console_width, _LEAST_WIDTH)
    text = Text()
    for group in _grouped(f for f in report.findings if f.accepted is None):
        if len(group) == 1:
            _tell(text, group[0], width)
        else:
            _tell_unseen(text, group, width)
    for finding in report.findings:
        if finding.accepted is not None:
            _tell_accepted(text, finding, finding.accepted, width)
    for risk in report.expired:
        _line(text, f"expired[{risk.rule}]", "bold yellow", _told(risk, "ended"), width)
    for risk in report.unused:
        _line(text, f"unused[{risk.rule}]", "dim", _told(risk, "meets no finding"), width)
    text.append(summary(report))
    # The lines are already folded; paths and URLs may stand out, so that they can be copied.
    longest = max(len(line) for line in text.plain.splitlines())
    return drawn(text, console_width=longest, colour=colour)


def summary(report: Report) -> str:
    """
    Return the closing line: what is open, accepted, not observed and met.

    Notes are counted apart, because nobody has to act on them.
    """
    opened = report.open_findings
    unseen = sum(f.status is Status.NOT_OBSERVED for f in report.findings if f.accepted is None)
    wrong = sum(f.status is Status.VIOLATED for f in opened)
    notes = sum(
        f.accepted is None and f.severity is Severity.NOTE and f.status is Status.VIOLATED
        for f in report.findings
    )
    accepted = sum(f.accepted is not None for f in report.findings)
    parts = [f"{wrong} finding{'' if wrong == 1 else 's'}"]
    if notes:
        parts.append(f"{notes} note{'' if notes == 1 else 's'}")
    parts += [f"{accepted} accepted", f"{unseen} not observed", f"{report.met} met"]
    return ", ".join(parts)


def _grouped(findings: Iterable[Finding]) -> Iterator[list[Finding]]:
    # All that could not be seen of one asset is one thing to read.
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        unseen = finding.status is Status.NOT_OBSERVED
        key = finding.asset.id if unseen else (finding.rule.id, finding.asset.id)
        groups.setdefault(key, []).append(finding)
    yield from groups.values()


def _tell(text: Text, finding: Finding, width: int) -> None:
    found = finding.found
    if finding.status is Status.NOT_OBSERVED:
        found = f"not observed: {found}"
    _line(text, _head(finding), _STYLES[finding.severity], f'"{finding.asset.id}": {found}', width)
    _place(text, finding)
    clauses = "; ".join(str(citation) for citation in finding.rule.citations)
    _detail(text, "required", f"{finding.required} ({clauses})", width)
    _detail(text, "fix", finding.fix, width)
    text.append("\n")


def _tell_unseen(text: Text, group: list[Finding], width: int) -> None:
    first = group[0]
    told = f'"{first.asset.id}": {len(group)} rules could not be answered'
    _line(text, "not observed", _STYLES[first.severity], told, width)
    _place(text, first)
    for finding in group:
        _detail(text, _head(finding), finding.found, width)
    _detail(text, "fix", f"let it be looked at; see `sealgate explain {first.rule.id}`", width)
    text.append("\n")


def _head(finding: Finding) -> str:
    return f"{finding.severity.name.lower()}[{finding.rule.id}]"


def _tell_accepted(text: Text, finding: Finding, risk: AcceptedRisk, width: int) -> None:
    _line(
        text,
        f"accepted[{finding.rule.id}]",
        "bold",
        f'"{finding.asset.id}": {finding.found}',
        width,
    )
    _place(text, finding, risk)
    _detail(text, "by", f"{risk.by}, until {risk.until.isoformat()}", width)
    _detail(text, "reason", risk.reason, width)
    text.append("\n")


def _told(risk: AcceptedRisk, what: str) -> str:
    return (
        f'"{risk.asset}": the accepted risk {what}; by {risk.by}, until '
        f"{risk.until.isoformat()}: {risk.reason}\n"
    )


def _line(text: Text, head: str, style: str, rest: str, width: int) -> None:
    ended = rest.endswith("\n")
    lines = _fold(f"{clean(head)}: {clean(rest.rstrip())}", width, "  ")
    text.append(lines[: len(clean(head))], style)
    text.append(lines[len(clean(head)) :] + ("\n\n" if ended else "\n"))


def _place(text: Text, finding: Finding, risk: AcceptedRisk | None = None) -> None:
    place = str(risk.place if risk else "") or str(finding.asset.place)
    if place:
        text.append(f"  --> {clean(place)}\n", "blue")


def _detail(text: Text, name: str, what: str, width: int) -> None:
    indent = " " * 5
    text.append(f"{_fold(f'   = {name}: {clean(what)}', width, indent)}\n")


def _fold(line: str, width: int, indent: str) -> str:
    return textwrap.fill(
        line,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )

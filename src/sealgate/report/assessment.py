"""
An assessment as text, JSON, CSV or HTML. Formats only read.

The JSON has ``"schema": "sealgate/assess/1"`` and is told in
``docs/reference/json-assess.md``; the register keeps the same value for each asset.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from sealgate.detect.catalogue import facts
from sealgate.policy.finding import Status
from sealgate.report.json import render_json
from sealgate.report.page import escaped, page, table
from sealgate.report.terminal import clean, drawn, folded
from sealgate.report.text import render_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.assess.model import Assessment, AssessRun, KindFound, NotLooked

SCHEMA = "sealgate/assess/1"
_INDENT = "    "
# From rank 2 on a class is at least the third of four: red in a terminal, and bold.
_STYLES = ("green", "cyan", "yellow", "bold red")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def assessment_value(assessment: Assessment) -> dict[str, Any]:
    """Return *assessment* as a JSON value."""
    weighed = assessment.weighed
    override = weighed.override
    sampled = assessment.sampled
    return {
        "asset": assessment.asset.id,
        "kind": assessment.asset.kind.value,
        "parent": assessment.asset.parent,
        "format": assessment.format,
        "class": assessment.classification.id,
        "computed_class": weighed.computed.id,
        "sensitive": weighed.sensitive,
        "traits": {
            "use": weighed.traits.use,
            "legal_requirements": weighed.traits.legal,
            "value": weighed.traits.value,
        },
        "required": {
            "in_transit": assessment.required.in_transit,
            "access": assessment.required.access,
            "at_rest": assessment.required.at_rest,
        },
        "kinds": [
            {
                "kind": found.kind.value,
                "title": facts(found.kind).title,
                "category": facts(found.kind).category.value,
                "count": found.count,
                "records": found.records,
                "confidence": found.confidence.name.lower(),
                "where": list(found.where),
                "estimated": found.estimated,
                "at_least": found.at_least,
            }
            for found in assessment.kinds
        ],
        "reasons": [
            {
                "trait": reason.trait.value.replace(" ", "_"),
                "rank": reason.rank,
                "because": reason.because,
                "clause": reason.clause,
            }
            for reason in assessment.reasons
        ],
        "minimisation": [{"what": a.what, "rule": a.rule} for a in assessment.minimisation],
        "not_looked": [_not_looked_value(n) for n in assessment.not_looked],
        "rows": assessment.rows,
        "bytes_read": assessment.bytes_read,
        "sample": None if sampled is None else {"read": sampled.read, "total": sampled.total},
        "decision": None
        if override is None
        else {
            "class": override.class_id,
            "by": override.by,
            "reason": override.reason,
            "at": _time(override.decided_at),
            "refused": weighed.override_refused,
        },
    }


def render_assessment_json(run: AssessRun) -> str:
    """Return *run* as JSON of the schema ``sealgate/assess/1``."""
    findings = json.loads(render_json(run.report))["findings"]
    value = {
        "schema": SCHEMA,
        "at": _time(run.assessed_at),
        "summary": {
            "assets": len(run.assessments),
            "classes": _by_class(run.assessments),
            "open": len(run.report.open_findings),
            "not_looked": len(run.not_looked),
            "open_not_looked": len(run.open_not_looked),
            "exit_code": int(run.exit_code),
        },
        "assessments": [assessment_value(a) for a in run.assessments],
        "not_looked": [
            _not_looked_value(n) | {"open": n not in run.excused} for n in run.not_looked
        ],
        "findings": findings,
    }
    return json.dumps(value, indent=2) + "\n"


def render_assessment_text(
    run: AssessRun, *, console_width: int = 100, colour: bool = False, folds: bool = False
) -> str:
    """
    Return *run* for a person: each asset, why, what could go, and what was not seen.

    With *folds*, lines are at most *console_width* columns wide where words allow; without,
    each thing stays on one line, so that it can be searched for.
    """
    text = Text()
    columns = console_width if folds else None
    width = max((len(a.classification.id) for a in run.assessments), default=0)
    for assessment in run.assessments:
        _tell(text, assessment, width, columns)
    if run.not_looked:
        text.append("\ncould not look\n", "bold")
        for entry in run.not_looked:
            how = " (in part)" if entry.partly else ""
            taken = " (decided)" if entry in run.excused else ""
            text.append(_fold(f"{clean(entry.place)}: {entry.reason}{how}{taken}", columns))
    text.append("\n")
    seen = replace(
        run.report,
        findings=tuple(f for f in run.report.findings if f.status is not Status.NOT_OBSERVED),
    )
    if seen.findings or seen.expired or seen.unused:
        findings = render_text(seen, console_width=console_width, colour=False)
        # Its closing line counts for an audit; the one below counts for this.
        text.append("\n".join(findings.splitlines()[:-1]) + "\n")
    text.append(folded(_closing(run), columns))
    longest = max(len(line) for line in text.plain.splitlines())
    return drawn(text, console_width=max(longest, console_width), colour=colour)


def render_assessment_csv(run: AssessRun) -> str:
    """
    Return one line per asset and kind; an asset without kinds has one line too.

    Cells that a spreadsheet would take for a formula are led by an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(
        (
            *("asset", "asset kind", "class", "computed class"),
            *("kind", "count", "confidence", "where", "estimated", "not looked"),
        )
    )
    for a in run.assessments:
        unseen = "; ".join(n.reason for n in a.not_looked)
        head = [a.asset.id, a.asset.kind.value, a.classification.id, a.weighed.computed.id]
        rows = [
            [
                *head,
                k.kind.value,
                str(k.count),
                k.confidence.name.lower(),
                "; ".join(k.where),
                "yes" if k.estimated or k.at_least else "no",
                unseen,
            ]
            for k in a.kinds
        ]
        for row in rows or [[*head, "", "0", "", "", "no", unseen]]:
            writer.writerow([_cell(c) for c in row])
    for n in run.not_looked:
        if n.asset is None:
            writer.writerow([_cell(n.place), "", "", "", "", "0", "", "", "no", _cell(n.reason)])
    return out.getvalue()


def render_assessment_html(run: AssessRun) -> str:
    """Return *run* as one page without scripts or anything from elsewhere."""
    unseen = _list(
        (
            f"<code>{escaped(n.place)}</code>: {escaped(n.reason)}{' (in part)' if n.partly else ''}"
            for n in run.not_looked
        ),
        "<p>nothing</p>",
    )
    findings = _list(
        (
            f"<b>{escaped(f.rule.id)}</b> <code>{escaped(f.asset.id)}</code>: {escaped(f.found)}."
            f" {escaped(f.fix)}{' (accepted)' if f.accepted else ''}"
            for f in run.report.findings
            if f.status is not Status.NOT_OBSERVED
        ),
        "<p>none</p>",
    )
    return page(
        "Assessment",
        f'<p class="faint">{escaped(_time(run.assessed_at))}</p>\n',
        f'<p class="verdict">{escaped(_closing(run))}</p>\n',
        table(
            ("Asset", "Class", "Kinds", "Why", "Could go"),
            (_html_row(assessment) for assessment in run.assessments),
        ),
        f"<h2>Findings</h2>{findings}\n<h2>Could not look</h2>{unseen}\n",
    )


def _list(items: Iterable[str], nothing: str) -> str:
    told = "".join(f"<li>{item}</li>\n" for item in items)
    return f"<ul>{told}</ul>" if told else nothing


def _html_row(assessment: Assessment) -> tuple[str, ...]:
    weighed = assessment.weighed
    named = escaped(assessment.classification.name)
    if weighed.override is not None and weighed.override_refused is None:
        by, said = escaped(weighed.override.by), escaped(weighed.computed.name)
        named += f" (decided by {by}; the data says {said})"
    kinds = ", ".join(escaped(_counted(k)) for k in assessment.kinds) or "nothing found"
    why = (
        f"{escaped(r.trait.value)} {r.rank}: {escaped(r.because)} ({escaped(r.clause)})"
        for r in assessment.reasons
    )
    could = (escaped(advice.what) for advice in assessment.minimisation)
    asset = f"<code>{escaped(assessment.asset.id)}</code>"
    return asset, named, kinds, _list(why, ""), _list(could, "")


def _tell(text: Text, assessment: Assessment, width: int, columns: int | None) -> None:
    classification = assessment.classification
    text.append(f"{clean(assessment.asset.id)}\n", "bold")
    found = ", ".join(_counted(k) for k in assessment.kinds) or "nothing found"
    line = _fold(f"{classification.id:<{width}}  {found}", columns)
    head = len(_INDENT) + len(classification.id)
    text.append(line[:head], _STYLES[min(classification.rank, 3)]).append(line[head:])
    for because, clauses in _top_reasons(assessment):
        text.append(_fold(f"because: {because} ({clauses})", columns), "dim")
    weighed = assessment.weighed
    if weighed.override is not None:
        override = weighed.override
        told = (
            f"decided: {clean(override.class_id)} by {clean(override.by)}: "
            f"{clean(override.reason)}; the data says {weighed.computed.id}"
        )
        text.append(_fold(told, columns))
        if weighed.override_refused:
            told = f"not followed: {clean(weighed.override_refused)}"
            text.append(_fold(told, columns), "bold yellow")
    for advice in assessment.minimisation:
        text.append(_fold(f"could go: {clean(advice.what)}", columns), "yellow")
    if assessment.sampled is not None:
        sampled = assessment.sampled
        told = f"from the first {sampled.read} of {sampled.total} rows; counts are projected"
        text.append(_fold(told, columns), "yellow")


def _fold(line: str, columns: int | None) -> str:
    return f"{folded(line, columns, _INDENT)}\n"


def _top_reasons(assessment: Assessment) -> list[tuple[str, str]]:
    # What made the class what it is; all the rest is in the JSON.
    top = assessment.traits.impact
    if not top:
        return []
    told: dict[str, dict[str, None]] = {}
    for reason in assessment.reasons:
        if reason.rank == top:
            told.setdefault(reason.because, {})[reason.clause] = None
    return [(because, "; ".join(clauses)) for because, clauses in told.items()]


def _counted(found: KindFound) -> str:
    if not found.count:
        return f"{found.kind.value} (empty column)"
    about = "about " if found.estimated else "at least " if found.at_least else ""
    return f"{found.kind.value} ×{about}{found.count}"  # noqa: RUF001  # the times sign is meant


def _closing(run: AssessRun) -> str:
    classes = ", ".join(f"{n} {name}" for name, n in _by_class(run.assessments).items())
    one = len(run.assessments) == 1
    parts = [f"{len(run.assessments)} asset{'' if one else 's'} ({classes})"]
    opened = [f for f in run.report.open_findings if f.status is not Status.NOT_OBSERVED]
    parts.append(f"{len(opened)} finding{'' if len(opened) == 1 else 's'}")
    parts.append(f"{len(run.open_not_looked)} not looked at")
    return ", ".join(parts)


def _by_class(assessments: Iterable[Assessment]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in sorted(assessments, key=lambda a: -a.classification.rank):
        counts[item.classification.id] = counts.get(item.classification.id, 0) + 1
    return counts


def _not_looked_value(entry: NotLooked) -> dict[str, Any]:
    return {
        "place": entry.place,
        "reason": entry.reason,
        "asset": entry.asset,
        "partly": entry.partly,
    }


def _time(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).isoformat(timespec="seconds")


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text

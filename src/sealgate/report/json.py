"""A report for machines: ``"schema": "sealgate/audit/1"``, told in docs/reference/json.md."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sealgate.policy.finding import AssetReport, Citation, Finding, Report
    from sealgate.policy.inventory import AcceptedRisk, Place
    from sealgate.policy.protection import Column

SCHEMA = "sealgate/audit/1"


def render_json(report: Report, *, schema: str = SCHEMA, at: float | None = None) -> str:
    """
    Return *report* as JSON; *at* is when it was judged, in seconds since the epoch.

    Every finding is in it, accepted ones and notes too; ``open`` tells which count.
    """
    data: dict[str, Any] = {"schema": schema}
    if at is not None:
        data["at"] = dt.datetime.fromtimestamp(at, tz=dt.UTC).isoformat(timespec="seconds")
    data |= {
        "summary": {
            "open": len(report.open_findings),
            "accepted": sum(f.accepted is not None for f in report.findings),
            "not_observed": sum(
                f.accepted is None and f.status.value == "not observed" for f in report.findings
            ),
            "met": report.met,
        },
        "assets": [_asset(asset) for asset in report.assets],
        "findings": [_finding(finding) for finding in report.findings],
        "expired": [_risk(risk) for risk in report.expired],
        "unused": [_risk(risk) for risk in report.unused],
    }
    return json.dumps(data, indent=2) + "\n"


def _asset(asset: AssetReport) -> dict[str, Any]:
    return {
        "id": asset.asset.id,
        "kind": asset.asset.kind.value,
        "parent": asset.asset.parent,
        "class": asset.classification,
        "collects": asset.collects,
        "place": _place(asset.asset.place),
        "columns": {_key(column): _ranks(asset, column) for column in asset.columns},
    }


def _ranks(asset: AssetReport, column: Column) -> dict[str, Any]:
    return {
        "required": asset.required.rank(column),
        "provided": asset.provided.get(column),
        "met": asset.is_met(column),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule.id,
        "severity": finding.severity.name.lower(),
        "status": finding.status.value,
        "open": finding.is_open,
        "demanded": finding.demanded,
        "asset": finding.asset.id,
        "place": _place(finding.asset.place),
        "column": _key(finding.rule.column),
        "vantage": finding.rule.vantage.value,
        "found": finding.found,
        "required": finding.required,
        "fix": finding.fix,
        "citations": [_citation(citation) for citation in finding.rule.citations],
        "accepted": _risk(finding.accepted) if finding.accepted else None,
    }


def _citation(citation: Citation) -> dict[str, str]:
    return {"source": citation.source, "clause": citation.clause, "url": citation.url}


def _risk(risk: AcceptedRisk) -> dict[str, Any]:
    return {
        "rule": risk.rule,
        "asset": risk.asset,
        "by": risk.by,
        "reason": risk.reason,
        "until": risk.until.isoformat(),
        "place": _place(risk.place),
    }


def _place(place: Place) -> dict[str, Any] | None:
    return {"file": place.file, "line": place.line or None} if place.file else None


def _key(column: Column) -> str:
    return column.value.replace(" ", "_")

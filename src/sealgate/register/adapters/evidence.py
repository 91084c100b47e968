"""What an audit rests on, as rows: findings, assets and sightings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.policy.observation import NotObserved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.finding import Report
    from sealgate.policy.observation import Sighting


def finding_rows(report: Report) -> Iterator[dict[str, Any]]:
    """Yield each finding of *report* as a row of evidence."""
    for finding in report.findings:
        risk = finding.accepted
        accepted = None
        if risk is not None:
            accepted = {"by": risk.by, "reason": risk.reason, "until": risk.until.isoformat()}
        yield {
            "sort": "finding",
            "asset": finding.asset.id,
            "details": {
                "rule": finding.rule.id,
                "severity": finding.rule.severity.name.lower(),
                "status": finding.status.value,
                "found": finding.found,
                "required": finding.required,
                "vantage": finding.rule.vantage.value,
                "accepted": accepted,
            },
        }


def asset_rows(report: Report) -> Iterator[dict[str, Any]]:
    """Yield what each asset of *report* had to provide, and did, as a row of evidence."""
    for item in report.assets:
        yield {
            "sort": "asset",
            "asset": item.asset.id,
            "details": {
                "class": item.classification,
                "required": {c.value: item.required.rank(c) for c in item.provided},
                "provided": {c.value: rank for c, rank in item.provided.items()},
            },
        }


def sighting_row(sighting: Sighting) -> dict[str, Any]:
    """Return what was seen, or why it could not be, as a row of evidence."""
    details: dict[str, Any] = {
        "fact": sighting.fact.value,
        "vantage": sighting.vantage.value,
    }
    if sighting.door:
        details["door"] = sighting.door
    if isinstance(sighting, NotObserved):
        details["not observed"] = sighting.reason
    else:
        value = sighting.value
        details["value"] = list(value) if isinstance(value, tuple) else value
        details["seen by"] = sighting.seen_by
    return {"sort": "sighting", "asset": sighting.asset, "details": details}

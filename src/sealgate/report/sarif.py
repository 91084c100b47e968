"""
A report as SARIF 2.1.0 (OASIS), for code scanning and its viewers.

What was not observed is a failure here too, because a viewer would hide anything else.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sealgate.policy.finding import Severity
from sealgate.policy.rules import RULES

if TYPE_CHECKING:
    from sealgate.policy.finding import Finding, Report, Rule

VERSION = "2.1.0"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render_sarif(report: Report, *, tool_version: str = "") -> str:
    """Return *report* as one SARIF run; accepted risks are external suppressions."""
    driver: dict[str, Any] = {"name": "Sealgate", "rules": [_rule(rule) for rule in RULES]}
    if tool_version:
        driver["version"] = tool_version
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding) for finding in report.findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": VERSION, "runs": [run]}, indent=2) + "\n"


def fingerprint(finding: Finding) -> str:
    """Return what stays the same when the same thing is wrong again: rule and asset."""
    return hashlib.sha256(f"{finding.rule.id}\n{finding.asset.id}".encode()).hexdigest()


def _rule(rule: Rule) -> dict[str, Any]:
    clauses = "; ".join(str(citation) for citation in rule.citations)
    return {
        "id": rule.id,
        "shortDescription": {"text": _sentence(rule.title)},
        "fullDescription": {"text": rule.why},
        "help": {
            "text": f"Required: {rule.demand} ({clauses}).\nFix: {rule.remediation}.",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["security", rule.column.value],
            "vantage": rule.vantage.value,
            "citations": [str(citation) for citation in rule.citations],
        },
    }


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": RULES.index(finding.rule),
        "kind": "fail",
        "level": _LEVELS[finding.severity],
        "message": {
            "text": f'"{finding.asset.id}": {finding.found}. Required: {finding.required}. '
            f"Fix: {finding.fix}."
        },
        "locations": [_location(finding)],
        "partialFingerprints": {"sealgateRuleAndAsset/v1": fingerprint(finding)},
        "properties": {"status": finding.status.value, "demanded": finding.demanded},
    }
    if finding.accepted is not None:
        risk = finding.accepted
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": f"{risk.reason} (by {risk.by}, until {risk.until.isoformat()})",
            }
        ]
    return result


def _location(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": finding.asset.id, "kind": "resource"}]
    }
    place = finding.asset.place
    if place.file:
        file = quote(place.file, safe="/")
        physical: dict[str, Any] = {
            "artifactLocation": {"uri": f"file://{file}" if file.startswith("/") else file}
        }
        if place.line > 0:
            physical["region"] = {"startLine": place.line}
        location["physicalLocation"] = physical
    return location


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."

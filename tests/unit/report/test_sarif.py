"""SARIF 2.1.0, valid against the schema of its standard."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sealgate.policy.finding import Report
from sealgate.policy.rules import RULES
from sealgate.report.sarif import fingerprint, render_sarif

SCHEMA = Path(__file__).parents[2] / "data/sarif-2.1.0.json"


def _validated(text: str) -> Any:
    data = json.loads(text)
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft4Validator(schema).validate(data)
    return data


def test_it_is_valid_and_whole(report: Report) -> None:
    """One run with every rule and every finding, at its place and with its level."""
    data = _validated(render_sarif(report, tool_version="0.1.0"))
    (run,) = data["runs"]
    driver = run["tool"]["driver"]
    assert driver["version"] == "0.1.0"
    assert [rule["id"] for rule in driver["rules"]] == [rule.id for rule in RULES]
    assert all(rule["help"]["text"] for rule in driver["rules"])
    assert len(run["results"]) == len(report.findings)
    by_rule = {result["ruleId"]: result for result in run["results"]}
    weak = by_rule["transit-weak-version"]
    assert weak["level"] == "error"
    assert driver["rules"][weak["ruleIndex"]]["id"] == "transit-weak-version"
    location = weak["locations"][0]
    assert location["logicalLocations"][0]["fullyQualifiedName"] == "site shop.example"
    physical = location["physicalLocation"]
    assert physical["artifactLocation"]["uri"] == "file:///etc/seal%20gate.toml"
    assert physical["region"] == {"startLine": 12}
    assert by_rule["transit-insecure-cookie"]["level"] == "warning"
    assert by_rule["transit-weak-hsts"]["level"] == "note"


def test_what_was_not_observed_fails_and_says_so(report: Report) -> None:
    """Viewers hide what is merely "open", so a gap is a failure with its status beside it."""
    (run,) = _validated(render_sarif(report))["runs"]
    (gap,) = [r for r in run["results"] if r["ruleId"] == "transit-backend-bypass"]
    assert (gap["kind"], gap["level"]) == ("fail", "error")
    assert gap["properties"]["status"] == "not observed"


def test_an_accepted_risk_is_a_suppression_with_its_reason(report: Report) -> None:
    """Only the accepted finding is suppressed, by whom and until when."""
    (run,) = _validated(render_sarif(report))["runs"]
    suppressed = [r for r in run["results"] if "suppressions" in r]
    assert [r["ruleId"] for r in suppressed] == ["at-rest-unobserved"]
    (suppression,) = suppressed[0]["suppressions"]
    assert suppression["kind"] == "external"
    assert suppression["justification"] == (
        "confirmed by the host (by the head of IT, until 2027-03-31)"
    )
    place = suppressed[0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "sealgate.toml"}}


def test_a_fingerprint_is_the_rule_and_the_asset(report: Report) -> None:
    """The same thing found again has the same fingerprint, whatever its details."""
    first, second = report.findings[:2]
    assert fingerprint(first) == fingerprint(dataclasses.replace(first, found="something else"))
    assert fingerprint(first) != fingerprint(second)


def test_an_empty_report_is_valid() -> None:
    """Nothing found is a run without results."""
    (run,) = _validated(render_sarif(Report((), 0, ())))["runs"]
    assert run["results"] == []
    assert "version" not in run["tool"]["driver"]


def test_the_schema_would_notice(report: Report) -> None:
    """The check against the schema can fail."""
    broken = render_sarif(report).replace('"level": "error"', '"level": "catastrophe"')
    with pytest.raises(jsonschema.ValidationError):
        _validated(broken)

"""The report for machines."""

from __future__ import annotations

import json
from pathlib import Path

from sealgate.policy.finding import Report
from sealgate.report.json import SCHEMA, render_json

NOW = 1_795_478_400.0

PAGE = Path(__file__).parents[3] / "docs/reference/json.md"


def test_everything_is_in_it(report: Report) -> None:
    """Versioned, with counts, every finding, and every accepted risk's fate."""
    data = json.loads(render_json(report, at=NOW))
    assert data["schema"] == SCHEMA == "sealgate/audit/1"
    assert data["at"] == "2026-11-24T00:00:00+00:00"
    assert data["summary"] == {"open": 4, "accepted": 1, "not_observed": 2, "met": report.met}
    assert len(data["findings"]) == len(report.findings)
    by_rule = {finding["rule"]: finding for finding in data["findings"]}
    weak = by_rule["transit-weak-version"]
    assert weak["place"] == {"file": "/etc/seal gate.toml", "line": 12}
    assert (weak["severity"], weak["status"], weak["open"]) == ("error", "violated", True)
    assert weak["demanded"] is True
    assert weak["accepted"] is None
    assert weak["citations"][0]["source"] == "RFC 8996"
    assert by_rule["transit-weak-hsts"]["open"] is False
    accepted = by_rule["at-rest-unobserved"]
    assert accepted["open"] is False
    assert accepted["place"] == {"file": "sealgate.toml", "line": None}
    assert accepted["accepted"]["by"] == "the head of IT"
    assert accepted["accepted"]["until"] == "2027-03-31"
    assert [risk["rule"] for risk in data["expired"]] == ["transit-weak-version"]
    assert [risk["rule"] for risk in data["unused"]] == ["transit-wrong-name"]


def test_assets_tell_required_and_provided(report: Report) -> None:
    """Ranks by column, only where the column says something; unseen is null."""
    assets = {a["id"]: a for a in json.loads(render_json(report))["assets"]}
    assert assets["site shop.example"]["columns"] == {
        "in_transit": {"required": 2, "provided": 0, "met": False}
    }
    assert assets["database shop"]["columns"] == {
        "at_rest": {"required": 2, "provided": None, "met": False}
    }
    assert assets["route shop.example/"]["parent"] == "site shop.example"
    assert assets["route shop.example/"]["place"] is None
    assert assets["site shop.example"]["collects"] == "secret"


def test_without_a_time_there_is_none(report: Report) -> None:
    """The report itself has no clock."""
    assert "at" not in json.loads(render_json(report))


def test_the_page_names_every_key(report: Report) -> None:
    """What docs/reference/json.md tells of the format is complete."""
    text = PAGE.read_text("utf-8")
    data = json.loads(render_json(report, at=NOW))
    keys = set(data) | set(data["summary"]) | set(data["assets"][0]) | set(data["findings"][0])
    keys |= set(data["expired"][0]) | {"required", "provided", "met", "file", "line"}
    assert SCHEMA in text
    assert {key for key in keys if f"`{key}`" not in text} == set()

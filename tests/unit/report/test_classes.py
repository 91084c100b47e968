"""The classification model, shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealgate.policy.classification import DEFAULT_MODEL, Classification, ClassificationModel
from sealgate.policy.ladder import LADDERS
from sealgate.policy.protection import RUNG_NAMES, Column, Protection
from sealgate.policy.rules import RULES
from sealgate.report.classes import SCHEMA, render_classes_json, render_classes_text

PAGE = Path(__file__).parents[3] / "docs/reference/json.md"


def test_the_table_and_every_rung_with_every_clause() -> None:
    """Each criterion appears with its clause and from where it is seen."""
    text = render_classes_text(DEFAULT_MODEL, console_width=200)
    head = text.splitlines()[3].split("  ")
    assert [part.strip() for part in head if part.strip()] == [
        "Organization Confidential",
        "confidential",
        "significant",
        "high",
        "encrypted",
        "encrypted",
    ]
    for column in Column:
        for rank, name in enumerate(RUNG_NAMES[column]):
            assert f"{column.value}, {rank}: {name}\n" in text
    criteria = {
        r for lad in LADDERS.values() for g in lad for w in g.alternatives for r in w.criteria
    }
    for rule in RULES:
        assert (f"    {rule.id}: {rule.demand} ({rule.citations[0]}" in text) is (
            rule.id in criteria
        )
    assert "seen from: host" in text


def test_a_rung_tells_only_what_it_adds() -> None:
    """What the rung below asks for is not said again."""
    text = render_classes_text(DEFAULT_MODEL)
    assert text.count("    transit-weak-version:") == 1
    assert text.count("    transit-weak-version, as above\n") == 1
    # What is reached over two protocols has no list of its own.
    assert text.count("  by SSH and FTPS (") == text.count("    all that each of them asks for\n")
    assert "    all that the rung below asks for, and\n    transit-tls-1-2-accepted" in text


@pytest.mark.parametrize("width", [60, 100])
def test_it_fits_the_console(width: int) -> None:
    """Text is folded to the width that there is."""
    text = render_classes_text(DEFAULT_MODEL, console_width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text


def test_json_has_the_model_and_the_ladders() -> None:
    """An organisation's own names come out as they are, beside the ladders of the house."""
    model = ClassificationModel(
        (
            Classification("open", "Offen", 0, "any", "none", Protection.of(0, 0, 0)),
            Classification("shut", "Zu\x1b[2J", 1, "any", "much", Protection.of(3, 2, 2)),
        )
    )
    data = json.loads(render_classes_json(model))
    assert data["schema"] == SCHEMA
    assert SCHEMA in PAGE.read_text("utf-8")
    assert [c["id"] for c in data["classes"]] == ["open", "shut"]
    assert data["classes"][1]["required"] == {"in_transit": 3, "access": 2, "at_rest": 2}
    rung = data["ladders"]["access"][1]
    assert rung["name"] == "low"
    assert [way["site_asks"] for way in rung["alternatives"]] == [False, True]
    assert rung["alternatives"][0]["criteria"][0]["rule"] == "access-anonymous"
    assert "\x1b" not in render_classes_text(model)

"""Every planted kind is found, every asset gets the class it was planted with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.app.assess import assess
from sealgate.detect.catalogue import Kind
from sealgate.errors import ExitCode
from tests.peers.assess_planted import Planter, digest, plant_folder, plant_shop

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.assess.model import Assessment, AssessRun
    from tests.peers.assess_planted import Planted

SEEDS = (1, 2026)
# A value may by chance look like something else too, or a check digit may fail to hold.
LEAST_SHARE = 0.9


def run(source: Path) -> AssessRun:
    """Assess *source* without a register."""
    return assess([str(source)], inventory=None, register=None, now=1_800_000_000.0)


def compare(found: dict[str, Assessment], expected: dict[str, Planted]) -> list[str]:
    """Return what is not as it was planted."""
    wrong = []
    for name, planted in expected.items():
        assessment = found[name]
        counts = {k.kind: k.count for k in assessment.kinds}
        if assessment.classification.id != planted.classification:
            wrong.append(f"{name}: {assessment.classification.id}, not {planted.classification}")
        for kind in planted.kinds:
            count = counts.get(kind, 0)
            if planted.count is not None and not (
                LEAST_SHARE * planted.count <= count <= planted.count
            ):
                wrong.append(f"{name}: {count} {kind}, not {planted.count}")
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_in_a_folder_is_found_and_classified(tmp_path: Path, seed: int) -> None:
    """In a folder of texts, tables, JSON, Parquet and gzip each file is what it was planted as."""
    folder = tmp_path / "share"
    expected = plant_folder(folder, Planter(seed))
    outcome = run(folder)
    found = {a.asset.id.removeprefix(f"file {folder}/"): a for a in outcome.assessments}
    assert set(found) == set(expected)
    assert compare(found, expected) == []
    assert outcome.not_looked == ()
    assert outcome.exit_code is ExitCode.FINDINGS


@pytest.mark.parametrize("seed", SEEDS)
def test_every_kind_in_a_shop_is_found_and_classified(tmp_path: Path, seed: int) -> None:
    """In a SQLite shop each table is what it was planted as, and the file is not touched."""
    shop = tmp_path / "shop.sqlite"
    expected = plant_shop(shop, Planter(seed))
    before = digest(shop)
    outcome = run(shop)
    database = f"database {shop}"
    found = {
        a.asset.id.removeprefix(f"table {shop}:"): a
        for a in outcome.assessments
        if a.asset.parent == database
    }
    assert set(found) == set(expected)
    assert compare(found, expected) == []
    whole = next(a for a in outcome.assessments if a.asset.id == database)
    assert whole.classification.id == "secret"
    assert {k.kind for k in whole.kinds} == set(Kind)
    assert digest(shop) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shop.sqlite"]


def test_what_must_not_be_stored_is_a_finding(tmp_path: Path) -> None:
    """Stored verification codes and clear passwords are found where they are, only there."""
    shop = tmp_path / "shop.sqlite"
    plant_shop(shop, Planter(3))
    findings = {(f.rule.id, f.asset.id) for f in run(shop).report.findings}
    assert findings == {
        ("minimise-stored-cvv", f"table {shop}:payments"),
        ("minimise-clear-password", f"table {shop}:logins"),
    }

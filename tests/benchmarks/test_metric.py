"""Every benchmark writes its figures in one shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.metric import Metric, as_json, report
from benchmarks.transfer import ftps, sftp
from benchmarks.transfer.run import told

PROGRAMS = sorted((Path(__file__).parents[2] / "benchmarks").glob("*/run.py"))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.parent.name)
def test_programs_write_by_one_function(program: Path) -> None:
    """No program writes JSON of its own."""
    text = program.read_text("utf-8")
    assert "report(" in text
    assert "json.dump" not in text


def test_a_metric_tells_all_that_it_holds() -> None:
    """The shape has a key for each fact, also where nothing is demanded."""
    assert as_json(Metric("a", 1.23456, "s", 2.0, at_most=True, quartiles=(1.0, 2.0))) == {
        "metric": "a",
        "value": 1.2346,
        "unit": "s",
        "target": 2.0,
        "at_most": True,
        "met": True,
        "quartiles": (1.0, 2.0),
    }


@pytest.mark.parametrize(
    "ratio",
    [
        sftp.Ratio("small-up", "OpenSSH", 0.5, 10, 20, "files/s", 0.55),
        ftps.Ratio("small-up", "OpenSSH", 0.5, 10, 20, "files/s", 1.0, 0.55),
    ],
)
def test_a_ratio_of_transfer_has_that_shape(
    ratio: sftp.Ratio | ftps.Ratio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ratio and both medians are metrics, printed and written as others are."""
    report("transfer", told(ratio), tmp_path / "found.json")
    assert capsys.readouterr().out.splitlines() == [
        "small-up 0.500 ratio 0.55 missed",
        "small-up-ours 10.000 files/s - -",
        "small-up-theirs 20.000 files/s - -",
    ]
    written = json.loads((tmp_path / "found.json").read_text())
    assert [(one["metric"], one["value"]) for one in written] == [
        ("small-up", 0.5),
        ("small-up-ours", 10),
        ("small-up-theirs", 20),
    ]

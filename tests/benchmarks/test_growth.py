"""The benchmark of growth in short, and the one shape in which benchmarks write."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.growth.run import ROWS, Row, exponent, measured, table
from benchmarks.growth.serving import RefusedError
from benchmarks.metric import Metric, report

ROOT = Path(__file__).parents[2]
SHAPE = {"metric", "value", "unit", "target", "at_most", "met", "quartiles"}


def test_rows_are_measured_and_written(tmp_path: Path) -> None:
    """The program runs some rows at small sizes, prints a table, and writes the one shape."""
    file = tmp_path / "growth.json"
    command = [sys.executable, str(ROOT / "benchmarks/growth/run.py"), "--json", str(file)]
    done = subprocess.run(
        [*command, "--rows", "routes-load", "--sizes", "1", "10"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "routes-load        s" in done.stdout
    written = json.loads(file.read_text())
    assert [one["metric"] for one in written] == [
        "routes-load-1",
        "routes-load-10",
        "routes-load-exponent",
        "routes-load-exponent-over-all",
    ]
    assert all(one.keys() == SHAPE for one in written)
    assert written[0]["value"] > 0


def test_names_are_told_apart() -> None:
    """No two rows share a name."""
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_exponent_is_the_power_of_the_size(power: int) -> None:
    """A cost that grows as a power of the size has that exponent."""
    assert exponent([(n, 3.0 * n**power) for n in (1, 10, 100)]) == pytest.approx(power)


@pytest.mark.parametrize("error", [RefusedError, SystemExit, AssertionError])
def test_what_is_refused_has_no_value_and_misses(
    error: type[BaseException], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A size that is refused is told, misses what is wanted, and is written without a value."""

    def cost(size: int) -> float:
        if size > 1:
            raise error("too many")
        return 1.0

    row = Row("things", (1, 10), cost, "s", 5)
    found = report("growth", measured([row], None), tmp_path / "found.json")
    assert "things at 10: too many" in capsys.readouterr().err
    assert [one.is_met for one in found[:2]] == [True, False]
    assert found[2].value == math.inf
    assert json.loads((tmp_path / "found.json").read_text())[1]["value"] is None
    assert [*table([row], found)][1].endswith("<= 5   missed")


def test_a_wanted_value_holds_up_to_its_size() -> None:
    """What is wanted of small sizes is not asked of larger ones."""
    row = Row("things", (1, 10), float, "s", 5, 1)
    assert [one.target for one in measured([row], None)][:2] == [5, None]


def test_a_least_value_is_judged_from_below() -> None:
    """A ratio is met from the least value on."""
    row = Row("things", (1,), float, "ratio", 0.9, at_least=True, grows=False)
    assert [*measured([row], None)] == [Metric("things-1", 1.0, "ratio", 0.9)]

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from sealgate.cli import run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command in a folder of its own, with one file to assess."""
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "a.txt").write_text("a@example.org\n")
    monkeypatch.chdir(tmp_path)


def test_an_assessment_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Text goes to standard output, nothing to standard error."""
    assert run(["assess", "share"]) == 0
    out, err = capsys.readouterr()
    assert "restricted  email" in out
    assert out.endswith("1 asset (1 restricted), 0 findings, 0 not looked at\n")
    assert err == ""


@pytest.mark.parametrize("form", ["text", "json", "html", "csv"])
def test_a_report_is_written_for_its_owner(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --output nothing is printed, and nobody else may read the file."""
    assert run(["assess", "share", "--format", form, "--output", "report"]) == 0
    assert capsys.readouterr() == ("", "")
    assert "a.txt" in (tmp_path / "report").read_text("utf-8")
    assert stat.S_IMODE((tmp_path / "report").stat().st_mode) == 0o600


def test_an_output_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The assessment ends with an error when its report goes nowhere."""
    assert run(["assess", "share", "--output", "nowhere/report"]) == 2
    said = 'output "nowhere/report" cannot be written: no such file or directory'
    assert said in capsys.readouterr().err
    assert run(["assess", "share", "--output", "/dev/full"]) == 1
    assert 'output "/dev/full" cannot be written: no space left' in capsys.readouterr().err


@pytest.mark.parametrize("source", ["", " "])
def test_a_source_without_a_name_is_not_this_folder(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable of the shell that is not set assesses nothing."""
    assert run(["assess", source]) == 2
    assert 'source "" names nothing' in capsys.readouterr().err


def test_a_decision_is_kept_and_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """--decide names an asset of the report; the next assessment follows it."""
    run(["assess", "share", "--format", "json"])
    asset = json.loads(capsys.readouterr().out)["assessments"][0]["asset"]
    decision = ["--class", "public", "--by", "press", "--reason", "it is on the site"]
    assert run(["assess", "--decide", asset, *decision]) == 0
    assert capsys.readouterr().err == (
        "sealgate: decided: public; it holds from the next assessment on\n"
    )
    assert run(["assess", "share"]) == 0
    out = capsys.readouterr().out
    assert "decided: public by press: it is on the site; the data says restricted" in out


def test_a_decision_takes_no_source(capsys: pytest.CaptureFixture[str]) -> None:
    """Deciding and assessing are two steps."""
    assert run(["assess", "share", "--decide", "file x"]) == 2
    assert "--decide takes no source" in capsys.readouterr().err

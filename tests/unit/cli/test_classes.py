"""
``sealgate classes``.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealgate.cli import run


def test_without_a_configuration_it_is_the_default_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The guideline's table holds until somebody replaces it.
    """
    monkeypatch.chdir(tmp_path)
    assert run(["classes"]) == 0
    out = capsys.readouterr().out
    assert "Organization Confidential" in out
    assert "RFC 9325" in out
    assert run(["classes", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "sealgate/classes/1"


def test_a_configuration_that_is_named_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Falling back to the default model would show what does not hold.
    """
    assert run(["classes", "-c", str(tmp_path / "gone.toml")]) == 2
    assert "gone.toml" in capsys.readouterr().err


def test_a_broken_configuration_here_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A sealgate.toml that cannot be followed stops the command.
    """
    (tmp_path / "sealgate.toml").write_text("nonsense = true\n")
    monkeypatch.chdir(tmp_path)
    assert run(["classes"]) == 2
    assert "nonsense" in capsys.readouterr().err

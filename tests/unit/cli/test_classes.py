"""``sealgate classes``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sealgate.cli import run


def test_without_a_configuration_it_is_the_default_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The guideline's table holds until somebody replaces it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")  # no word is parted
    assert run(["classes"]) == 0
    out = capsys.readouterr().out
    assert "Organization Confidential" in out
    assert "RFC 9325" in out
    assert run(["classes", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "sealgate/classes/1"


def test_a_configuration_that_is_named_must_be_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Falling back to the default model would show what does not hold."""
    assert run(["classes", "-c", str(tmp_path / "gone.toml")]) == 2
    assert "gone.toml" in capsys.readouterr().err


OWN_MODEL = """\
[[class]]
id = "open"
name = "Offen"
in_transit = "unencrypted"
access = "none"
at_rest = "none"

[[class]]
id = "shut"
name = "Geschlossen"
in_transit = "encrypted"
access = "high"
at_rest = "encrypted"

[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"

[[site.route]]
path = "/"
class = "open"
"""


def test_an_organisations_own_model_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The model in force is the one that sealgate.toml declares."""
    config = tmp_path / "sealgate.toml"
    config.write_text(OWN_MODEL)
    assert run(["classes", "-c", str(config), "--format", "json"]) == 0
    classes = json.loads(capsys.readouterr().out)["classes"]
    assert [(c["id"], c["name"]) for c in classes] == [("open", "Offen"), ("shut", "Geschlossen")]
    assert classes[1]["required"] == {"in_transit": 2, "access": 2, "at_rest": 2}


def test_a_broken_configuration_here_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sealgate.toml that cannot be followed stops the command."""
    (tmp_path / "sealgate.toml").write_text("nonsense = true\n")
    monkeypatch.chdir(tmp_path)
    assert run(["classes"]) == 2
    assert "nonsense" in capsys.readouterr().err

"""``sealgate verify --register`` from the shell."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.cli import run
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord

CONFIG = """
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
"""
VERIFY = ["verify", "--register"]


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with a configuration and a register of one assessment."""
    (tmp_path / "sealgate.toml").write_text(CONFIG)
    (tmp_path / ".sealgate").mkdir()
    path = tmp_path / ".sealgate" / "register.sqlite"
    with Register(f"sqlite:///{path}") as register:
        record = AssessmentRecord("file /a", "file", "secret", "secret", {})
        register.record_assessments([record], at=1.0)
    monkeypatch.chdir(tmp_path)
    return path


def head(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the digest of the last entry, as it is printed."""
    assert run([*VERIFY, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "sealgate/verify-register/1"
    assert told["register"]["entries"] == 1
    return str(told["register"]["head"])


def test_a_register_that_only_sealgate_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    """Its length and last digest are told, and that digest holds from then on."""
    kept = head(capsys)
    assert run(VERIFY) == 0
    assert capsys.readouterr().out == f"register: whole, 1 entry, the last is {kept}\n"
    assert run([*VERIFY, "--head", kept]) == 0


def test_tampering_is_a_finding(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was changed is named, never what it says."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE assessments SET classification = 'public'")
    assert run(VERIFY) == 10
    assert "register: assessment 1 was changed\n" in capsys.readouterr().out


def test_a_register_that_was_written_anew(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is whole by itself, but has nothing that was kept."""
    kept = head(capsys)
    database.unlink()
    with Register(f"sqlite:///{database}") as register:
        record = AssessmentRecord("file /a", "file", "public", "public", {})
        register.record_assessments([record], at=1.0)
    assert run(VERIFY) == 0
    assert run([*VERIFY, "--head", kept]) == 10
    assert "kept elsewhere" in capsys.readouterr().out


def test_without_a_register_there_is_nothing_to_look_at(database: Path) -> None:
    """None is made by looking."""
    database.unlink()
    assert run(VERIFY) == 3
    assert not database.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [*VERIFY, "--head", "x"],
        [*VERIFY, "--head", ""],
        [*VERIFY, "partners"],
        [*VERIFY, "--full"],
        ["verify", "--head", "0" * 64],
    ],
)
def test_what_makes_no_sense_is_told(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to type instead."""
    assert run(arguments) == 2
    assert "hint: sealgate verify --register" in capsys.readouterr().err

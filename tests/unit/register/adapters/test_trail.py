from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sealgate.register.adapters.store import Register
from sealgate.register.adapters.trail import START, digest_of_row
from sealgate.register.model import AssessmentRecord, Decision

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    Give a register with two assessments and a decision.
    """
    path = tmp_path / "register.sqlite"
    with Register(f"sqlite:///{path}") as register:
        for at, asset in enumerate(["file /a", "file /b"]):
            register.record_assessments(
                [AssessmentRecord(asset, "file", "secret", "secret", {})], at=float(at)
            )
        register.record_decision(Decision("file /a", "public", "me", "why", 3.0))
    return path


def faults(path: Path, *statements: str) -> tuple[str, ...]:
    """
    Return what the trail tells after *statements* were run behind its back.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with Register(f"sqlite:///{path}") as register:
        return register.check_trail().faults


def test_an_untouched_trail_is_whole(path: Path) -> None:
    """
    Nothing is told of a register that only Sealgate wrote.
    """
    assert faults(path) == ()


def test_the_head_moves_with_every_entry(path: Path) -> None:
    """
    The digest of the last entry is another one after each write.
    """
    with Register(f"sqlite:///{path}") as register:
        before = register.check_trail()
        register.record_decision(Decision("file /b", "public", "me", "why", 4.0))
        after = register.check_trail()
    assert before.head not in {after.head, START}
    assert after.entries == before.entries + 1


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        (
            "UPDATE assessments SET classification = 'public' WHERE id = 1",
            "assessment 1 was changed",
        ),
        ("UPDATE decisions SET reason = 'other'", "decision 1 was changed"),
        ("DELETE FROM decisions", "decision 1 is missing"),
        (
            "INSERT INTO decisions VALUES (7, 'file /b', 5.0, 'public', 'me', 'why')",
            "decision 7 was added beside the trail",
        ),
        ("DELETE FROM trail WHERE seq = 2", "entries before 3 are missing"),
        ("DELETE FROM trail WHERE seq = 3", "the end of the trail was cut off or changed"),
        ("UPDATE trail SET at = 9.0 WHERE seq = 1", "entry 1 was changed, or the one before it"),
        (
            "UPDATE trail SET digest = 'x' WHERE seq = 1",
            "entry 2 was changed, or the one before it",
        ),
        (
            "UPDATE trail SET event = 'other' WHERE seq = 1",
            "entry 1 is about nothing that is recorded",
        ),
        ("DELETE FROM trail_head", "the end of the trail was cut off or changed"),
    ],
)
def test_tampering_shows(path: Path, statement: str, told: str) -> None:
    """
    A row or an entry that is changed, added or removed is told.
    """
    assert told in faults(path, statement)


def test_the_digest_of_a_row_depends_on_nothing_but_its_content() -> None:
    """
    The order of columns and keys does not matter, every value does.
    """
    assert digest_of_row({"a": 1, "b": {"x": 1, "y": None}}) == digest_of_row(
        {"b": {"y": None, "x": 1}, "a": 1}
    )
    assert digest_of_row({"a": 1}) != digest_of_row({"a": 1.5})

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from sealgate.chained import START
from sealgate.register.adapters import trail
from sealgate.register.adapters.store import Register
from sealgate.register.adapters.trail import digest_of_row
from sealgate.register.model import AssessmentRecord, Decision, TransferRecord

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a register with two assessments and a decision."""
    path = tmp_path / "register.sqlite"
    with Register(f"sqlite:///{path}") as register:
        for at, asset in enumerate(["file /a", "file /b"]):
            register.record_assessments(
                [AssessmentRecord(asset, "file", "secret", "secret", {})], at=float(at)
            )
        register.record_decision(Decision("file /a", "public", "me", "why", 3.0))
    return path


def faults(path: Path, *statements: str) -> tuple[str, ...]:
    """Return what the trail tells after *statements* were run behind its back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with Register(f"sqlite:///{path}") as register:
        return register.check_trail().faults


def test_an_untouched_trail_is_whole(path: Path) -> None:
    """Nothing is told of a register that only Sealgate wrote."""
    assert faults(path) == ()


def test_the_head_moves_with_every_entry(path: Path) -> None:
    """The digest of the last entry is another one after each write."""
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
        (
            "INSERT INTO trail_head VALUES (7, 9, 'x')",
            "the end of the trail was cut off or changed",
        ),
        ("DELETE FROM assets WHERE id = 'file /a'", 'asset "file /a" is missing'),
        (
            "INSERT INTO assets VALUES ('file /c', 'file', NULL, 1.0, 1.0)",
            'asset "file /c" was added beside the trail',
        ),
        ("UPDATE assessments SET details = '{' WHERE id = 1", "assessment 1 was changed"),
        (
            "UPDATE assessments SET details = replace(hex(zeroblob(50000)), '0', '[') WHERE id = 1",
            "assessment 1 was changed",
        ),
        ("UPDATE assessments SET details = x'ff' WHERE id = 1", "assessment 1 was changed"),
        ("UPDATE assessments SET computed = x'00' WHERE id = 1", "assessment 1 was changed"),
        ("UPDATE trail SET at = x'00' WHERE seq = 1", "entry 1 was changed, or the one before it"),
        (
            "UPDATE trail SET digest = x'00' WHERE seq = 3",
            "the end of the trail was cut off or changed",
        ),
    ],
)
def test_tampering_shows(path: Path, statement: str, told: str) -> None:
    """A row or an entry that is changed, added or removed is told, also by what cannot be read."""
    assert told in faults(path, statement)


def test_what_cannot_be_read_hides_nothing_else(path: Path) -> None:
    """The row itself is told, and so is another change beside it."""
    assert faults(
        path,
        "UPDATE assessments SET details = '{' WHERE id = 2",
        "UPDATE assessments SET computed = 'public' WHERE id = 1",
    ) == ("assessment 1 was changed", "assessment 2 was changed")


def test_an_entry_beyond_the_end_shows(path: Path) -> None:
    """Whoever appends without moving the end along is told, and so is the row."""
    told = faults(
        path,
        "INSERT INTO decisions VALUES (7, 'file /b', 5.0, 'public', 'me', 'why')",
        "INSERT INTO trail VALUES (4, 5.0, 'decision', 7, 'x', 'y')",
    )
    assert "the end of the trail was cut off or changed" in told


def test_a_trail_that_was_written_anew_has_no_entry_that_was_kept(
    path: Path, tmp_path: Path
) -> None:
    """Each digest that was ever the last is known for good; of another register it is none."""
    with Register(f"sqlite:///{path}") as register:
        before = register.check_trail().head
        register.record_decision(Decision("file /b", "public", "me", "why", 4.0))
        assert register.check_trail(known=before).whole
        assert register.check_trail(known=START).whole
    with Register(f"sqlite:///{tmp_path / 'other.sqlite'}") as register:
        register.record_assessments(
            [AssessmentRecord("file /a", "file", "public", "public", {})], at=0.0
        )
        check = register.check_trail(known=before)
    assert check.faults == ("no entry has the digest that was kept elsewhere",)


def test_what_is_recorded_meanwhile_is_no_tampering(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway goes on recording while somebody checks, between any two questions."""
    monkeypatch.setattr(trail, "_MANY", 1)
    compare = trail._recorded
    with Register(f"sqlite:///{path}") as other, Register(f"sqlite:///{path}") as register:

        def meanwhile(
            connection: sa.Connection, entries: Sequence[sa.Row[Any]]
        ) -> dict[tuple[str, int], str]:
            other.record_decision(Decision("file /b", "public", "me", "why", 4.0))
            return compare(connection, entries)

        monkeypatch.setattr(trail, "_recorded", meanwhile)
        check = register.check_trail()
        assert (check.entries, check.faults) == (3, ())
        monkeypatch.setattr(trail, "_recorded", compare)
        assert register.check_trail().entries == 6
        assert register.check_trail().whole


def test_the_digest_of_a_row_depends_on_nothing_but_its_content() -> None:
    """The order of columns and keys does not matter, every value does."""
    assert digest_of_row({"a": 1, "b": {"x": 1, "y": None}}) == digest_of_row(
        {"b": {"y": None, "x": 1}, "a": 1}
    )
    assert digest_of_row({"a": 1}) != digest_of_row({"a": 1.5})


def test_rows_of_before_a_column_was_added_are_vouched_for_as_they_were(tmp_path: Path) -> None:
    """A file of revision r0003 gains the columns and stays whole; filling them in behind it shows."""
    path = tmp_path / "register.sqlite"
    channel = ("sftp", "192.0.2.1", "SSH-2.0", "kex", "cipher", "")
    with Register(f"sqlite:///{path}") as register:
        old = TransferRecord(1.0, "upload", "anna", *channel, "in/a", "restricted", 1, "ok")
        register.record_transfers([replace(old, access=None, grant=None)])
    with closing(sqlite3.connect(path)) as connection, connection:
        for column in ("access", '"grant"'):
            connection.execute(f"ALTER TABLE transfers DROP COLUMN {column}")
        connection.execute("UPDATE register_version SET version_num = 'r0003'")
    with Register(f"sqlite:///{path}") as register:
        assert register.check_trail().whole
        register.record_transfers([replace(old, access=3, grant="72ce374b")])
        kept = list(register.transfers())
        assert [(one.access, one.grant) for one in kept] == [(None, None), (3, "72ce374b")]
    assert faults(path) == ()
    changed = faults(path, "UPDATE transfers SET access = 3 WHERE id = 1")
    assert changed == ("transfer 1 was changed",)
    assert "transfer 2 was changed" in faults(
        path, 'UPDATE transfers SET "grant" = NULL WHERE id = 2'
    )

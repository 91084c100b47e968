"""Which digests count as approved: those of the newest approval of each name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.approvals import approved_digests
from sealgate.database import sqlite_url
from sealgate.register.adapters.store import Register
from sealgate.register.model import Approval

PAGE = "route shop.example/checkout"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {}),
        ([("a.js", "one", 5.0)], {"a.js": {"one"}}),
        ([("a.js", "one", 5.0), ("a.js", "two", 5.0)], {"a.js": {"one", "two"}}),
        ([("a.js", "one", 5.0), ("a.js", "two", 6.0)], {"a.js": {"two"}}),
        # The clock was set back in between.
        ([("a.js", "one", 5.0), ("a.js", "two", 4.0)], {"a.js": {"two"}}),
        ([("a.js", "one", 5.0), ("b.js", "one", 6.0)], {"a.js": {"one"}, "b.js": {"one"}}),
    ],
)
def test_the_newest_approval_of_a_name_counts(
    tmp_path: Path, given: list[tuple[str, str, float]], expected: dict[str, set[str]]
) -> None:
    """What was approved before holds no longer, whatever the clock said."""
    with Register(sqlite_url(str(tmp_path / "register.sqlite"))) as register:
        for item, digest, at in given:
            approval = Approval(PAGE, item, digest, "anna", "needed", at)
            register.record_approvals((approval,), kind="route", parent="")
        assert approved_digests(register, PAGE) == expected

from __future__ import annotations

from sealgate.assess.model import AssessRun, NotLooked, TraitRanks
from sealgate.errors import ExitCode
from sealgate.policy.finding import Report

NOTHING = Report((), 0, ())


def test_impact_is_the_high_water_mark() -> None:
    """The highest rank of any trait is the impact."""
    assert TraitRanks(1, 3, 2).impact == 3
    assert TraitRanks().impact == 0


def test_what_was_not_looked_at_counts_until_it_is_taken_on() -> None:
    """An open gap is a finding, one that somebody decided about is not."""
    gap = NotLooked("/a.zip", "later", "file /a.zip")
    assert AssessRun((), NOTHING, (), 0.0).exit_code is ExitCode.OK
    assert AssessRun((), NOTHING, (gap,), 0.0).exit_code is ExitCode.FINDINGS
    taken = AssessRun((), NOTHING, (gap,), 0.0, excused=frozenset([gap]))
    assert taken.exit_code is ExitCode.OK
    assert taken.open_not_looked == ()

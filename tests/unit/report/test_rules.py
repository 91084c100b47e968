"""One rule explained."""

from __future__ import annotations

import pytest

from sealgate.policy.finding import Rule
from sealgate.policy.rules import RULES, find_rule
from sealgate.report.rules import render_rule, render_rules, rungs_of


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_everything_there_is_to_say(rule: Rule) -> None:
    """Id, demand, severity, clause, why and fix of every rule are told."""
    text = " ".join(render_rule(rule, console_width=80).split())
    for part in (rule.id, rule.title, rule.demand, rule.why, rule.remediation):
        assert " ".join(part.split()) in text
    for citation in rule.citations:
        assert str(citation) in text


def test_a_criterion_names_its_rungs_and_whether_it_grows() -> None:
    """A note that a rung asks for is an error where the rung is demanded."""
    hybrid, hsts = find_rule("transit-no-hybrid"), find_rule("transit-no-hsts")
    assert hybrid is not None
    assert hsts is not None
    assert rungs_of(hybrid) == ("highly encrypted (in transit, 3)",)
    assert "note, and error where a class demands the rung" in render_rule(hybrid)
    assert "no rung: it is always asked" in render_rule(hsts)


def test_the_list_has_one_line_for_each() -> None:
    """Id, severity and defect, in the order of reports."""
    lines = render_rules().splitlines()
    assert [line.split()[0] for line in lines] == [rule.id for rule in RULES]

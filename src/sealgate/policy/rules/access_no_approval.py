"""
A second factor and an approved grant are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import GUARDED
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_APPROVAL_RANK = 3


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.ACCESS_RUNG)
    if rung is None:
        return not_applicable("access-anonymous tells that access was not observed")
    if rung < _APPROVAL_RANK:
        return violated("no second factor and no approved grant is asked for")
    return met("a second factor and an approved grant are asked for")


RULE = Rule(
    id="access-no-approval",
    title="no second factor, or no approved grant, is asked for",
    demand="a second factor and a time-boxed grant that another person approved are asked for",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.HOST,
    applies_to=GUARDED,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "What does severe harm should need two people: one who asks, one who approves, and "
        "for a limited time."
    ),
    remediation=(
        "set `admit` on the route, and serve it with Sealgate: who may enter asks for a grant "
        "with `sealgate grant ask`"
    ),
    facts=(Fact.ACCESS_RUNG,),
    judge=_judge,
    criterion=True,
)

"""Something is asked before content is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import GUARDED
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import AccessRung, Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.ACCESS_RUNG)
    if rung is None:
        return subject.not_observed(Fact.ACCESS_RUNG)
    if rung < AccessRung.LOW:
        return violated("nothing is asked for")
    return met("something is asked for")


RULE = Rule(
    id="access-anonymous",
    title="content is shown without asking who wants it",
    demand="a password or more is asked for",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.HOST,
    applies_to=GUARDED,
    citations=(GUIDELINE_CLASSES,),
    why="Encryption keeps a secret on its way. It does not ask who is at the other end.",
    remediation=(
        'give the route a class that asks who comes (`class = "restricted"`: people sign in), '
        'or `access = "site"` when the site itself asks for a password'
    ),
    facts=(Fact.ACCESS_RUNG,),
    judge=_judge,
    criterion=True,
)

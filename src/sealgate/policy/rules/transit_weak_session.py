"""A session that is weaker than the class does not open the drop or tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import BEHIND
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.SESSION_RUNG)
    if rung is None:
        return subject.not_observed(Fact.SESSION_RUNG)
    if rung < TransitRung.HIGHLY_ENCRYPTED:
        return violated("a session without post-quantum exchange, or without a key, opens it")
    return met("only a hybrid post-quantum session, signed in by key, opens it")


RULE = Rule(
    id="transit-weak-session",
    title="a weaker session than the class demands opens it",
    demand="only sessions with a hybrid post-quantum exchange, signed in by key, open it",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=BEHIND,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "One server has drops of several classes. What it offers to all of them says nothing of "
        "the one whose sessions must be stronger: that is measured on each live connection."
    ),
    remediation="give it a class that demands it; `sealgate serve` then refuses weaker sessions",
    facts=(Fact.SESSION_RUNG,),
    judge=_judge,
    criterion=True,
)

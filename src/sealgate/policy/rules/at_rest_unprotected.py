"""
A stored file is its owner's, and a change from outside is noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import STORES
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_LEAST_RANK = 1


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.AT_REST_RUNG)
    if rung is None:
        return not_applicable("at-rest-unobserved tells that the store was not observed")
    if rung < _LEAST_RANK:
        return violated("others may read the store, or a change would not be noticed")
    return met("only the owner may read the store, and a change from outside is noticed")


RULE = Rule(
    id="at-rest-unprotected",
    title="the store is open to others, or a change would not be noticed",
    demand="only the owner may read the store, and a change from outside is noticed",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "A file that every account on the host may read or change is as good as public on "
        "that host."
    ),
    remediation=(
        "take the rights of others away (`chmod -R go= FOLDER`) and keep the store where "
        "its integrity is recorded"
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=_judge,
    criterion=True,
)

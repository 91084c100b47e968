"""
Whoever takes the whole host cannot open the store.
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

_LEAST_RANK = 3


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.AT_REST_RUNG)
    if rung is None:
        return not_applicable("at-rest-unobserved tells that the store was not observed")
    if rung < _LEAST_RANK:
        return violated("the keys that open the store are on its host")
    return met("the store is sealed for recipients whose keys are not on the host")


RULE = Rule(
    id="at-rest-keys-on-host",
    title="whoever takes the host can open the store",
    demand="the store is sealed for recipients whose keys are not on the host",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why="What does severe harm must stay shut even when the machine that keeps it is lost.",
    remediation=(
        "seal it for a post-quantum recipient whose identity is kept on another machine: "
        '`recipients = ["age1pq1…"]` on the [[drop]]'
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=_judge,
    criterion=True,
)

"""It is known how the store is protected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met
from sealgate.policy.ladder import STORES
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if subject.number(Fact.AT_REST_RUNG) is None:
        return subject.not_observed(Fact.AT_REST_RUNG)
    return met("the store was looked at")


RULE = Rule(
    id="at-rest-unobserved",
    title="it is not known how the store is protected",
    demand="somebody observed, or confirmed, how the store is protected",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "What nobody looked at counts as unprotected: an encrypted volume that was never "
        "mounted looks like any other folder."
    ),
    remediation=(
        "have it observed on the store's host, or have the risk accepted by name until "
        'then: [[accept]] with `rule = "at-rest-unobserved"`, asset, by, reason and until'
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=_judge,
    criterion=True,
)

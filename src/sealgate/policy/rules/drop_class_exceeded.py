"""What lies in a drop is of no stricter class than the drop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, listed, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    found = subject.names(Fact.UPLOADS_STRICTER)
    if found is None:
        if not subject.looked_at(Fact.UPLOADS_STRICTER):
            return not_applicable("no upload was looked at")
        return subject.not_observed(Fact.UPLOADS_STRICTER)
    if found:
        return violated(f"{listed(found)} hold data of a stricter class")
    return met("no upload was found to be of a stricter class")


RULE = Rule(
    id="drop-class-exceeded",
    title="an upload is of a stricter class than its drop",
    demand="what lies in a drop is of no stricter class than the drop",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.DROP]),
    citations=(GUIDELINE_CLASSES,),
    why=(
        "The class of the drop decides how its files travel, rest and are given out. What is "
        "worth more than that is protected too little there."
    ),
    remediation=(
        "move the files to a drop of their class, or give this one a stricter class; "
        '`on_mismatch = "refuse"` or "quarantine" keeps the next ones out'
    ),
    facts=(Fact.UPLOADS_STRICTER,),
    judge=_judge,
)

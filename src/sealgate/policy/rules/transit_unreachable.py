"""Every address of the host answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, Status, Verdict, met, not_applicable
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject


def _judge(subject: Subject) -> Verdict:
    if not subject.looked_at(Fact.REACHABLE):
        return not_applicable("nobody asked it from outside")
    answers = subject.flag(Fact.REACHABLE)
    if answers is None:
        return subject.not_observed(Fact.REACHABLE)
    return met("it answers") if answers else Verdict(Status.NOT_OBSERVED, "nobody answers")


RULE = Rule(
    id="transit-unreachable",
    title="nobody answers, so nothing could be observed there",
    demand="every address of the host answers when it is looked at",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB | {AssetKind.FILE_SERVER},
    citations=(GUIDELINE_CLASSES,),
    why=(
        "What could not be looked at may be anything, and clients may be led to any address of a "
        "name. One that nobody answers at meets nothing, also when others are right."
    ),
    remediation=(
        "let the host answer where this audit runs, take a dead address out of the DNS, or name "
        "the address to ask with `--resolve HOST:ADDRESS`"
    ),
    facts=(Fact.REACHABLE,),
    judge=_judge,
)

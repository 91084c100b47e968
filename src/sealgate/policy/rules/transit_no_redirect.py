"""Who comes over http is led to https."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    answer = subject.text(Fact.PLAIN_GET)
    if answer is None:
        return subject.not_observed(Fact.PLAIN_GET)
    if answer == "redirect":
        return met("http redirects")
    if answer == "refused":
        return not_applicable("nothing listens for http")
    if answer == "served" and Declaration.PLAIN_HTTP in subject.declarations:
        return not_applicable("it is declared to be served over http")
    return violated("http does not redirect")


RULE = Rule(
    id="transit-no-redirect",
    title="http does not lead to https",
    demand="http redirects to https, or is shut",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(rfc(6797, "7.2"),),
    why=(
        "Links and habits still begin with http. A redirect brings them over; a page of "
        "refusal or of content does not."
    ),
    remediation="answer http with 308 to https, or shut its port",
    facts=(Fact.PLAIN_GET,),
    judge=_judge,
)

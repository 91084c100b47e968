"""TLS 1.3 is the only version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES, MOZILLA_MODERN
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    versions = subject.names(Fact.TLS_VERSIONS)
    if versions is None:
        return subject.not_observed(Fact.TLS_VERSIONS)
    older = [version for version in versions if version != "TLSv1.3"]
    if older:
        return violated(f"accepts {listed(older)}")
    if not versions:
        return violated("no version of TLS is offered")
    return met("TLS 1.3 only")


RULE = Rule(
    id="transit-tls-1-2-accepted",
    title="TLS 1.2 is still accepted",
    demand="TLS 1.3 is the only version that is accepted",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        MOZILLA_MODERN,
        GUIDELINE_CLASSES,
    ),
    why=(
        "TLS 1.2 has no hybrid post-quantum groups and shows the certificate to whoever "
        'listens. "Highly encrypted" leaves it behind.'
    ),
    remediation="allow TLS 1.3 only, on a name of its own where others still need TLS 1.2",
    facts=(Fact.TLS_VERSIONS,),
    judge=_judge,
    criterion=True,
)

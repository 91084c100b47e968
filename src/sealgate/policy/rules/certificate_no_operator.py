"""The certificate says who runs the site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_FRONTEND
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    operator = subject.text(Fact.CERTIFICATE_OPERATOR)
    if operator is None:
        return subject.not_observed(Fact.CERTIFICATE_OPERATOR)
    if not operator:
        return violated("the subject has no organisation")
    return met("the subject has the organisation")


RULE = Rule(
    id="certificate-no-operator",
    title="the certificate does not name the operator",
    demand="the certificate names the organisation that runs the site",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.SITE, AssetKind.ENDPOINT]),
    citations=(GUIDELINE_FRONTEND,),
    why=(
        "A certificate can tell the name and place of the operator, which helps who looks. "
        "Publicly trusted certificates for a domain alone never do, so this is a note."
    ),
    remediation="ask your authority for a certificate with the organisation in its subject",
    facts=(Fact.CERTIFICATE_OPERATOR,),
    judge=_judge,
)

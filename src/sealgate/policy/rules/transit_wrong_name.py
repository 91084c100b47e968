"""The certificate is for the name that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import HTTPS_VERIFICATION, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    matches = subject.flag(Fact.CERTIFICATE_NAME_MATCHES)
    if matches is None:
        return subject.not_observed(Fact.CERTIFICATE_NAME_MATCHES)
    if not matches:
        return violated("the certificate does not have the host's name")
    return met("the certificate has the host's name")


RULE = Rule(
    id="transit-wrong-name",
    title="the certificate is for another name",
    demand="the certificate names the host",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        HTTPS_VERIFICATION,
        rfc(9525, "6"),
    ),
    why=(
        "A valid certificate for another name proves another server. Visitors who learn to "
        "click the warning away will also do so when it is real."
    ),
    remediation="get a certificate that has the host's name as subject alternative name",
    facts=(Fact.CERTIFICATE_NAME_MATCHES,),
    judge=_judge,
    criterion=True,
)

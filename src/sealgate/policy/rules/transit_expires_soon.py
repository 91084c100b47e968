"""The certificate is renewed well before it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import OVER_TLS, TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import unspoken

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_ENOUGH_SECONDS = 14 * 86400


def _judge(subject: Subject) -> Verdict:
    begins = subject.number(Fact.CERTIFICATE_NOT_BEFORE)
    ends = subject.number(Fact.CERTIFICATE_NOT_AFTER)
    if begins is None or ends is None:
        return unspoken(subject, OVER_TLS) or subject.not_observed(
            Fact.CERTIFICATE_NOT_BEFORE, Fact.CERTIFICATE_NOT_AFTER
        )
    # Short-lived certificates are renewed late in days, not late in life.
    enough = min(_ENOUGH_SECONDS, (ends - begins) / 5)
    left = ends - subject.now
    if left < 0:
        return not_applicable("it has ended already, which transit-expired-certificate tells")
    if left < enough:
        return violated(f"ends in {int(left // 3600)} hours")
    return met(f"ends in {int(left // 86400)} days")


RULE = Rule(
    id="transit-expires-soon",
    title="the certificate ends soon",
    demand="a fifth of its life, or 14 days, is left of the certificate",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(rfc(5280, "4.1.2.5"),),
    why=(
        "A certificate that nobody renewed in time takes the site down, or teaches its "
        "visitors to ignore warnings."
    ),
    remediation="renew the certificate and have that done automatically, by an ACME client",
    facts=(
        Fact.CERTIFICATE_NOT_BEFORE,
        Fact.CERTIFICATE_NOT_AFTER,
    ),
    judge=_judge,
)

"""The certificate that is shown is the one that should be, and its renewal works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    wrong = subject.text(Fact.CERTIFICATE_UPKEEP)
    if wrong is None:
        if not subject.looked_at(Fact.CERTIFICATE_UPKEEP):
            return not_applicable("Sealgate does not renew this certificate")
        return subject.not_observed(Fact.CERTIFICATE_UPKEEP)
    if wrong:
        return violated(wrong)
    return met("the certificate is shown as it should be, and renewed in time")


RULE = Rule(
    id="certificate-not-kept",
    title="the certificate is not the one that should be served, or is not renewed",
    demand="the certificate that Sealgate fetches is shown, and renewed in time",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.SITE]),
    citations=(rfc(9773, "4.2"),),
    why=(
        "A renewal that fails in silence is noticed when the site is down. So is a certificate that "
        "was fetched and never shown."
    ),
    remediation=(
        "see what the authority said in the log of `sealgate serve` or with `sealgate "
        "certificate list`, and docs/howto/acme.md"
    ),
    facts=(Fact.CERTIFICATE_UPKEEP,),
    judge=_judge,
)

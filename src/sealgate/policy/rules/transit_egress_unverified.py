"""Payments go out to verified hosts only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CONFIDENTIAL, GUIDELINE_FRONTEND, HTTPS_VERIFICATION
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import PAID
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    refused = subject.names(Fact.EGRESS_REFUSED)
    if refused:
        return violated(f"would be refused: {listed(refused)}")
    verified = subject.flag(Fact.EGRESS_VERIFIED)
    if verified is None:
        return subject.not_observed(Fact.EGRESS_VERIFIED)
    if not verified:
        return violated("the way out verifies nothing")
    # Which certificate a host shows now need not be seen: the way out refuses a wrong one.
    return met("the way out verifies each host and leads nowhere else")


RULE = Rule(
    id="transit-egress-unverified",
    title="payments go out over a way that is not verified",
    demand="each connection to the payment gateway is verified: chain, name and dates",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=PAID,
    citations=(
        GUIDELINE_FRONTEND,
        GUIDELINE_CONFIDENTIAL,
        HTTPS_VERIFICATION,
    ),
    why=(
        "Software of shops often talks to its payment gateway without verifying whom it talks to, "
        "and whoever is between them then reads and changes payments."
    ),
    remediation=(
        "run `sealgate serve` and let the site call the payment gateway through `egress` of "
        "[listen]; ask the operator when its certificate is refused, and give its authority with "
        "`ca` when that is not public"
    ),
    facts=(
        Fact.EGRESS_VERIFIED,
        Fact.EGRESS_REFUSED,
    ),
    judge=_judge,
)

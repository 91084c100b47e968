"""What no machine can see of a payment gateway, somebody looked at and confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_FRONTEND
from sealgate.policy.finding import Citation, Rule, Severity, Status, Verdict, listed, met
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject


def _judge(subject: Subject) -> Verdict:
    points = subject.names(Fact.UNCONFIRMED)
    if points is None:
        return subject.not_observed(Fact.UNCONFIRMED)

    if points:
        # Nobody saw that it is wrong, either.
        return Verdict(
            Status.NOT_OBSERVED, f"nobody confirmed, or too long ago: {listed(points, most=10)}"
        )
    return met("every point was confirmed")


RULE = Rule(
    id="payment-unconfirmed",
    title="the rules of the payment gateway's operator and of card issuers were not confirmed",
    demand="a person confirmed each point, with name and day",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.PERSON,
    applies_to=frozenset([AssetKind.PAYMENT_GATEWAY]),
    citations=(
        GUIDELINE_FRONTEND,
        Citation("PCI DSS 4.0.1", "12.8.4"),
    ),
    why=(
        "Who takes cards must follow what the gateway's operator and the card issuers demand. Most "
        "of it stands in contracts and attestations that no machine can look at."
    ),
    remediation=(
        "`sealgate plan` tells each point; look at it, then write `[[confirm]]` with point, asset, "
        "by and on"
    ),
    facts=(Fact.UNCONFIRMED,),
    judge=_judge,
)

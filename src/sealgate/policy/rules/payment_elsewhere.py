"""A page hands a card to nobody but whom it was declared to pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_FRONTEND
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import (
    Citation,
    Rule,
    Severity,
    listed,
    met,
    not_applicable,
    violated,
)
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    goals, asked = subject.names(Fact.CARD_ELSEWHERE), subject.names(Fact.FORMS_SENSITIVE)
    if goals:
        return violated(f"hands over to another host: {listed(goals)}")
    if goals is None or asked is None:
        return page_unseen(subject, Fact.CARD_ELSEWHERE, Fact.FORMS_SENSITIVE)
    if "card" not in asked and Declaration.PAYMENT not in subject.declarations:
        return not_applicable("no form asks for a card")
    return met("no other host gets the card")


RULE = Rule(
    id="payment-elsewhere",
    title="a card goes to another host that nobody declared, or is asked for in its frame",
    demand="a card goes to the site itself or to a declared payment gateway",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE, AssetKind.ENDPOINT]),
    citations=(
        Citation("PCI DSS 4.0.1", "12.8.1"),
        GUIDELINE_FRONTEND,
    ),
    why=(
        "Whoever gets the card, or shows the frame beside the form, can take it. A form or a frame "
        "that somebody slipped in looks like that of the payment gateway."
    ),
    remediation=(
        "send the card to the site itself or to the payment gateway that the contract is with, and "
        "show no other frame on that page"
    ),
    facts=(
        Fact.CARD_ELSEWHERE,
        Fact.FORMS_SENSITIVE,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

"""A page that asks for a card is declared as one on which people pay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_FRONTEND
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import (
    Citation,
    Rule,
    Severity,
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
    asked = subject.names(Fact.FORMS_SENSITIVE)
    if asked is None:
        return page_unseen(subject, Fact.FORMS_SENSITIVE)

    if "card" not in asked:
        return not_applicable("no form asks for a card")
    if Declaration.PAYMENT not in subject.declarations:
        return violated("a form asks for a payment card")
    return met("it is declared as a page on which people pay")


RULE = Rule(
    id="payment-undeclared",
    title="a page asks for a payment card and is not declared so",
    demand="a page on which people pay says `payment = true`",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        Citation("PCI DSS 4.0.1", "12.5.2"),
        GUIDELINE_FRONTEND,
    ),
    why=(
        "Where nobody knows that cards are taken, nobody watches the scripts of the page, and "
        "browsers may keep it."
    ),
    remediation=(
        'set `payment = true` and `collects = "confidential"` on the route, or let the payment '
        "gateway's own page ask for the card"
    ),
    facts=(
        Fact.FORMS_SENSITIVE,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

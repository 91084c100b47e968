"""
Every script of a payment page was approved by somebody, with a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.finding import (
    Citation,
    Declaration,
    Rule,
    Severity,
    listed,
    met,
    not_applicable,
    violated,
)
from sealgate.policy.inventory import AssetKind
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if Declaration.PAYMENT not in subject.declarations:
        return not_applicable("nobody pays there")
    found = subject.names(Fact.SCRIPTS_UNAPPROVED)
    if found is None:
        return page_unseen(subject, Fact.SCRIPTS_UNAPPROVED)

    if found:
        return violated(f"runs {listed(found)}")
    return met("every script is approved")


RULE = Rule(
    id="payment-script-unapproved",
    title="a payment page runs scripts that nobody approved",
    demand="every script of a payment page is approved, with the reason why it is needed",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(Citation("PCI DSS 4.0.1", "6.4.3"),),
    why=(
        "Cards are skimmed by scripts that got into the page somewhere along a chain of suppliers. "
        "Whoever knows what belongs there notices what does not."
    ),
    remediation=(
        "look at them with `sealgate scripts`, remove what is not needed, and approve the rest with "
        "`sealgate scripts ROUTE --approve DIGEST --by NAME --reason TEXT`"
    ),
    facts=(
        Fact.SCRIPTS_UNAPPROVED,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

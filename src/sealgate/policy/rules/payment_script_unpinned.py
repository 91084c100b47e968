"""
A browser checks that scripts from elsewhere are what the page means.
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
    found = subject.names(Fact.SCRIPTS_UNPINNED)
    if found is None:
        return page_unseen(subject, Fact.SCRIPTS_UNPINNED)

    if found:
        return violated(f"without integrity: {listed(found)}")
    return met("every script from elsewhere has an integrity value")


RULE = Rule(
    id="payment-script-unpinned",
    title="a payment page runs scripts from elsewhere without an integrity value",
    demand="scripts from elsewhere carry an integrity value",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(Citation("PCI DSS 4.0.1", "6.4.3"),),
    why=(
        "With an integrity value (Subresource Integrity) a browser refuses a script that was "
        "changed where it comes from; without one it runs whatever it gets."
    ),
    remediation=(
        "add `integrity` and `crossorigin` to the script element, serve the script yourself, or have "
        "the risk accepted where the operator changes it without notice"
    ),
    facts=(
        Fact.SCRIPTS_UNPINNED,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

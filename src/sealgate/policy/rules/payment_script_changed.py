"""No script of a payment page is another one than was approved."""

from __future__ import annotations

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import Citation, Rule, Severity
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.payment_page import none_of

RULE = Rule(
    id="payment-script-changed",
    title="a script of a payment page changed",
    demand="every script of a payment page is the one that was approved",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        Citation("PCI DSS 4.0.1", "11.6.1"),
        Citation("PCI DSS 4.0.1", "6.4.3"),
    ),
    why=(
        "A script that changes without anybody having decided it may have been tampered with at its "
        "supplier."
    ),
    remediation=(
        "find out from whoever made it what changed, and approve it anew with "
        "`sealgate scripts ROUTE --approve DIGEST --by NAME --reason TEXT`"
    ),
    facts=(
        Fact.SCRIPTS_CHANGED,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=none_of(Fact.SCRIPTS_CHANGED, "is not what was approved:", "no script changed"),
)

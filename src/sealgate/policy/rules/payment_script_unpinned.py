"""A browser checks that scripts from elsewhere are what the page means."""

from __future__ import annotations

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import Citation, Rule, Severity
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.payment_page import none_of

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
    judge=none_of(
        Fact.SCRIPTS_UNPINNED,
        "without integrity:",
        "every script from elsewhere has an integrity value",
    ),
)

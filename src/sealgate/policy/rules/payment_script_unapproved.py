"""Every script of a payment page was approved by somebody, with a reason."""

from __future__ import annotations

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import Citation, Rule, Severity
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.payment_page import none_of

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
    judge=none_of(Fact.SCRIPTS_UNAPPROVED, "runs", "every script is approved"),
)

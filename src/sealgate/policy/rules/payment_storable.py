"""A page on which people pay is kept by nobody on the way."""

from __future__ import annotations

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import Citation, Rule, Severity
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.payment_page import none_of

RULE = Rule(
    id="payment-storable",
    title="a payment page may be kept by browsers and caches",
    demand="a payment page is sent with Cache-Control: no-store",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        Citation("PCI DSS 4.0.1", "3.2.1"),
        Citation("PCI DSS 4.0.1", "3.3.1"),
    ),
    why=(
        "What a browser or a cache keeps of a payment page, the next person at that machine can "
        "read; account data are kept for no longer than they are needed."
    ),
    remediation=("set `payment = true` on the route and let Sealgate serve it; it adds the header"),
    facts=(
        Fact.PAGE_STORABLE,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=none_of(Fact.PAGE_STORABLE, "without Cache-Control: no-store:", "the page says no-store"),
)

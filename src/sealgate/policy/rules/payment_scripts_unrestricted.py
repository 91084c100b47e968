"""A browser is told where scripts of a payment page may come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
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
    if Declaration.PAYMENT not in subject.declarations:
        return not_applicable("nobody pays there")
    found = subject.text(Fact.SCRIPT_POLICY)
    if found is None:
        return page_unseen(subject, Fact.SCRIPT_POLICY)

    if found == "reported":
        return violated("scripts from anywhere are reported, but run")
    if found == "none":
        return violated("scripts from anywhere run")
    return met("only scripts from named places run")


RULE = Rule(
    id="payment-scripts-unrestricted",
    title="scripts from anywhere may run on a payment page",
    demand="a payment page names where its scripts may come from (Content-Security-Policy)",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        Citation("PCI DSS 4.0.1", "6.4.3"),
        Citation("W3C Content Security Policy Level 3", "6.1.10", "https://www.w3.org/TR/CSP3/"),
    ),
    why=(
        "A browser that knows where scripts come from runs no other one, even when somebody got "
        "it into the page."
    ),
    remediation=(
        'list the sources on the route: `scripts = ["\'self\'", "https://js.pay.example"]`; '
        "`sealgate scripts` shows what the page runs"
    ),
    facts=(
        Fact.SCRIPT_POLICY,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

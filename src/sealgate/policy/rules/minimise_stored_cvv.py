"""A card verification code is never stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_MINIMISE
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

# What names of the kind look like: "card-verification", "cvv", "CVC2".
CODE = re.compile("cvv|cvc|csc|verification", re.IGNORECASE)


def _judge(subject: Subject) -> Verdict:
    if not subject.looked_at(Fact.KINDS_NEVER_STORED):
        return not_applicable("no assessment looked")
    kinds = subject.names(Fact.KINDS_NEVER_STORED)
    if kinds is None:
        return subject.not_observed(Fact.KINDS_NEVER_STORED)

    stored = [kind for kind in kinds if CODE.search(kind)]
    if stored:
        return violated(f"stores {listed(stored)}")
    return met("no card verification code is stored")


RULE = Rule(
    id="minimise-stored-cvv",
    title="card verification codes are stored",
    demand="no card verification code is stored",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.FILE, AssetKind.TABLE, AssetKind.DATABASE]),
    citations=(
        Citation("PCI DSS 4.0.1", "3.3.1.2"),
        GUIDELINE_MINIMISE,
    ),
    why=(
        "The code proves that somebody has the card in hand. It must not be kept after the "
        "payment was authorised, not even encrypted."
    ),
    remediation=(
        "drop the column, and have the payment provider ask for the code (`ALTER TABLE ... "
        "DROP COLUMN ...`)"
    ),
    facts=(Fact.KINDS_NEVER_STORED,),
    judge=_judge,
)

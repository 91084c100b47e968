"""A password is stored as a slow hash only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_MINIMISE
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.minimise_stored_cvv import CODE

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if not subject.looked_at(Fact.KINDS_NEVER_STORED):
        return not_applicable("no assessment looked")
    kinds = subject.names(Fact.KINDS_NEVER_STORED)
    if kinds is None:
        return subject.not_observed(Fact.KINDS_NEVER_STORED)

    # minimise-stored-cvv tells of verification codes; whatever else must never be stored
    # is told here, so that no kind goes unsaid.
    stored = [kind for kind in kinds if not CODE.search(kind)]
    if stored:
        return violated(f"stores {listed(stored)}")
    return met("no password is stored in clear")


RULE = Rule(
    id="minimise-clear-password",
    title="passwords are stored in clear",
    demand="passwords are stored as slow, salted hashes only",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.FILE, AssetKind.TABLE, AssetKind.DATABASE]),
    citations=(
        Citation("NIST SP 800-63B-4", "3.1.1.2"),
        GUIDELINE_MINIMISE,
    ),
    why=(
        "Who copies the store can sign in as everybody, here and wherever the same password "
        "was used."
    ),
    remediation=(
        "let the application hash passwords with argon2id (or bcrypt), hash the stored ones "
        "and drop the clear ones"
    ),
    facts=(Fact.KINDS_NEVER_STORED,),
    judge=_judge,
)

"""A hybrid post-quantum key exchange with ML-KEM is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import rank_of_kex
from sealgate.policy.citations import GUIDELINE_CLASSES, SSH_MLKEM
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung
from sealgate.policy.rules.unseen import unspoken

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    offered = subject.names(Fact.SSH_KEX)
    if offered is None:
        return unspoken(subject, frozenset([Declaration.SSH])) or subject.not_observed(Fact.SSH_KEX)
    hybrid = [name for name in offered if rank_of_kex(name) >= TransitRung.HIGHLY_ENCRYPTED]
    if not hybrid:
        return violated("mlkem768x25519-sha256 is not offered")
    return met(f"offers {listed(hybrid)}")


RULE = Rule(
    id="transit-ssh-no-hybrid",
    title="no hybrid post-quantum SSH key exchange is offered",
    demand="a hybrid post-quantum key exchange (mlkem768x25519-sha256) is offered",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(SSH_MLKEM, Citation("FIPS 203", "ML-KEM"), GUIDELINE_CLASSES),
    why=(
        "A session that is recorded today can be read once a large quantum computer exists, "
        "unless its key came from a hybrid exchange. It is a note where the class does not "
        'demand it, because no clause does; for "highly encrypted" it is demanded.'
    ),
    remediation="offer mlkem768x25519-sha256 first",
    facts=(Fact.SSH_KEX,),
    judge=_judge,
)

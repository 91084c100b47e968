"""A hybrid post-quantum group is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Citation, Rule, Severity, met, violated
from sealgate.policy.ladder import OVER_TLS, TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import unspoken

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    offered = subject.flag(Fact.TLS_HYBRID_OFFERED)
    if offered is None:
        return unspoken(subject, OVER_TLS) or subject.not_observed(Fact.TLS_HYBRID_OFFERED)
    if not offered:
        return violated("X25519MLKEM768 is not accepted")
    return met("X25519MLKEM768 is accepted")


RULE = Rule(
    id="transit-no-hybrid",
    title="no hybrid post-quantum group is offered",
    demand="a hybrid post-quantum group (X25519MLKEM768) is offered",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        Citation("FIPS 203", "ML-KEM"),
        GUIDELINE_CLASSES,
    ),
    why=(
        "A session that is recorded today can be read once a large quantum computer exists, "
        "unless its key came from a hybrid exchange. It is a note where the class does not "
        'demand it, because no clause does; for "highly encrypted" it is demanded.'
    ),
    remediation="offer the group X25519MLKEM768 first (OpenSSL 3.5, Go 1.24, BoringSSL and later)",
    facts=(Fact.TLS_HYBRID_OFFERED,),
    judge=_judge,
)

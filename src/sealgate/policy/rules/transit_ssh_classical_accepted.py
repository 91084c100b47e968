"""A client without a hybrid post-quantum key exchange is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import rank_of_kex
from sealgate.policy.citations import GUIDELINE_CLASSES, SSH_MLKEM
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    offered = subject.names(Fact.SSH_KEX)
    if offered is None:
        return subject.not_observed(Fact.SSH_KEX)
    classical = [name for name in offered if rank_of_kex(name) < TransitRung.HIGHLY_ENCRYPTED]
    if classical:
        return violated(f"offers {listed(classical)}")
    if not offered:
        return violated("no key exchange is offered")
    return met("offers hybrid key exchanges only")


RULE = Rule(
    id="transit-ssh-classical-accepted",
    title="an SSH client without a hybrid post-quantum key exchange is let in",
    demand="every key exchange offered is hybrid with ML-KEM",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(SSH_MLKEM, GUIDELINE_CLASSES),
    why=(
        "What is only offered can be declined: a client that lists classical exchanges alone "
        "makes a session that can be recorded now and read later."
    ),
    remediation="offer mlkem768x25519-sha256 only",
    facts=(Fact.SSH_KEX,),
    judge=_judge,
    criterion=True,
)

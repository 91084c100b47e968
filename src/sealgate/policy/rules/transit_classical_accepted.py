"""A client without a hybrid post-quantum group is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    accepted = subject.flag(Fact.TLS_CLASSICAL_ACCEPTED)
    if accepted is None:
        return subject.not_observed(Fact.TLS_CLASSICAL_ACCEPTED)
    if accepted:
        return violated("a client with classical groups only is let in")
    return met("a client with classical groups only is refused")


RULE = Rule(
    id="transit-classical-accepted",
    title="a client without a hybrid post-quantum group is let in",
    demand="clients without a hybrid post-quantum group are refused",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "What is only offered can be declined: a client that lists classical groups alone "
        "makes a session that can be recorded now and read later."
    ),
    remediation="offer no group but X25519MLKEM768, on a name of its own where others need X25519",
    facts=(Fact.TLS_CLASSICAL_ACCEPTED,),
    judge=_judge,
    criterion=True,
)

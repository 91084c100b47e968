"""Every key exchange that is offered is strong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import rank_of_kex
from sealgate.policy.citations import rfc
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
    if not offered:
        return violated("no key exchange is offered")
    weak = [name for name in offered if rank_of_kex(name) < TransitRung.ENCRYPTED]
    if weak:
        return violated(f"offers {listed(weak)}")
    return met(f"offers {len(offered)} key exchanges, all strong")


RULE = Rule(
    id="transit-ssh-weak-kex",
    title="a weak SSH key exchange is offered",
    demand="every key exchange offered has SHA-2 and a group of 2048 bits, a curve or ML-KEM",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(9142, "3"), rfc(9142, "4"), rfc(8270, "")),
    why=(
        "SHA-1 and groups of 1024 bits are within reach of those who can pay for it; what is "
        "offered is what somebody in between can steer an old client to."
    ),
    remediation="offer mlkem768x25519-sha256 and curve25519-sha256 only",
    facts=(Fact.SSH_KEX,),
    judge=_judge,
    criterion=True,
)

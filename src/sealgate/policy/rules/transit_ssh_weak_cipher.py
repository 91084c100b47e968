"""Every cipher that is offered is AES in GCM or CTR, or ChaCha20-Poly1305."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import rank_of_cipher
from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    offered = subject.names(Fact.SSH_CIPHERS)
    if offered is None:
        return subject.not_observed(Fact.SSH_CIPHERS)
    if not offered:
        return violated("no cipher is offered")
    weak = [name for name in offered if rank_of_cipher(name) < TransitRung.ENCRYPTED]
    if weak:
        return violated(f"offers {listed(weak)}")
    return met(f"offers {len(offered)} ciphers, all strong")


RULE = Rule(
    id="transit-ssh-weak-cipher",
    title="a weak SSH cipher, or none at all, is offered",
    demand="every cipher offered is AES in GCM or CTR mode, or ChaCha20-Poly1305",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4253, "6.3"), rfc(4344, "4"), rfc(5647, ""), rfc(8758, "")),
    why=(
        "RC4 and CBC leak plain text in SSH, ciphers with blocks of 64 bits do so after some "
        'gigabytes, and "none" is no cipher.'
    ),
    remediation="offer AES-GCM and ChaCha20-Poly1305 only",
    facts=(Fact.SSH_CIPHERS,),
    judge=_judge,
    criterion=True,
)

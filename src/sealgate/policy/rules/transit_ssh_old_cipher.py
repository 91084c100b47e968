"""Nothing but AES-256-GCM and ChaCha20-Poly1305 is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import rank_of_cipher
from sealgate.policy.citations import GUIDELINE_CLASSES, rfc
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
    old = [name for name in offered if rank_of_cipher(name) < TransitRung.HIGHLY_ENCRYPTED]
    if old:
        return violated(f"offers {listed(old)}")
    return met(f"offers {listed(offered)} only")


RULE = Rule(
    id="transit-ssh-old-cipher",
    title="an SSH cipher other than AES-256-GCM and ChaCha20-Poly1305 is offered",
    demand="AES-256-GCM and ChaCha20-Poly1305 are the only ciphers offered",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(5647, ""), GUIDELINE_CLASSES),
    why=(
        "Modes without authentication of their own lean on a second algorithm, and keys of 128 "
        "bits leave little over against a quantum computer."
    ),
    remediation="offer aes256-gcm@openssh.com and chacha20-poly1305@openssh.com only",
    facts=(Fact.SSH_CIPHERS,),
    judge=_judge,
    criterion=True,
)

"""Every MAC that is offered is SHA-2 or a 128-bit UMAC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import is_strong_mac
from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    offered = subject.names(Fact.SSH_MACS)
    if offered is None:
        return subject.not_observed(Fact.SSH_MACS)
    # A server may list none: with AEAD ciphers alone there is nothing to agree on.
    weak = [name for name in offered if not is_strong_mac(name)]
    if weak:
        return violated(f"offers {listed(weak)}")
    return met(f"offers {len(offered)} MACs, all strong")


RULE = Rule(
    id="transit-ssh-weak-mac",
    title="a weak SSH message authentication code is offered",
    demand="every MAC offered is HMAC with SHA-2, or UMAC with a tag of 128 bits",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4253, "6.4"), rfc(6668, "2")),
    why=(
        "The MAC is all that tells a changed packet from a true one. MD5 and SHA-1 are broken as "
        "hashes, which leaves their MACs without a margin, and short tags can be guessed."
    ),
    remediation="offer MACs of SHA-2 only, or ciphers that need none",
    facts=(Fact.SSH_MACS,),
    judge=_judge,
    criterion=True,
)

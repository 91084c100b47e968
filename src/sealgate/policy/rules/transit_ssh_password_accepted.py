"""Nobody gets in over SSH without a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES, rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    methods = subject.names(Fact.SSH_AUTH_METHODS)
    if methods is None:
        return subject.not_observed(Fact.SSH_AUTH_METHODS)
    if not methods:
        return violated("no way to sign in was named")
    keyless = [name for name in methods if name != "publickey"]
    if keyless:
        return violated(f"lets in by {listed(keyless)}")
    return met("lets in by public key only")


RULE = Rule(
    id="transit-ssh-password-accepted",
    title="an SSH client gets in without a key",
    demand="public keys are the only way to sign in over SSH",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4252, "7"), GUIDELINE_CLASSES),
    why=(
        '"Highly encrypted" means that both sides are authenticated by key before the first '
        "byte of content."
    ),
    remediation="take public keys only",
    facts=(Fact.SSH_AUTH_METHODS,),
    judge=_judge,
    criterion=True,
)

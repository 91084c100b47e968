"""Only version 2 of SSH is spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    protocol = subject.text(Fact.SSH_PROTOCOL)
    if protocol is None:
        return subject.not_observed(Fact.SSH_PROTOCOL)
    # RFC 4253, 5.1: "1.99" stands for "2.0, and version 1 as well".
    if protocol != "2.0":
        return violated(f"speaks SSH {protocol}")
    return met("speaks SSH 2.0 only")


RULE = Rule(
    id="transit-ssh-version-1",
    title="version 1 of SSH is still spoken",
    demand="the server speaks SSH 2.0 only",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4253, "4.2"), rfc(4253, "5.1")),
    why=(
        "Version 1 checks integrity with CRC-32, so that whoever stands between can insert "
        "commands into a session."
    ),
    remediation="install an SSH server of this decade",
    facts=(Fact.SSH_PROTOCOL,),
    judge=_judge,
    criterion=True,
)

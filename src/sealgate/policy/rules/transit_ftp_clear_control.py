"""Commands never go back to clear text."""

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
    accepted = subject.flag(Fact.FTP_CCC)
    if accepted is None:
        return subject.not_observed(Fact.FTP_CCC)
    if accepted:
        return violated("the control connection may leave TLS (CCC)")
    return met("the control connection stays in TLS")


RULE = Rule(
    id="transit-ftp-clear-control",
    title="FTP commands can go back to clear text",
    demand="CCC is refused",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(2228, "3"), rfc(4217, "")),
    why=(
        "After CCC, whoever stands between reads file names and adds commands of their own to a "
        "session that has already signed in."
    ),
    remediation="refuse the command CCC",
    facts=(Fact.FTP_CCC,),
    judge=_judge,
    criterion=True,
)

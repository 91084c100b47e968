"""Files never travel outside TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_FTP, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    accepted = subject.flag(Fact.FTP_PROT_CLEAR)
    if accepted is None:
        return subject.not_observed(Fact.FTP_PROT_CLEAR)
    if accepted:
        return violated("data connections without TLS are allowed (PROT C)")
    return met("data connections are TLS only (PROT P)")


RULE = Rule(
    id="transit-ftp-clear-data",
    title="files can travel in clear beside an encrypted FTP control connection",
    demand="data connections without TLS (PROT C) are refused",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4217, "9"), rfc(2228, "3"), GUIDELINE_FTP),
    why=(
        "FTP sends files over connections of their own, and these are in clear until the "
        "client asks otherwise: a padlock on the login says nothing of the files."
    ),
    remediation="demand PROT P before every transfer",
    facts=(Fact.FTP_PROT_CLEAR,),
    judge=_judge,
    criterion=True,
)

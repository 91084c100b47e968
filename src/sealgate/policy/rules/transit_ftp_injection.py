"""What came in clear behind AUTH TLS is thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Citation, Rule, Severity, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    executed = subject.flag(Fact.FTP_INJECTION)
    if executed is None:
        return subject.not_observed(Fact.FTP_INJECTION)
    if executed:
        return violated("a command that came in clear was executed inside TLS")
    return met("nothing that came in clear is executed inside TLS")


RULE = Rule(
    id="transit-ftp-injection",
    title="commands sent in clear are executed inside TLS",
    demand="what came in clear behind AUTH TLS is never executed",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(
        Citation("CVE-2011-1575", "", "https://nvd.nist.gov/vuln/detail/CVE-2011-1575"),
        rfc(4217, "4"),
    ),
    why=(
        "Somebody in between appends commands to the last packet before TLS, and the server "
        "takes them for the client's own."
    ),
    remediation="update the FTP server to one that forgets what came behind AUTH TLS",
    facts=(Fact.FTP_INJECTION,),
    judge=_judge,
    criterion=True,
)

"""A data connection proves that it belongs to its control connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import unspoken

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    required = subject.flag(Fact.FTP_DATA_SESSION_REUSE)
    if required is None:
        fact = Fact.FTP_DATA_SESSION_REUSE
        # It takes an account to see it, so that nobody looked is no gap by itself.
        if not subject.looked_at(fact):
            return not_applicable("seen only by whoever can sign in")
        return unspoken(subject, frozenset([Declaration.FTP])) or subject.not_observed(fact)
    if not required:
        return violated("a data connection of another TLS session is taken")
    return met("a data connection must resume its control connection's TLS session")


RULE = Rule(
    id="transit-ftp-session-not-reused",
    title="somebody else's data connection is taken for the client's",
    demand="data connections must resume the TLS session of the control connection",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(4217, "10.2"),),
    why=(
        "The port of a data connection can be guessed: who is first there gets the file, or "
        "gives another, unless the connection shows that it knows the session's key."
    ),
    remediation=(
        "let data connections resume the TLS session of their control connection, and no other"
    ),
    facts=(Fact.FTP_DATA_SESSION_REUSE,),
    judge=_judge,
)

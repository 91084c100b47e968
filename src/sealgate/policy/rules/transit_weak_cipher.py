"""Every suite that is accepted is forward-secret and authenticated (AEAD)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import MOZILLA_INTERMEDIATE, rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.suites import weakness

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    suites = subject.names(Fact.TLS_CIPHERS)
    if suites is None:
        return subject.not_observed(Fact.TLS_CIPHERS)
    if not suites:
        return violated("no cipher suite is accepted")
    weak = [
        suite if suite.endswith(")") else f"{suite} ({fault})"
        for suite in suites
        if (fault := weakness(suite))
    ]
    if weak:
        return violated(f"accepts {listed(weak)}")
    return met(f"accepts {len(suites)} suites, all forward-secret and AEAD")


RULE = Rule(
    id="transit-weak-cipher",
    title=(
        "a cipher suite without forward secrecy or without authenticated encryption is accepted"
    ),
    demand="every accepted suite is forward-secret and AEAD, with a prime of 2048 bits where it has one",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        rfc(9325, "4.1"),
        rfc(9325, "4.2"),
        rfc(9325, "4.5"),
        MOZILLA_INTERMEDIATE,
    ),
    why=(
        "Without forward secrecy, whoever steals the server's key later can read every "
        "recorded session; CBC and RC4 suites have been broken again and again."
    ),
    remediation=(
        "allow ECDHE suites with AES-GCM or ChaCha20-Poly1305 only, below TLS 1.3, and no "
        "prime under 2048 bits"
    ),
    facts=(Fact.TLS_CIPHERS,),
    judge=_judge,
    criterion=True,
)

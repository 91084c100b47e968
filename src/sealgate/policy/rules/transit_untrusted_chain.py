"""The certificate chains to a root that the client trusts, over nothing that clients refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import HTTPS_VERIFICATION, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    valid = subject.flag(Fact.CERTIFICATE_CHAIN_VALID)
    if valid is None:
        return subject.not_observed(Fact.CERTIFICATE_CHAIN_VALID)
    if not valid:
        fault = subject.text(Fact.CERTIFICATE_CHAIN_FAULT)
        return violated(fault or "the chain does not lead to a trusted root")
    return met("the chain leads to a trusted root")


RULE = Rule(
    id="transit-untrusted-chain",
    title="the certificate does not chain to a trusted root as clients demand it",
    demand="the certificate chains to a trusted root over strong, valid certificates",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        HTTPS_VERIFICATION,
        rfc(5280, "6"),
    ),
    why=(
        "Anyone can make a certificate with any name. Only the chain tells the real server "
        "from one that stands between."
    ),
    remediation=(
        "send the certificate and every intermediate that a public authority gave with it, or "
        "have the clients trust the authority that issued it"
    ),
    facts=(Fact.CERTIFICATE_CHAIN_VALID, Fact.CERTIFICATE_CHAIN_FAULT),
    judge=_judge,
    criterion=True,
)

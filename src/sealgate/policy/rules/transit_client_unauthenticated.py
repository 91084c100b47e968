"""The client proves a key in the handshake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


_SAID = {
    "requested": "a client certificate is only requested",
    "named": (
        "a client certificate is required, but not of who sends another name in the handshake, or "
        "none, than in the request"
    ),
    "any": "a client certificate is required, and one that nobody vouches for will do",
}


def _judge(subject: Subject) -> Verdict:
    asked = subject.text(Fact.TLS_CLIENT_CERTIFICATE)
    if asked is None:
        return subject.not_observed(Fact.TLS_CLIENT_CERTIFICATE)
    if asked != "required":
        return violated(_SAID.get(asked, "a client certificate is not required"))
    return met("a client certificate is required")


RULE = Rule(
    id="transit-client-unauthenticated",
    title="a client without a certificate gets through the handshake",
    demand="the handshake requires a client certificate",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        rfc(8446, "4.3.2"),
        GUIDELINE_CLASSES,
    ),
    why=(
        '"Highly encrypted" means that both sides are authenticated by key before the first '
        "byte of content."
    ),
    remediation=(
        "require a client certificate of your own authority in the handshake, for the whole name"
    ),
    facts=(Fact.TLS_CLIENT_CERTIFICATE,),
    judge=_judge,
    criterion=True,
)

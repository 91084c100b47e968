"""What is served over plain HTTP on purpose is signed by its site."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES, rfc
from sealgate.policy.declarations import Declaration
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    found = subject.text(Fact.PLAIN_SIGNATURE)
    if found == "valid":
        return met("what http serves is signed, and the signature was verified")
    if found is not None:
        return violated(f"what http serves is not verified: {found}")
    if Declaration.PLAIN_HTTP not in subject.declarations and not subject.looked_at(
        Fact.PLAIN_SIGNATURE
    ):
        return not_applicable("nothing is declared to be served over http")
    return subject.not_observed(Fact.PLAIN_SIGNATURE)


RULE = Rule(
    id="transit-unsigned",
    title="what is served over plain HTTP is not signed, or not as it came",
    demand="answers over http carry a signature of the site over their digest, which verifies",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(rfc(9421, "3.2"), rfc(9530, "2"), GUIDELINE_CLASSES),
    why=(
        "Whoever stands between a client and a site can change what plain HTTP carries: a "
        "package, a firmware, a page. A signature shows that nobody did. It keeps nothing secret."
    ),
    remediation=(
        "sign the answers with a key that the site publishes over TLS (RFC 9421), or redirect http to "
        "https"
    ),
    facts=(Fact.PLAIN_SIGNATURE,),
    judge=_judge,
)

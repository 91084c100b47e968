"""Nothing is served over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CONFIDENTIAL, GUIDELINE_FRONTEND
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    answer = subject.text(Fact.PLAIN_GET)
    if answer is None:
        return subject.not_observed(Fact.PLAIN_GET)
    if answer == "served":
        pages = subject.names(Fact.PLAIN_PAGES)
        return violated(f"http answers with content{f': {listed(pages)}' if pages else ''}")
    if answer in {"refused", "redirect", "denied"}:
        return met(f"http serves nothing ({answer})")
    # A word that this version does not know is no proof.
    return violated("http answers in a way that is not known to be safe")


RULE = Rule(
    id="transit-plaintext",
    title="content is served over http, without TLS",
    demand="http serves no content: it is shut, refuses or redirects",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        GUIDELINE_CONFIDENTIAL,
        GUIDELINE_FRONTEND,
    ),
    why=(
        "Whoever shares the network with a visitor reads and changes what plain HTTP "
        "carries, the visitor's cookies and passwords included."
    ),
    remediation="redirect every http request to https with 308, and serve nothing else there",
    facts=(Fact.PLAIN_GET, Fact.PLAIN_PAGES),
    judge=_judge,
    criterion=True,
)

"""A POST over http is refused, neither forwarded nor redirected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_BACKEND, GUIDELINE_CONFIDENTIAL
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if subject.required.in_transit == TransitRung.UNENCRYPTED:
        return not_applicable("the class asks for no encryption in transit")
    answer = subject.text(Fact.PLAIN_POST)
    if answer is None:
        return subject.not_observed(Fact.PLAIN_POST)
    if answer in {"refused", "denied"}:
        return met(f"a POST over http is not taken ({answer})")
    if answer == "redirect":
        return violated("a POST over http is redirected after its body has crossed in clear")
    return violated("a POST over http is taken")


RULE = Rule(
    id="transit-post-accepted",
    title="a POST over http is served or redirected",
    demand="a POST over http is refused",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        GUIDELINE_CONFIDENTIAL,
        GUIDELINE_BACKEND,
    ),
    why=(
        "The body of a POST has crossed in clear before anybody can answer. A redirect "
        "hides that: the form works, and the password is out."
    ),
    remediation=(
        "refuse every method but GET and HEAD over http; an audit of a target that is not "
        "configured sends a POST only with `--active`"
    ),
    facts=(Fact.PLAIN_POST,),
    judge=_judge,
    active=True,
)

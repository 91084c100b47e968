"""Browsers are told so for two years."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import MOZILLA_INTERMEDIATE, rfc
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

# What Mozilla recommends.
_TWO_YEARS_SECONDS = 63072000


def _judge(subject: Subject) -> Verdict:
    seconds = subject.number(Fact.HSTS_SECONDS)
    if subject.required.in_transit == TransitRung.UNENCRYPTED:
        return not_applicable("the class asks for no encryption in transit")
    if seconds is None:
        return subject.not_observed(Fact.HSTS_SECONDS)

    if seconds <= 0:
        return not_applicable("transit-no-hsts tells it")
    if seconds < _TWO_YEARS_SECONDS:
        return violated(f"HSTS for {int(seconds)} seconds")
    return met(f"HSTS for {int(seconds)} seconds")


RULE = Rule(
    id="transit-weak-hsts",
    title="HSTS holds for less than two years",
    demand="HSTS holds for 63072000 seconds",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        rfc(6797, "6.1.1"),
        MOZILLA_INTERMEDIATE,
    ),
    why=(
        "A short max-age protects only who came lately. It is a note, because beginning "
        "with minutes and raising it is the right way to introduce HSTS."
    ),
    remediation=(
        "send `Strict-Transport-Security: max-age=63072000` when every page works over https"
    ),
    facts=(Fact.HSTS_SECONDS,),
    judge=_judge,
)

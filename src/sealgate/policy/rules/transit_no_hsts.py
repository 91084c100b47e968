"""Browsers are told to insist on TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    seconds = subject.number(Fact.HSTS_SECONDS)
    if subject.required.in_transit == TransitRung.UNENCRYPTED:
        return not_applicable("the class asks for no encryption in transit")
    if seconds is None:
        return subject.not_observed(Fact.HSTS_SECONDS)

    if seconds <= 0:
        return violated("no Strict-Transport-Security header")
    return met(f"HSTS for {int(seconds)} seconds")


RULE = Rule(
    id="transit-no-hsts",
    title="browsers are not told to insist on TLS",
    demand="a Strict-Transport-Security header is sent",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        rfc(6797, "6.1"),
        rfc(9325, "3.2"),
    ),
    why=(
        "Without HSTS every visit that begins with http can be kept on http by whoever "
        "stands between, and the redirect is never seen."
    ),
    remediation=(
        "send `Strict-Transport-Security: max-age=300` over https, and raise it to 63072000 when you "
        "are sure"
    ),
    facts=(Fact.HSTS_SECONDS,),
    judge=_judge,
)

"""A page over TLS loads nothing over http."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    parts = subject.names(Fact.MIXED_CONTENT)
    if parts is None:
        return page_unseen(subject, Fact.MIXED_CONTENT)

    if parts:
        return violated(f"loads {listed(parts)}")
    return met("no part comes over http")


RULE = Rule(
    id="transit-mixed-content",
    title="a page over TLS loads parts over http",
    demand="every part of a page comes over TLS",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        Citation("W3C Mixed Content", "", "https://www.w3.org/TR/mixed-content/"),
        rfc(6797, "12.4"),
    ),
    why=(
        "A script that comes over http can be changed on its way and then rules the page "
        "that came over TLS; browsers block some of it and warn of the rest."
    ),
    remediation="refer to the parts with https:// or without scheme and host",
    facts=(
        Fact.MIXED_CONTENT,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

"""Session cookies are out of the reach of scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    cookies = subject.names(Fact.COOKIES_SCRIPTABLE)
    if cookies is None:
        return page_unseen(subject, Fact.COOKIES_SCRIPTABLE)

    if cookies:
        return violated(f"sets {listed(cookies)} without HttpOnly")
    return met("every session cookie that was set has HttpOnly")


RULE = Rule(
    id="transit-scriptable-cookie",
    title="a session cookie is set without HttpOnly",
    demand="every session cookie has the HttpOnly attribute",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(rfc(6265, "4.1.2.6"),),
    why=("One injected script is enough to send a session cookie away when scripts can read it."),
    remediation="have the application set HttpOnly (PHP: `session.cookie_httponly = 1`)",
    facts=(
        Fact.COOKIES_SCRIPTABLE,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

"""Every cookie is marked Secure."""

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
    cookies = subject.names(Fact.COOKIES_INSECURE)
    if cookies is None:
        return page_unseen(subject, Fact.COOKIES_INSECURE)

    if cookies:
        # What was set over http travelled in clear, whatever it says.
        over_http = any(name.endswith(" over http") for name in cookies)
        return violated(f"sets {listed(cookies)}{'' if over_http else ' without Secure'}")
    return met("every cookie that was set has Secure")


RULE = Rule(
    id="transit-insecure-cookie",
    title="a cookie is set without Secure, or over http",
    demand="every cookie has the Secure attribute and is set over TLS",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(
        rfc(6265, "8.3"),
        rfc(6265, "4.1.2.5"),
    ),
    why=(
        "A cookie without Secure is also sent over http, where it can be read and used to "
        "take over the session."
    ),
    remediation=(
        "have the application set Secure (PHP: `session.cookie_secure = 1`), and set no cookie over "
        "http"
    ),
    facts=(
        Fact.COOKIES_INSECURE,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

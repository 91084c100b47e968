"""Where the site itself asks for the password, it was seen to do so over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_CLASSES, GUIDELINE_CONFIDENTIAL
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_UNAUTHORIZED = 401


def _judge(subject: Subject) -> Verdict:
    plain = subject.text(Fact.PLAIN_GET)
    sent_plain = subject.names(Fact.FORMS_PLAIN)
    if plain == "served" or sent_plain:
        return violated("the site asks for the password without TLS")
    status = subject.number(Fact.HTTP_STATUS)
    asked = subject.names(Fact.FORMS_SENSITIVE)
    # RFC 9110, 15.5.2: a 401 answer asks for HTTP authentication.
    asks = status == _UNAUTHORIZED or (asked is not None and "password" in asked)
    if not asks and asked is not None and status is not None:
        return violated("no form that asks for a password was seen")
    if plain is None or sent_plain is None or not asks:
        return subject.not_observed(
            Fact.PLAIN_GET, Fact.FORMS_PLAIN, Fact.FORMS_SENSITIVE, Fact.HTTP_STATUS
        )
    return met("the site asks for a password, over TLS")


RULE = Rule(
    id="access-site-unverified",
    title="the site was not seen to ask for a password over TLS",
    demand="the site asks for a password, over TLS",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.ROUTE]),
    citations=(
        GUIDELINE_CLASSES,
        GUIDELINE_CONFIDENTIAL,
    ),
    why=(
        'With `access = "site"` the gateway trusts the site to ask. That trust is checked: '
        "the page must show a password form, or demand HTTP authentication, and nothing of "
        "it may cross in clear."
    ),
    remediation=(
        "let the route show its sign-in form to visitors who are not signed in, over https "
        'only, or set `class = "confidential"` with `admit`'
    ),
    facts=(
        Fact.HTTP_STATUS,
        Fact.FORMS_SENSITIVE,
        Fact.FORMS_PLAIN,
        Fact.PLAIN_GET,
    ),
    judge=_judge,
    criterion=True,
)

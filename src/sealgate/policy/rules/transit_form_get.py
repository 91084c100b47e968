"""A form that asks for a password or a card does not send it in the URL."""

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
    forms = subject.names(Fact.FORMS_GET)
    if forms is None:
        return page_unseen(subject, Fact.FORMS_GET)

    if forms:
        return violated(f"{listed(forms)} is sent by GET")
    return met("no form sends credentials in the URL")


RULE = Rule(
    id="transit-form-get",
    title="a form sends a password or card data in the URL",
    demand="forms that ask for credentials use POST",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(rfc(9110, "17.9"),),
    why=(
        "A URL is kept in histories, logs and Referer headers: what it carries leaks even over TLS."
    ),
    remediation='set the form\'s `method="post"`',
    facts=(
        Fact.FORMS_GET,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

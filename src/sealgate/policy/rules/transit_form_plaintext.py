"""A form that asks for a password or a card travels over TLS, both ways; personal data is sent so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CONFIDENTIAL
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import WEB
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import page_unseen

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    plain = subject.names(Fact.FORMS_PLAIN)
    asked = subject.names(Fact.FORMS_SENSITIVE)
    served, shown = subject.text(Fact.PLAIN_GET), subject.names(Fact.PLAIN_FORMS)
    # What http serves says nothing where it serves no page at all.
    may_serve = served in {None, "served"}
    if plain:
        return violated(f"sends {listed(plain)}")
    if shown and may_serve:
        return violated(f"a form that asks for {listed(shown)} is served over http")
    if asked and served == "served" and not subject.looked_at(Fact.PLAIN_FORMS):
        return violated(f"a form that asks for {listed(asked)} is served over http")
    if plain is None or asked is None:
        return page_unseen(subject, Fact.FORMS_PLAIN, Fact.FORMS_SENSITIVE)
    if shown is None and may_serve:
        return subject.not_observed(Fact.PLAIN_FORMS if served else Fact.PLAIN_GET)
    return met("no form sends credentials over http")


RULE = Rule(
    id="transit-form-plaintext",
    title=(
        "a form sends a password, a card or personal data over http, or asks for one of the first "
        "two and is itself served over http"
    ),
    demand="forms that ask for credentials come and go over TLS, and personal data goes over TLS",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=WEB,
    citations=(GUIDELINE_CONFIDENTIAL,),
    why=(
        "What a form sends over http can be read on its way. A form that comes over http "
        "can be changed so that it sends elsewhere. This holds whatever class the page has."
    ),
    remediation=(
        "let the form's action begin with https:// (or leave scheme and host out), and "
        "serve the page over https only"
    ),
    facts=(
        Fact.FORMS_PLAIN,
        Fact.FORMS_SENSITIVE,
        Fact.PLAIN_GET,
        Fact.PLAIN_FORMS,
        Fact.LOCK_STATUS_ANONYMOUS,
    ),
    judge=_judge,
)

"""
A key and a country are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.ladder import GUARDED
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_KEY_RANK = 2


def _judge(subject: Subject) -> Verdict:
    rung = subject.number(Fact.ACCESS_RUNG)
    if rung is None:
        return not_applicable("access-anonymous tells that access was not observed")
    if rung < _KEY_RANK:
        return violated("neither a key nor a country is asked for")
    return met("a key and a country are asked for")


RULE = Rule(
    id="access-no-key",
    title="no key, or no country, is asked for",
    demand="a public/private key and a country on the allow list are asked for",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.HOST,
    applies_to=GUARDED,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "Passwords are guessed, reused and phished. A private key never leaves its owner, "
        "and a country list keeps most of the rest of the world from trying."
    ),
    remediation=(
        "set `admit` on the route, drop or tunnel, `countries` and `geo_database` under [access], and issue "
        "a key with `sealgate key issue NAME`"
    ),
    facts=(Fact.ACCESS_RUNG,),
    judge=_judge,
    criterion=True,
)

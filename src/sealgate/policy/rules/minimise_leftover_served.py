"""No dot file, backup, dump or log is given to whoever asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_MINIMISE
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if not subject.looked_at(Fact.LEFTOVERS_SERVED):
        return not_applicable("nobody asked for any")
    served = subject.names(Fact.LEFTOVERS_SERVED)
    if served is None:
        return subject.not_observed(Fact.LEFTOVERS_SERVED)
    if served:
        return violated(f"anybody gets {listed(served)}")
    return met("none of the names that strangers try first is answered with such content")


RULE = Rule(
    id="minimise-leftover-served",
    title="a dot file, backup, dump or log is served to anybody",
    demand="nobody is given what no site wants to serve: dot files, backups, dumps, logs",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.SITE, AssetKind.ENDPOINT]),
    citations=(
        Citation("CWE", "538"),
        Citation("CWE", "530"),
        GUIDELINE_MINIMISE,
    ),
    why=(
        "Strangers try these names on every site within hours. A backup of a settings file is "
        "given out as text, with the passwords that the server itself would never show."
    ),
    remediation=(
        "remove the files, change every password and key that they held, and have the web server "
        "refuse such names"
    ),
    facts=(Fact.LEFTOVERS_SERVED,),
    judge=_judge,
)

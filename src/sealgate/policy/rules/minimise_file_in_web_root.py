"""No dump, backup, repository or settings file lies where the web server serves from."""

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
    if not subject.looked_at(Fact.FILES_IN_WEB_ROOT):
        return not_applicable("no assessment looked")
    files = subject.names(Fact.FILES_IN_WEB_ROOT)
    if files is None:
        return subject.not_observed(Fact.FILES_IN_WEB_ROOT)

    if files:
        return violated(f"the web root holds {listed(files)}")
    return met("the web root holds no such file")


RULE = Rule(
    id="minimise-file-in-web-root",
    title="dumps, backups or settings lie in the web root",
    demand="the web root holds what visitors may have, and nothing else",
    severity=Severity.WARNING,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.SITE, AssetKind.FILE]),
    citations=(
        Citation("CWE", "538"),
        GUIDELINE_MINIMISE,
    ),
    why=(
        "A file in the web root is one guess away from everybody: dumps, `.git` and `.env` "
        "are the first that are tried."
    ),
    remediation="move them out of the web root, and change every password and key that they held",
    facts=(Fact.FILES_IN_WEB_ROOT,),
    judge=_judge,
)

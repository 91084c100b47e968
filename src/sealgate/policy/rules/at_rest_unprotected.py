"""A stored file is its owner's, and a change from outside is noticed."""

from __future__ import annotations

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity
from sealgate.policy.ladder import STORES
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, StorageRung
from sealgate.policy.rules.rungs import at_least

RULE = Rule(
    id="at-rest-unprotected",
    title="the store is open to others, or a change would not be noticed",
    demand="only the owner may read the store, and a change from outside is noticed",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "A file that every account on the host may read or change is as good as public on "
        "that host."
    ),
    remediation=(
        "take the rights of others away (`chmod -R go= FOLDER`) and keep the store where "
        "its integrity is recorded"
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=at_least(
        StorageRung.PROTECTED,
        Fact.AT_REST_RUNG,
        told_by="at-rest-unobserved tells that the store was not observed",
        fault="others may read the store, or a change would not be noticed",
        otherwise="only the owner may read the store, and a change from outside is noticed",
    ),
    criterion=True,
)

"""Whoever takes the whole host cannot open the store."""

from __future__ import annotations

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity
from sealgate.policy.ladder import STORES
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, StorageRung
from sealgate.policy.rules.rungs import at_least

RULE = Rule(
    id="at-rest-keys-on-host",
    title="whoever takes the host can open the store",
    demand="the store is sealed for recipients whose keys are not on the host",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why="What does severe harm must stay shut even when the machine that keeps it is lost.",
    remediation=(
        "seal it for a post-quantum recipient whose identity is kept on another machine: "
        '`recipients = ["age1pq1…"]` on the [[drop]]'
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=at_least(
        StorageRung.HIGHLY_ENCRYPTED,
        Fact.AT_REST_RUNG,
        told_by="at-rest-unobserved tells that the store was not observed",
        fault="the keys that open the store are on its host",
        otherwise="the store is sealed for recipients whose keys are not on the host",
    ),
    criterion=True,
)

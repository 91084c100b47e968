"""The store is encrypted, and its key is kept apart."""

from __future__ import annotations

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity
from sealgate.policy.ladder import STORES
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, StorageRung
from sealgate.policy.rules.rungs import at_least

RULE = Rule(
    id="at-rest-unsealed",
    title="the store is not encrypted, or its key lies beside it",
    demand="the store is encrypted and its key is kept apart",
    severity=Severity.ERROR,
    column=Column.AT_REST,
    vantage=Vantage.HOST,
    applies_to=STORES,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "A stolen disk, a copied backup or a borrowed account reads whatever is not "
        "encrypted, and whatever has its key beside it."
    ),
    remediation=(
        "of a drop: keep the site's keys apart (`protection` under [keys], then `sealgate keys "
        "protect`); of others: move the store to an encrypted volume whose key is not on the "
        "host's disk, or turn on the database's own encryption"
    ),
    facts=(Fact.AT_REST_RUNG,),
    judge=at_least(
        StorageRung.ENCRYPTED,
        Fact.AT_REST_RUNG,
        told_by="at-rest-unobserved tells that the store was not observed",
        fault="the store is readable by whoever has its disk",
        otherwise="the store is encrypted and its key is kept apart",
    ),
    criterion=True,
)

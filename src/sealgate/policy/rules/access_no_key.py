"""A key and a country are asked for."""

from __future__ import annotations

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity
from sealgate.policy.ladder import GUARDED
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import AccessRung, Column
from sealgate.policy.rules.rungs import at_least

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
    judge=at_least(
        AccessRung.HIGH,
        Fact.ACCESS_RUNG,
        told_by="access-anonymous tells that access was not observed",
        fault="neither a key nor a country is asked for",
        otherwise="a key and a country are asked for",
    ),
    criterion=True,
)

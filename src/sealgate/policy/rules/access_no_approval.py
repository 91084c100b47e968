"""A second factor and an approved grant are asked for."""

from __future__ import annotations

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity
from sealgate.policy.ladder import GUARDED
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import AccessRung, Column
from sealgate.policy.rules.rungs import at_least

RULE = Rule(
    id="access-no-approval",
    title="no second factor, or no approved grant, is asked for",
    demand="a second factor and a time-boxed grant that another person approved are asked for",
    severity=Severity.ERROR,
    column=Column.ACCESS,
    vantage=Vantage.HOST,
    applies_to=GUARDED,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "What does severe harm should need two people: one who asks, one who approves, and "
        "for a limited time."
    ),
    remediation=(
        "set `admit` on the route, and serve it with Sealgate: who may enter asks for a grant "
        "with `sealgate grant ask`"
    ),
    facts=(Fact.ACCESS_RUNG,),
    judge=at_least(
        AccessRung.VERY_HIGH,
        Fact.ACCESS_RUNG,
        told_by="access-anonymous tells that access was not observed",
        fault="no second factor and no approved grant is asked for",
        otherwise="a second factor and an approved grant are asked for",
    ),
    criterion=True,
)

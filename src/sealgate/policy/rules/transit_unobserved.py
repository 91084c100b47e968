"""The channel was observed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, Status, Verdict
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject


def _judge(subject: Subject) -> Verdict:
    return Verdict(
        Status.NOT_OBSERVED, f'no protocol is known over which "{subject.asset.id}" is reached'
    )


RULE = Rule(
    id="transit-unobserved",
    title="nothing could observe the channel",
    demand="the channel is observed",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(GUIDELINE_CLASSES,),
    why=(
        "A channel that nobody looked at may be anything. Where no door is open, nothing is "
        "ever counted as protected in transit."
    ),
    remediation="open a door over which it is reached",
    facts=(),
    judge=_judge,
    criterion=True,
)

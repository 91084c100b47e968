"""
The channel was observed at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import GUIDELINE_CLASSES
from sealgate.policy.finding import Rule, Severity, Status, Verdict
from sealgate.policy.inventory import AssetKind
from sealgate.policy.observation import Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject


def _judge(subject: Subject) -> Verdict:
    reason = f'no probe of this version speaks the protocol of "{subject.asset.id}"'
    return Verdict(Status.NOT_OBSERVED, reason)


RULE = Rule(
    id="transit-unobserved",
    title="nothing could observe the channel",
    demand="the channel is observed",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.DROP]),
    citations=(GUIDELINE_CLASSES,),
    why=(
        "A channel that nobody looked at may be anything. This version has no probe that "
        "speaks the protocols of a drop, so a drop is never counted as protected in "
        "transit."
    ),
    remediation=(
        'have the risk accepted until then: [[accept]] with `rule = "transit-unobserved"`, '
        "asset, by, reason and until"
    ),
    facts=(),
    judge=_judge,
    criterion=True,
)

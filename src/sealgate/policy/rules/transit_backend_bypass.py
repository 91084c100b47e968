"""The site behind is not reachable beside the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_BACKEND, GUIDELINE_CONFIDENTIAL
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    addresses = subject.names(Fact.UPSTREAM_EXPOSED)
    if addresses is None:
        return subject.not_observed(Fact.UPSTREAM_EXPOSED)
    if addresses:
        return violated(f"the site behind answers on {listed(addresses)}")
    return met("the site behind answers on no public address")


RULE = Rule(
    id="transit-backend-bypass",
    title="the site behind answers on a public address beside the gateway",
    demand="the site behind is reachable through the gateway only",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.SITE]),
    citations=(
        GUIDELINE_BACKEND,
        GUIDELINE_CONFIDENTIAL,
    ),
    why=(
        "Every lock in front is void when the same site can be had by another door. This host "
        "asks itself at each of its addresses. An address that neither answers nor refuses "
        "proves nothing: a firewall may let others through, or the site be busy. It counts as "
        "shut only when the kernel lists the site among this host's listening sockets, and "
        "nothing that listens there; else it is not observed."
    ),
    remediation=(
        "bind the site to loopback (nginx: `listen 127.0.0.1:8080;`, Apache: `Listen "
        "127.0.0.1:8080`) or close its port in the firewall"
    ),
    facts=(Fact.UPSTREAM_EXPOSED,),
    judge=_judge,
)

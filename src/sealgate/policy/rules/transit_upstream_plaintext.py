"""The way from the gateway to the site is protected too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.citations import GUIDELINE_CONFIDENTIAL
from sealgate.policy.finding import Rule, Severity, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column, TransitRung

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    if subject.required.in_transit == TransitRung.UNENCRYPTED:
        return not_applicable("the class asks for no encryption in transit")
    protected = subject.flag(Fact.UPSTREAM_PROTECTED)
    if protected is None:
        return subject.not_observed(Fact.UPSTREAM_PROTECTED)
    if not protected:
        if subject.asset.kind is AssetKind.TUNNEL:
            return violated("it leads to another machine, and nothing is known of the way there")
        return violated("the gateway reaches the site over an unprotected network")
    return met("the way to what is behind is protected")


RULE = Rule(
    id="transit-upstream-plaintext",
    title="the way from the gateway to the site, or behind a tunnel, is not protected",
    demand="what is behind is reached over loopback, a Unix socket or verified TLS",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.HOST,
    applies_to=frozenset([AssetKind.SITE, AssetKind.TUNNEL]),
    citations=(GUIDELINE_CONFIDENTIAL,),
    why=(
        "TLS that ends at the gateway, or SSH that ends at a tunnel, protects half of the way. "
        "On the other half the same data can be read."
    ),
    remediation=(
        "set `upstream` to http://127.0.0.1:PORT, unix:/PATH or https://HOST (with "
        "`upstream_ca` when its authority is not public); let a tunnel lead to this machine, or have "
        "the risk accepted where the service speaks TLS itself"
    ),
    facts=(Fact.UPSTREAM_PROTECTED,),
    judge=_judge,
)

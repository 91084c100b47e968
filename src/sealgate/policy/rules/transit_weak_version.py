"""Only TLS 1.2 and TLS 1.3 are offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import COMMON_VERSIONS, rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_STRONG = frozenset(["TLSv1.2", "TLSv1.3"])


def _judge(subject: Subject) -> Verdict:
    versions = subject.names(Fact.TLS_VERSIONS)
    if versions is None:
        return subject.not_observed(Fact.TLS_VERSIONS)
    if not versions:
        return violated("no version of TLS is offered")
    weak = [version for version in versions if version not in _STRONG]
    if weak:
        return violated(f"offers {listed(weak)}")
    return met(f"offers {listed(versions)}")


RULE = Rule(
    id="transit-weak-version",
    title="SSL, TLS 1.0 or TLS 1.1 is offered, or no TLS at all",
    demand="TLS 1.2 or TLS 1.3 is offered, and nothing older",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        rfc(8996, "4"),
        rfc(8996, "5"),
        rfc(7568, "3"),
        COMMON_VERSIONS,
    ),
    why=(
        "TLS 1.0 and 1.1 rest on MD5 and SHA-1 and have no AEAD suites; SSLv3 is broken "
        "outright. An attacker who stands between two sides that still speak them can ask "
        "for them."
    ),
    remediation="allow TLS 1.2 and TLS 1.3 only, and no older version",
    facts=(Fact.TLS_VERSIONS,),
    judge=_judge,
    criterion=True,
)

"""A publicly trusted certificate lives no longer than browsers accept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.assets import AssetKind
from sealgate.policy.finding import Citation, Rule, Severity, met, not_applicable, violated
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_DAY = 86_400
# CA/Browser Forum, ballot SC-081v3: whoever was issued at or after the first number (seconds
# since the epoch, midnight UTC) may live so many days. The newest line first.
_CALENDAR = (
    (1_868_227_200, 47),  # 2029-03-15
    (1_805_068_800, 100),  # 2027-03-15
    (1_773_532_800, 200),  # 2026-03-15
    (1_598_918_400, 398),  # 2020-09-01
)


def most_days(issued_at: float) -> int:
    """
    Return how many days a certificate that was issued at that moment may live, 0: any.

    A day has 86,400 seconds, and what is more is another day (Baseline Requirements, 6.3.2).
    """
    return next((days for begins, days in _CALENDAR if issued_at >= begins), 0)


def _judge(subject: Subject) -> Verdict:
    public = subject.flag(Fact.CERTIFICATE_PUBLIC)
    begins = subject.number(Fact.CERTIFICATE_NOT_BEFORE)
    ends = subject.number(Fact.CERTIFICATE_NOT_AFTER)
    if public is False:
        return not_applicable("the authority is not a public one")
    if public is None or begins is None or ends is None:
        return subject.not_observed(
            Fact.CERTIFICATE_PUBLIC, Fact.CERTIFICATE_NOT_BEFORE, Fact.CERTIFICATE_NOT_AFTER
        )
    # Both ends count (RFC 5280, 4.1.2.5), so from noon to noon is a day and a second.
    seconds = int(ends - begins) + 1
    days = -(-seconds // _DAY)
    most = most_days(begins)
    if most and days > most:
        return violated(f"lives {days} days, but was issued when {most} were allowed")
    return met(f"lives {days} days")


RULE = Rule(
    id="certificate-life-too-long",
    title="the certificate lives longer than browsers accept",
    demand="a publicly trusted certificate lives no longer than was allowed when it was issued",
    severity=Severity.NOTE,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=frozenset([AssetKind.SITE, AssetKind.ENDPOINT]),
    citations=(
        Citation(
            "CA/Browser Forum Baseline Requirements",
            "6.3.2",
            "https://cabforum.org/working-groups/server/baseline-requirements/requirements/",
        ),
        Citation(
            "CA/Browser Forum ballot SC-081v3",
            "",
            "https://cabforum.org/2025/04/11/ballot-sc081v3-introduce-schedule-of-reducing-validity-and-data-reuse-periods/",
        ),
    ),
    why=(
        "Public authorities may issue for 398 days, from 2026-03-15 for 200, from 2027-03-15 for "
        "100 and from 2029-03-15 for 47. Browsers refuse what lives longer, and whoever renews "
        "by hand has ever less time."
    ),
    remediation="have it renewed automatically by an ACME client",
    facts=(
        Fact.CERTIFICATE_PUBLIC,
        Fact.CERTIFICATE_NOT_BEFORE,
        Fact.CERTIFICATE_NOT_AFTER,
    ),
    judge=_judge,
)

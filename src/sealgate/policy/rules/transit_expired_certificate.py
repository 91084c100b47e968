"""The certificate is in date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.citations import HTTPS_VERIFICATION, rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict

_SECONDS_A_DAY = 86400


def _days(seconds: float) -> str:
    days = int(seconds // _SECONDS_A_DAY)
    return f"{days} days" if days != 1 else "1 day"


def _judge(subject: Subject) -> Verdict:
    begins = subject.number(Fact.CERTIFICATE_NOT_BEFORE)
    ends = subject.number(Fact.CERTIFICATE_NOT_AFTER)
    # RFC 5280, 4.1.2.5: both dates are inside the period.
    if ends is not None and subject.now > ends:
        return violated(f"expired {_days(subject.now - ends)} ago")
    if begins is not None and subject.now < begins:
        return violated(f"not valid for another {_days(begins - subject.now)}")
    if begins is None or ends is None:
        return subject.not_observed(Fact.CERTIFICATE_NOT_BEFORE, Fact.CERTIFICATE_NOT_AFTER)
    return met(f"valid for another {_days(ends - subject.now)}")


RULE = Rule(
    id="transit-expired-certificate",
    title="the certificate has expired, or is not valid yet",
    demand="the certificate is in date",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(
        rfc(5280, "4.1.2.5"),
        rfc(5280, "6.1.3"),
        HTTPS_VERIFICATION,
    ),
    why=(
        "Outside its dates nobody vouches for a certificate: its key may be lost, and it is "
        "no longer listed when it is revoked."
    ),
    remediation="renew the certificate, let the server load it, and check the clock",
    facts=(
        Fact.CERTIFICATE_NOT_BEFORE,
        Fact.CERTIFICATE_NOT_AFTER,
    ),
    judge=_judge,
    criterion=True,
)

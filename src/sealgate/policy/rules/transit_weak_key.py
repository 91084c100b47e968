"""Key and signature of the certificate are strong enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import is_strong_digest, is_strong_key
from sealgate.policy.citations import rfc
from sealgate.policy.finding import Rule, Severity, met, violated
from sealgate.policy.ladder import OVER_TLS, TLS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column
from sealgate.policy.rules.unseen import unspoken

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    key = subject.text(Fact.CERTIFICATE_KEY)
    signature = subject.text(Fact.CERTIFICATE_SIGNATURE)
    if key is not None and not is_strong_key(key):
        return violated(f"the key is {key}")
    if signature is not None and not is_strong_digest(signature):
        return violated(f"the signature uses {signature}")
    if key is None or signature is None:
        return unspoken(subject, OVER_TLS) or subject.not_observed(
            Fact.CERTIFICATE_KEY, Fact.CERTIFICATE_SIGNATURE
        )
    return met(f"{key}, signed with {signature}")


RULE = Rule(
    id="transit-weak-key",
    title="the certificate has a weak key or a weak signature",
    demand=(
        "the certificate has RSA of 2048 bits, P-256 or stronger, signed with SHA-256 or stronger"
    ),
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=TLS,
    citations=(rfc(9325, "4.5"),),
    why=(
        "A short key can be computed from the certificate, and a SHA-1 or MD5 signature can "
        "be forged."
    ),
    remediation=(
        "make a new key (`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`) "
        "and have it certified anew"
    ),
    facts=(
        Fact.CERTIFICATE_KEY,
        Fact.CERTIFICATE_SIGNATURE,
    ),
    judge=_judge,
)

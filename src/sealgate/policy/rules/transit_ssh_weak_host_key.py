"""The server proves itself with a strong key and a strong signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import is_strong_key, is_strong_signature
from sealgate.policy.citations import SP_800_131A, rfc
from sealgate.policy.finding import Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    keys = subject.names(Fact.SSH_HOST_KEYS)
    signatures = subject.names(Fact.SSH_HOST_KEY_ALGORITHMS)
    weak = [f"a signature {name}" for name in signatures or () if not is_strong_signature(name)]
    weak += [f"a key {key}" for key in keys or () if not is_strong_key(key)]
    if weak:
        return violated(f"offers {listed(weak)}")
    if keys is None or signatures is None:
        return subject.not_observed(Fact.SSH_HOST_KEYS, Fact.SSH_HOST_KEY_ALGORITHMS)
    if not keys or not signatures:
        return violated("no host key is offered")
    return met(f"proves itself with {listed(keys)}")


RULE = Rule(
    id="transit-ssh-weak-host-key",
    title="the SSH host key, or its signature, is weak",
    demand="host keys are Ed25519, ECDSA or RSA of 2048 bits, and sign with SHA-2",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(rfc(8332, "3"), rfc(8709, "3"), SP_800_131A),
    why=(
        "The host key is the only thing that tells the server from somebody in between; DSA "
        "keys, short RSA keys and SHA-1 signatures can be forged."
    ),
    remediation="make an Ed25519 host key, and let no key sign with SHA-1",
    facts=(Fact.SSH_HOST_KEYS, Fact.SSH_HOST_KEY_ALGORITHMS),
    judge=_judge,
    criterion=True,
)

"""Where ChaCha20-Poly1305 or CBC is offered, key exchange is strict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.algorithms import can_lose_packets
from sealgate.policy.finding import Citation, Rule, Severity, listed, met, violated
from sealgate.policy.ladder import CHANNELS
from sealgate.policy.observation import Fact, Vantage
from sealgate.policy.protection import Column

if TYPE_CHECKING:
    from sealgate.policy.finding import Subject, Verdict


def _judge(subject: Subject) -> Verdict:
    strict = subject.flag(Fact.SSH_STRICT_KEX)
    if strict:
        return met("strict key exchange is offered")
    ciphers = subject.names(Fact.SSH_CIPHERS)
    if strict is None or ciphers is None:
        return subject.not_observed(Fact.SSH_STRICT_KEX, Fact.SSH_CIPHERS)
    open_to_it = [name for name in ciphers if can_lose_packets(name)]
    if open_to_it:
        return violated(f"no strict key exchange, but {listed(open_to_it)}")
    return met("no cipher is offered whose first packets could be cut off unnoticed")


RULE = Rule(
    id="transit-ssh-no-strict-kex",
    title="the first packets of an SSH session can be cut off unnoticed (Terrapin)",
    demand="strict key exchange is offered wherever ChaCha20-Poly1305 or CBC is",
    severity=Severity.ERROR,
    column=Column.IN_TRANSIT,
    vantage=Vantage.OUTSIDE,
    applies_to=CHANNELS,
    citations=(
        Citation("CVE-2023-48795", "", "https://nvd.nist.gov/vuln/detail/CVE-2023-48795"),
        Citation(
            "draft-miller-sshm-strict-kex",
            "",
            "https://datatracker.ietf.org/doc/draft-miller-sshm-strict-kex/",
        ),
    ),
    why=(
        "With these ciphers somebody in between can remove packets right after the key "
        "exchange, and with them the extensions that make a session strong."
    ),
    remediation=(
        "update the SSH server to one with strict key exchange, and offer AES-GCM alone until then"
    ),
    facts=(Fact.SSH_STRICT_KEX, Fact.SSH_CIPHERS),
    judge=_judge,
    criterion=True,
)

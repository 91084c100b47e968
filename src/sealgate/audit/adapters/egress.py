"""Whether the hosts of a payment gateway would be let through the way out. Looks from this host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.adapters.certificate import (
    Trust,
    certificates_of,
    is_in_date,
    probe_certificate,
)
from sealgate.audit.model import Limits, Target
from sealgate.audit.sightings import seen, unseen
from sealgate.policy.observation import Fact, Vantage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.policy.inventory import Upstream
    from sealgate.policy.observation import Sighting

_MUST_HOLD = {
    Fact.CERTIFICATE_CHAIN_VALID: "its authority is not trusted",
    Fact.CERTIFICATE_NAME_MATCHES: "its certificate is for another name",
}


def probe_egress(
    asset: str,
    hosts: Sequence[Upstream],
    now: float,
    limits: Limits,
    resolve: Mapping[str, str],
) -> list[Sighting]:
    """
    Observe the certificate of each of *hosts*; *now* is in seconds since the epoch.

    *resolve* gives addresses for names.

    One that cannot be reached makes it a gap: what the others show is told all the same.
    """
    refused: list[str] = []
    gaps: list[str] = []
    for host in hosts:
        target = Target(asset, host.host, resolve.get(host.host, host.host), host.port)
        trust = Trust((host.ca,) if host.ca else ())
        looks = probe_certificate(target, trust, now, limits)
        shown = certificates_of(looks)
        if not shown:
            gaps.append(f"{host.host}:{host.port} could not be looked at")
            continue
        # Of several that a host may show, each has to do.
        why = [
            text
            for fact, text in _MUST_HOLD.items()
            if any(values.get(fact) is not True for values in shown)
        ]
        if not all(is_in_date(values, now) for values in shown):
            why.append("its certificate is not in date")
        if why:
            refused.append(f"{host.host} ({', '.join(why)})")
    if gaps and not refused:
        return unseen(asset, (Fact.EGRESS_REFUSED,), "; ".join(gaps), Vantage.HOST)
    seen_by = "TLS handshakes with its hosts"
    return seen(asset, {Fact.EGRESS_REFUSED: tuple(refused)}, seen_by, Vantage.HOST)

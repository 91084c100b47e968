"""
Which TLS versions, suites and groups an endpoint takes, asked one hello at a time.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sealgate.audit.adapters.reach import tls_ready
from sealgate.audit.adapters.wire import HungUpError, Wire
from sealgate.audit.hello import (
    MAX_FLIGHT_BYTES,
    RANDOM_BYTES,
    Flight,
    MalformedAnswerError,
    Offer,
    Version,
    client_hello,
    parse_flight,
)
from sealgate.audit.sightings import TLS_FACTS, seen, unseen
from sealgate.audit.suites import (
    CLASSICAL_GROUPS,
    GROUPS,
    OLDER_SUITES,
    TLS_1_3_SUITES,
    X25519MLKEM768,
    group_name,
    suite_name,
)
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting


# RFC 9325, 4.5: the least for "DHE" suites.
_ENOUGH_BITS = 2048


def probe_tls(target: Target, limits: Limits) -> list[Sighting]:
    """
    Observe what *target* negotiates. Nothing is negotiated to the end.
    """
    seen_by = f"TLS hellos to {target.where}"
    try:
        taken = _versions(target, limits)
        if not taken:
            return no_tls(target, seen_by)
        values = _negotiated(target, taken, limits)
        still_there = _asked(target, max(taken), limits) is not None
    except PeerError as error:
        return unseen(target.asset, TLS_FACTS, f"{target.where}: {error.message}")
    if not still_there:
        # Whoever stopped answering in between may have refused for that reason alone,
        # and a suite that was not seen must not count as one that is not accepted.
        reason = f"{target.where} stopped answering while it was looked at"
        return unseen(target.asset, TLS_FACTS, reason)
    group = taken[max(taken)].group
    sightings = seen(target.asset, values, seen_by)
    if group is None:
        return sightings + unseen(target.asset, (Fact.TLS_GROUP,), "no named group was used")
    return sightings + seen(target.asset, {Fact.TLS_GROUP: group_name(group)}, seen_by)


def _versions(target: Target, limits: Limits) -> dict[Version, Flight]:
    asked = {version: _asked(target, version, limits) for version in reversed(Version)}
    return {version: flight for version, flight in asked.items() if flight is not None}


def _negotiated(
    target: Target, taken: Mapping[Version, Flight], limits: Limits
) -> dict[Fact, FactValue]:
    suites: dict[str, None] = {}
    for version, flight in taken.items():
        suites |= dict.fromkeys(_suites(target, version, flight, limits))
    return {
        Fact.TLS_VERSIONS: tuple(version.label for version in sorted(taken)),
        Fact.TLS_CIPHERS: tuple(suites),
        Fact.TLS_HYBRID_OFFERED: _speaks(target, (X25519MLKEM768,), limits),
        Fact.TLS_CLASSICAL_ACCEPTED: any(version < Version.TLS_1_3 for version in taken)
        or _speaks(target, CLASSICAL_GROUPS, limits),
    }


def no_tls(target: Target, seen_by: str) -> list[Sighting]:
    """
    Return that *target* was asked by *seen_by* and speaks no TLS at all.
    """
    nothing: dict[Fact, FactValue] = {Fact.TLS_VERSIONS: (), Fact.TLS_CIPHERS: ()}
    others = [fact for fact in TLS_FACTS if fact not in nothing]
    return [
        *seen(target.asset, nothing, seen_by),
        *unseen(target.asset, others, f"{target.where} speaks no TLS"),
    ]


def _asked(
    target: Target,
    version: Version,
    limits: Limits,
    suites: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
) -> Flight | None:
    # None: the server does not want this. It says so by an alert, by another version,
    # by something that is no TLS, or by hanging up, but then it is asked once more.
    offered = suites or (TLS_1_3_SUITES if version == Version.TLS_1_3 else OLDER_SUITES)
    offer = Offer(version, offered, groups or tuple(GROUPS), target.server_name)
    for _ in range(2):
        try:
            with tls_ready(target, limits) as wire:
                flight = _flight(wire, client_hello(offer, secrets.token_bytes(2 * RANDOM_BYTES)))
        except MalformedAnswerError:
            return None
        except HungUpError:
            continue
        if flight.hello is not None:
            return flight if flight.hello.version == version else None
        if flight.alert is not None:
            return None
    return None


def _flight(wire: Wire, hello: bytes) -> Flight:
    received = bytearray()
    wire.send(hello)
    while len(received) < MAX_FLIGHT_BYTES:
        chunk = wire.receive(65536)
        received += chunk
        flight = parse_flight(bytes(received))
        if flight.complete or not chunk:
            return flight
    return parse_flight(bytes(received))


def _suites(target: Target, version: Version, first: Flight, limits: Limits) -> list[str]:
    # The server takes one of what is left, until it takes none.
    left = list(TLS_1_3_SUITES if version == Version.TLS_1_3 else OLDER_SUITES)
    found: list[str] = []
    flight: Flight | None = first
    while flight is not None and flight.hello is not None:
        chosen = flight.hello.suite
        if chosen not in left:
            raise PeerError(f"chose the suite {suite_name(chosen)}, which was not offered")
        found.append(_with_its_group(suite_name(chosen), flight))
        left.remove(chosen)
        flight = _asked(target, version, limits, suites=left) if left else None
    return found


def _with_its_group(suite: str, flight: Flight) -> str:
    # A suite says nothing of how long its prime is, and who takes a short one takes it from
    # everybody ("Logjam"). So named, no rule takes it for the suite of the registry.
    if not suite.startswith(("TLS_DHE_", "TLS_DH_anon_")):
        return suite
    if flight.prime_bits is None:
        return f"{suite} (with a group that was not shown)"
    return suite if flight.prime_bits >= _ENOUGH_BITS else f"{suite} ({flight.prime_bits} bits)"


def _speaks(target: Target, groups: Sequence[int], limits: Limits) -> bool:
    flight = _asked(target, Version.TLS_1_3, limits, groups=groups)
    return flight is not None

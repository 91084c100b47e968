"""Which TLS versions, suites and groups an endpoint takes, asked one hello at a time."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.audit.adapters.reach import tls_ready
from sealgate.audit.adapters.wire import HungUpError, SilentError, Wire
from sealgate.audit.hello import (
    MAX_FLIGHT_BYTES,
    RANDOM_BYTES,
    SSL_2_0_LABEL,
    Flight,
    MalformedAnswerError,
    Offer,
    Version,
    client_hello,
    parse_flight,
    parse_ssl2,
    ssl2_hello,
)
from sealgate.audit.sightings import TLS_FACTS, seen, unseen
from sealgate.audit.suites import (
    CLASSICAL_GROUPS,
    GROUPS,
    OLDER_GROUPS,
    OLDER_SUITES,
    SHORT_GROUPS,
    SSL2_SUITES,
    TLS_1_3_SUITES,
    X25519MLKEM768,
    group_name,
    suite_name,
)
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting


# RFC 9325, 4.5: the least for "DHE" suites.
_ENOUGH_BITS = 2048
_WITH_A_PRIME = ("TLS_DHE_", "TLS_DH_anon_", "TLS_PSK_DHE_")
_MOST_SUITES = 120
# How long is waited for an answer in SSL 2.0.
_TIMES_AS_LONG, _LEAST_SECONDS, _MOST_SECONDS = 8, 0.3, 5.0
# A TLS alert or handshake, and the answers of HTTP and FTP servers to what they do not know.
_NOT_SSL2 = frozenset([b"\x15", b"\x16", b"H", b"<", b"4", b"5"])


def probe_tls(target: Target, limits: Limits) -> list[Sighting]:
    """Observe what *target* negotiates. Nothing is negotiated to the end."""
    seen_by = f"TLS hellos to {target.where}"
    try:
        taken = {version: _suites(target, version, limits) for version in reversed(Version)}
        taken = {version: found for version, found in taken.items() if found}
        oldest = _ssl2(target, _patience(target, taken, limits))
        if not taken and oldest is None:
            return no_tls(target, seen_by)
        values = _negotiated(target, taken, oldest, limits)
        still_there = _is_still_there(target, taken, limits)
    except PeerError as error:
        return unseen(target.asset, TLS_FACTS, f"{target.where}: {error.message}")
    if not still_there:
        # Whoever stopped answering in between may have refused for that reason alone,
        # and a suite that was not seen must not count as one that is not accepted.
        reason = f"{target.where} stopped answering while it was looked at"
        return unseen(target.asset, TLS_FACTS, reason)
    group = next((flight.group for flight in taken[max(taken)]), None) if taken else None
    sightings = seen(target.asset, values, seen_by)
    if group is None:
        return sightings + unseen(target.asset, (Fact.TLS_GROUP,), "no named group was used")
    return sightings + seen(target.asset, {Fact.TLS_GROUP: group_name(group)}, seen_by)


def _is_still_there(
    target: Target, taken: Mapping[Version, Sequence[Flight]], limits: Limits
) -> bool:
    if not taken:
        return True
    suites = [flight.hello.suite for flight in taken[max(taken)] if flight.hello]
    return _asked(target, max(taken), limits, suites) is not None


def _negotiated(
    target: Target,
    taken: Mapping[Version, Sequence[Flight]],
    oldest: Sequence[str] | None,
    limits: Limits,
) -> dict[Fact, FactValue]:
    flights = [flight for found in taken.values() for flight in found]
    suites = dict.fromkeys(map(_named, flights))
    for version in taken:
        if version < Version.TLS_1_3:
            suites |= dict.fromkeys(map(_named, _with_short_groups(target, version, limits)))
    versions = [version.label for version in sorted(taken)]
    if oldest is not None:
        versions.insert(0, SSL_2_0_LABEL)
        suites |= dict.fromkeys(oldest)
    return {
        Fact.TLS_VERSIONS: tuple(versions),
        Fact.TLS_CIPHERS: tuple(suites),
        Fact.TLS_HYBRID_OFFERED: _speaks(target, (X25519MLKEM768,), limits),
        Fact.TLS_CLASSICAL_ACCEPTED: oldest is not None
        or any(version < Version.TLS_1_3 for version in taken)
        or _speaks(target, CLASSICAL_GROUPS, limits),
    }


def no_tls(target: Target, seen_by: str) -> list[Sighting]:
    """Return that *target* was asked by *seen_by* and speaks no TLS at all."""
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
    suites: Sequence[int],
    groups: Sequence[int] | None = None,
) -> Flight | None:
    # None: the server does not want this. It says so by an alert, by another version,
    # by something that is no TLS, or by hanging up, but then it is asked once more.
    usual = tuple(GROUPS) if version == Version.TLS_1_3 else OLDER_GROUPS
    offer = Offer(version, suites, groups or usual, target.server_name)
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


def _patience(target: Target, taken: Mapping[Version, Sequence[Flight]], limits: Limits) -> Limits:
    # Who waits for the rest of a message that it does not know says nothing. How long an answer
    # takes there is known from a hello that it does take.
    begun = time.monotonic()
    answers = bool(taken) and _is_still_there(target, taken, limits)
    most = _TIMES_AS_LONG * (time.monotonic() - begun) if answers else limits.exchange_seconds
    return replace(limits, exchange_seconds=min(max(_LEAST_SECONDS, most), _MOST_SECONDS))


def _ssl2(target: Target, limits: Limits) -> tuple[str, ...] | None:
    # What speaks SSL 2.0 answers at once. Who hangs up, sends an alert or waits for more has
    # not taken it: that it is there at all was seen before.
    try:
        with tls_ready(target, limits) as wire:
            wire.send(ssl2_hello(secrets.token_bytes(16)))
            received = b""
            while (found := parse_ssl2(received)) is None and len(received) < MAX_FLIGHT_BYTES:
                chunk = wire.receive(65536)
                if not chunk:
                    return None
                received += chunk
                if received[:1] in _NOT_SSL2:
                    return None
    except (HungUpError, SilentError):
        return None
    return None if found is None else tuple(SSL2_SUITES.get(n, f"SSLv2 0x{n:06X}") for n in found)


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


def _batches(version: Version) -> list[tuple[int, ...]]:
    # A hello with everything in it would be too long for some.
    offered = TLS_1_3_SUITES if version == Version.TLS_1_3 else OLDER_SUITES
    return [offered[i : i + _MOST_SUITES] for i in range(0, len(offered), _MOST_SUITES)]


def _suites(target: Target, version: Version, limits: Limits) -> list[Flight]:
    return [
        flight
        for batch in _batches(version)
        for flight in _taken_of(target, version, batch, limits)
    ]


def _taken_of(
    target: Target,
    version: Version,
    suites: Sequence[int],
    limits: Limits,
    groups: Sequence[int] | None = None,
) -> Iterator[Flight]:
    # The server takes one of what is left, until it takes none.
    left = list(suites)
    while left and (flight := _asked(target, version, limits, left, groups)) is not None:
        if flight.hello is None or flight.hello.suite not in left:
            chosen = suite_name(flight.hello.suite) if flight.hello else "nothing"
            raise PeerError(f"chose the suite {chosen}, which was not offered")
        left.remove(flight.hello.suite)
        yield flight


def _with_short_groups(target: Target, version: Version, limits: Limits) -> list[Flight]:
    # A server that prefers a long curve may still take a short one from who has no other.
    ephemeral = [n for n in OLDER_SUITES if suite_name(n).startswith("TLS_ECDHE_")]
    first = next(_taken_of(target, version, ephemeral[:_MOST_SUITES], limits, SHORT_GROUPS), None)
    return [first] if first is not None else []


def _named(flight: Flight) -> str:
    # A suite says nothing of how long its prime or its curve is, and who takes a short one takes
    # it from everybody ("Logjam"). So named, no rule takes it for the suite of the registry.
    suite = suite_name(flight.hello.suite) if flight.hello else ""
    if flight.group in SHORT_GROUPS:
        return f"{suite} ({group_name(flight.group)})"
    if not suite.startswith(_WITH_A_PRIME):
        return suite
    if flight.prime_bits is None:
        return f"{suite} (with a group that was not shown)"
    return suite if flight.prime_bits >= _ENOUGH_BITS else f"{suite} ({flight.prime_bits} bits)"


def _speaks(target: Target, groups: Sequence[int], limits: Limits) -> bool:
    return _asked(target, Version.TLS_1_3, limits, TLS_1_3_SUITES, groups) is not None

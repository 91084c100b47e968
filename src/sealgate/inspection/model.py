"""
What inspection is made of: whose bodies, looked at for what, within which bounds.

Nothing here reads a byte. A policy is one route's; a relay knows its policy by the socket
that a request came in on, so there is no header that could be forged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sealgate.detect.catalogue import InFlight, facts, kinds_where

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.detect.catalogue import Kind
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.policy.inventory import Route

# What is looked for in flight.
INSPECTED = kinds_where(lambda kind: kind.in_flight is not InFlight.LEFT)
WITHHELD = kinds_where(lambda kind: kind.in_flight is InFlight.WITHHELD)


class BodyRefusal(StrEnum):
    """Why a body does not go on. The spelling is shown to clients and in logs."""

    ABOVE_CLASS = "inspect-above-class"
    UNREADABLE = "inspect-unreadable"  # an encoding, a range or an upgrade that hides bytes
    BUDGET = "inspect-budget"  # too large, or too much work
    FRAMING = "inspect-framing"  # it could be read in two ways
    UNREACHABLE = "inspect-unreachable"  # the site does not answer


class BodyRefusedError(Exception):
    """A message that must not go on; *kinds* are what was found, never a value."""

    def __init__(
        self, refusal: BodyRefusal, reason: str, kinds: frozenset[Kind] = frozenset()
    ) -> None:
        super().__init__(reason)
        self.refusal = refusal
        self.reason = reason
        self.kinds = kinds


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """
    What one connection and one body may cost.

    *head_bytes* bounds the head of a message. *hold_bytes* is how much of a body is held
    until it has been read to its end; a longer one is sent on while it is read. A body of
    more than *body_bytes*, decoded, is refused. *ratio* is how many times its size a
    compressed body of some megabytes may become. *candidates* are those of one anchor
    that are confirmed in 64 KiB. A body may take *cpu_seconds*, and then a second for each
    *bytes_per_second*.
    """

    head_bytes: int = 64 * 1024
    hold_bytes: int = 1024 * 1024
    body_bytes: int = 1024 * 1024 * 1024
    ratio: int = 200
    candidates: int = 4096
    cpu_seconds: float = 0.25
    bytes_per_second: int = 10_000_000


@dataclass(frozen=True, slots=True)
class RelayUpstream:
    """Where the site is: the path of a Unix socket, or a host and a port."""

    host: str
    port: int = 0

    @property
    def is_socket(self) -> bool:
        """Return whether *host* is a path."""
        return self.host.startswith("/")


@dataclass(frozen=True, slots=True)
class Policy:
    """
    How the bodies of one route are looked at.

    *asset* names the route. With *enforces*, what is found does not go on; otherwise
    it is only told. *answers* and *requests* are the kinds above what the route shows
    and takes; of none, that side is not read.
    """

    asset: str
    enforces: bool
    upstream: RelayUpstream
    answers: frozenset[Kind]
    requests: frozenset[Kind]
    limits: BodyLimits = BodyLimits()


@dataclass(frozen=True, slots=True)
class Sighting:
    """
    Something above a route's class: where, what and how many. Never a value.

    *place* is the path's shape: each segment that could name a person or thing is ``*``.
    *outgoing*: the site sent it; otherwise a visitor did. *kept_back*: it did not go on.
    """

    asset: str
    place: str
    outgoing: bool
    kept_back: bool
    counts: Mapping[Kind, int] = field(default_factory=dict)
    refusal: BodyRefusal | None = None


class Reporter(Protocol):
    """Takes what was seen; returns at once and never raises."""

    def note(self, sighting: Sighting) -> None:
        """Take *sighting*."""
        ...


def above(classification: Classification, model: ClassificationModel) -> frozenset[Kind]:
    """Return the kinds whose own class in *model* is stricter than *classification*."""
    return frozenset(
        kind
        for kind in INSPECTED
        if model.at_impact(facts(kind).traits.impact).rank > classification.rank
    )


def kinds_of(route: Route, model: ClassificationModel) -> tuple[frozenset[Kind], frozenset[Kind]]:
    """
    Return what *route* may neither show nor take.

    What visitors send is measured by what the route collects, where that is stricter.
    """
    takes = model.strictest_of(c for c in (route.classification, route.collects) if c is not None)
    return above(route.classification, model), above(takes, model)


def titles(kinds: Iterable[Kind]) -> str:
    """Return the names of *kinds* for people, in one order."""
    return ", ".join(sorted(facts(kind).title for kind in kinds))

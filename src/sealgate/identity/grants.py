"""
A grant: somebody else agreed that one person may reach one asset for a while.

Pure. The last part of the access rung "very high" (DESIGN 1), after the rule of two
persons (NIST SP 800-53 r5, AC-3(2); ISO/IEC 27002:2022, 8.2): asked for with a reason,
approved by another person who holds the role for it, ends by itself. Every step takes
the moment *now* and gives a new value; storing is the work of
:mod:`sealgate.identity.adapters.grants`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.errors import UsageError
from sealgate.identity.look_alikes import alike
from sealgate.identity.model import APPROVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.model import Identity

MINUTE = 60.0
# One working day: who needs longer asks again, and somebody looks again.
MOST_MINUTES = 8 * 60
# Who does not answer within a day has not agreed.
LAPSES_AFTER_SECONDS = 86400.0
LEAST_REASON_CHARACTERS = 5
MOST_REASON_CHARACTERS = 500


class GrantState(StrEnum):
    """How far a grant has come; only a running one opens anything."""

    WAITING = "waiting"
    RUNNING = "running"
    DENIED = "denied"
    LAPSED = "lapsed"  # nobody decided in time
    ENDED = "ended"  # by a person, before its time
    RAN_OUT = "ran out"


@dataclass(frozen=True, slots=True)
class Grant:
    """
    That *person* asked for *asset* (its id, such as ``drop partners``), and what came of it.

    *person* is an identity; *asked_by* and *decided_by_actor* tell who gave the command,
    which on a command line is a login of the host. *approver* is the identity that
    approved or denied. Times are seconds since the epoch, ``None`` for what has not been.
    """

    id: str
    person: str
    asset: str
    reason: str
    minutes: int
    asked_by: str
    asked_at: float
    approver: str = ""
    decided_by_actor: str = ""
    approved_at: float | None = None
    denied_at: float | None = None
    ended_by: str = ""
    ended_at: float | None = None

    @property
    def ends_at(self) -> float | None:
        """Return when it ends at the latest, ``None`` while it was not approved."""
        return None if self.approved_at is None else self.approved_at + self.minutes * MINUTE

    def state(self, now: float) -> GrantState:
        """
        Return how far it has come at *now*.

        A clock that is set back to before the approval does not start it again: then it
        is neither running nor waiting, but taken to have run out.
        """
        if self.denied_at is not None:
            return GrantState.DENIED
        if self.ended_at is not None:
            return GrantState.ENDED
        if self.approved_at is None:
            return GrantState.LAPSED if _lapsed(self, now) else GrantState.WAITING
        end = self.approved_at + self.minutes * MINUTE
        return GrantState.RUNNING if self.approved_at <= now < end else GrantState.RAN_OUT

    def is_running(self, now: float) -> bool:
        """Return whether it opens its asset to its person at *now*."""
        return self.state(now) is GrantState.RUNNING

    def is_over(self, now: float) -> bool:
        """Return whether it can open nothing any more, also when a wrong clock is set right."""
        if self.denied_at is not None or self.ended_at is not None:
            return True
        end = self.ends_at
        return now >= (self.asked_at + LAPSES_AFTER_SECONDS if end is None else end)

    def is_open(self, now: float) -> bool:
        """Return whether it runs, or waits for somebody to decide."""
        return self.state(now) in {GrantState.WAITING, GrantState.RUNNING}


def asked(
    person: Identity,
    asset: str,
    reason: str,
    minutes: int,
    others: Iterable[Grant],
    *,
    id: str,  # noqa: A002  # the name of the field
    by: str,
    now: float,
) -> Grant:
    """
    Return the grant that *person* asks for; *others* are those that are known already.

    Raises:
        UsageError: the reason or the time is not fit, or one is open for the same already.
    """
    if not 1 <= minutes <= MOST_MINUTES:
        raise UsageError(
            f"a grant of {minutes} minutes was asked for, but it lasts 1 minute to "
            f"{MOST_MINUTES // 60} hours",
            hint="--for 2h",
        )
    told = " ".join(reason.split())
    if not LEAST_REASON_CHARACTERS <= len(told) <= MOST_REASON_CHARACTERS:
        raise UsageError(
            f"the reason has {len(told)} characters, but must have {LEAST_REASON_CHARACTERS} to "
            f"{MOST_REASON_CHARACTERS}",
            hint='--reason "restore the order of yesterday, ticket 4711"',
        )
    if not told.isprintable():
        raise UsageError("the reason holds characters that cannot be seen", hint="type it anew")
    for other in others:
        same = other.person == person.name and other.asset == asset
        if same and other.is_open(now):
            state = other.state(now)
            raise UsageError(
                f'grant {other.id} of "{person.name}" for "{asset}" is {state} already',
                hint=f"sealgate grant end {other.id}",
            )
    return Grant(id, person.name, asset, told, minutes, by, now)


def approved(grant: Grant, approver: Identity, *, by: str, now: float) -> Grant:
    """
    Return *grant* running from *now*, because *approver* agreed; *by* gave the command.

    Raises:
        UsageError: it is not waiting, or whoever approves may not.
    """
    _decidable(grant, approver, by, now)
    return replace(grant, approver=approver.name, decided_by_actor=by, approved_at=now)


def denied(grant: Grant, approver: Identity, *, by: str, now: float) -> Grant:
    """
    Return *grant* denied by *approver*.

    Raises:
        UsageError: as :func:`approved`.
    """
    _decidable(grant, approver, by, now)
    return replace(grant, approver=approver.name, decided_by_actor=by, denied_at=now)


def ended(grant: Grant, *, by: str, now: float) -> Grant:
    """
    Return *grant* ended before its time; anybody may, because it only takes away.

    Raises:
        UsageError: it is over.
    """
    # One of the future, as a clock that is late sees it, is not open and would be later.
    if grant.is_over(now):
        raise UsageError(
            f"grant {grant.id} is over already: it is {grant.state(now)}",
            hint="sealgate grant list",
        )
    return replace(grant, ended_by=by, ended_at=now)


def running(grants: Iterable[Grant], person: str, asset: str, now: float) -> Grant | None:
    """Return the grant that opens *asset* to *person* at *now*, ``None`` when there is none."""
    return next(
        (g for g in grants if g.person == person and g.asset == asset and g.is_running(now)), None
    )


def next_end(grants: Iterable[Grant], now: float) -> float | None:
    """Return when the next running grant ends by itself; whoever enforces must look again then."""
    ends = (g.ends_at for g in grants if g.is_running(now))
    return min((end for end in ends if end is not None), default=None)


def _decidable(grant: Grant, approver: Identity, by: str, now: float) -> None:
    state = grant.state(now)
    if state is not GrantState.WAITING:
        raise UsageError(
            f"grant {grant.id} is {state}, but only one that waits can be decided",
            hint="sealgate grant list",
        )
    if APPROVER not in approver.roles:
        raise UsageError(
            f'user "{approver.name}" does not hold the role "{APPROVER}", which is required',
            hint=f"sealgate user role {approver.name} --add {APPROVER}",
        )
    # The person and whoever asked for them are one side, approver and actor the other.
    asking, deciding = (grant.person, grant.asked_by), (approver.name, by)
    # "Anna" the login and "anna" the identity are taken for one person, and so is any name that
    # looks like hers.
    if any(alike(one, other) for one in asking for other in deciding):
        raise UsageError(
            f'grant {grant.id} was asked for "{grant.person}" by "{grant.asked_by}", '
            "but must be decided by somebody else",
            hint=f"another person with another login: sealgate grant approve {grant.id} --as NAME",
        )


def _lapsed(grant: Grant, now: float) -> bool:
    return not grant.asked_at <= now < grant.asked_at + LAPSES_AFTER_SECONDS

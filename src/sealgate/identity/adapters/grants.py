"""
The part of the store that keeps grants: what :mod:`sealgate.identity.grants` decided.

Each step reads and writes in one transaction that waits for its turn, so that of two who
ask or decide at once the second one sees what the first one did. Every step leaves a line
in the trail.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.database import reading
from sealgate.errors import UsageError
from sealgate.identity import grants as rules
from sealgate.identity.adapters import factor_tables
from sealgate.identity.adapters.factor_tables import GRANTS, GRANTS_OF
from sealgate.identity.adapters.tables import (
    Database,
    can_be_stored,
    known_identity,
    note,
)
from sealgate.identity.model import TrailEntry, normal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.grants import Grant
    from sealgate.identity.model import Identity

_ID_BYTES = 4


class Grants(Database):
    """Who asked for what, and who agreed."""

    def grants(self) -> tuple[Grant, ...]:
        """Return every grant that was ever asked for, the oldest first."""
        with reading(self._engine) as connection:
            return factor_tables.grants(connection)

    def running_grants(self, *, now: float) -> tuple[Grant, ...]:
        """Return every grant that opens anything at *now*, the oldest first."""
        with reading(self._engine) as connection:
            late = GRANTS.c.approved_at > now - rules.MOST_MINUTES * rules.MINUTE
            running = late & GRANTS.c.ended_at.is_(None)
            found = factor_tables.grants(connection, running, of_the_living=True)
        return tuple(grant for grant in found if grant.is_running(now))

    def running_grant(self, person: str, asset: str, *, now: float) -> Grant | None:
        """Return the grant that opens *asset* to *person* at *now*, ``None`` when there is none."""
        return rules.running(self._grants_for(person, asset), normal(person), asset, now)

    def latest_grant(self, person: str, asset: str) -> Grant | None:
        """Return what *person* asked for *asset* last, to tell them how it stands."""
        return max(self._grants_for(person, asset), key=lambda g: g.asked_at, default=None)

    def ask_grant(
        self, person: str, asset: str, *, reason: str, minutes: int, by: str, now: float
    ) -> Grant:
        """
        Keep that *person* asks for *asset*; *by* gave the command.

        Raises:
            UsageError: there is no such user, something is not fit, or one is open already.
        """
        with self._writing() as connection:
            identity = known_identity(connection, person)
            theirs = factor_tables.grants(connection, GRANTS.c.person == identity.name)
            number = secrets.token_hex(_ID_BYTES)
            grant = rules.asked(identity, asset, reason, minutes, theirs, id=number, by=by, now=now)
            GRANTS_OF.put(connection, [_row(grant)])
            told = f"{grant.id}: {asset}, {minutes} minutes: {grant.reason}"
            note(connection, TrailEntry(now, by, "grant asked", identity.name, told))
        return grant

    def approve_grant(self, grant_id: str, approver: str, *, by: str, now: float) -> Grant:
        """
        Let the grant run from now on, because the user *approver* agreed.

        Raises:
            UsageError: there is none to decide, or whoever approves may not.
        """

        def approve(connection: sa.Connection, grant: Grant) -> Grant:
            who = known_identity(connection, approver)
            return rules.approved(grant, who, by=by, now=now)

        return self._change(grant_id, approve, "grant approved", by, now)

    def deny_grant(self, grant_id: str, approver: str, *, by: str, now: float) -> Grant:
        """
        Have the grant never run, because the user *approver* said no.

        Raises:
            UsageError: as :meth:`approve_grant`.
        """

        def deny(connection: sa.Connection, grant: Grant) -> Grant:
            return rules.denied(grant, known_identity(connection, approver), by=by, now=now)

        return self._change(grant_id, deny, "grant denied", by, now)

    def end_grant(self, grant_id: str, *, by: str, now: float) -> Grant:
        """
        End the grant before its time, or take the question back.

        Raises:
            UsageError: there is none, or it is over already.
        """
        return self._change(
            grant_id, lambda _, grant: rules.ended(grant, by=by, now=now), "grant ended", by, now
        )

    def _grants_for(self, person: str, asset: str) -> tuple[Grant, ...]:
        wanted = normal(person)
        if not can_be_stored(wanted) or not can_be_stored(asset):
            return ()
        with reading(self._engine) as connection:
            where = (GRANTS.c.person == wanted) & (GRANTS.c.asset == asset)
            return factor_tables.grants(connection, where, of_the_living=True)

    def _change(
        self,
        grant_id: str,
        change: Callable[[sa.Connection, Grant], Grant],
        action: str,
        by: str,
        now: float,
    ) -> Grant:
        wanted = grant_id.strip().lower()
        with self._writing() as connection:
            where = GRANTS.c.id == wanted
            found = factor_tables.grants(connection, where) if can_be_stored(wanted) else ()
            if not found:
                raise UsageError(f'there is no grant "{grant_id}"', hint="sealgate grant list")
            grant = change(connection, found[0])
            GRANTS_OF.change(connection, where, _row(grant))
            told = f"{grant.id}: {grant.asset}"
            if grant.approver:
                told += f", by {grant.approver}"
            note(connection, TrailEntry(now, by, action, grant.person, told))
        return grant


def end_grants_of(connection: sa.Connection, person: Identity, by: str, now: float) -> None:
    """End every grant of *person* that is not over, for they go: another one of that name must ask anew."""
    for grant in factor_tables.grants(connection, GRANTS.c.person == person.name):
        if not grant.is_over(now):
            gone = _row(rules.ended(grant, by=by, now=now))
            GRANTS_OF.change(connection, GRANTS.c.id == grant.id, gone)


def _row(grant: Grant) -> dict[str, object]:
    return asdict(grant)

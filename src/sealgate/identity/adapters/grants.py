"""
The part of the store that keeps grants: what :mod:`sealgate.identity.grants` decided.

Each step reads and writes in one transaction that waits for its turn, so that of two who
ask or decide at once the second one sees what the first one did. Every step leaves a line
in the trail.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.errors import UsageError
from sealgate.identity import grants as rules
from sealgate.identity.adapters.database import Database, can_be_stored, note
from sealgate.identity.adapters.identities import known_identity
from sealgate.identity.adapters.schema import GRANTS, GRANTS_OF
from sealgate.identity.grants import Grant
from sealgate.identity.model import TrailEntry, normal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.model import Identity

_ID_BYTES = 4


class Grants:
    """Who asked for what, and who agreed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Grant, ...]:
        """Return every grant that was ever asked for, the oldest first."""
        with self._database.reading() as connection:
            return find_grants(connection)

    def all_running(self, *, now: float) -> tuple[Grant, ...]:
        """Return every grant that opens anything at *now*, the oldest first."""
        with self._database.reading() as connection:
            late = GRANTS.c.approved_at > now - rules.MOST_MINUTES * rules.MINUTE
            running = late & GRANTS.c.ended_at.is_(None)
            found = find_grants(connection, running, of_the_living=True)
        return tuple(grant for grant in found if grant.is_running(now))

    def running(self, person: str, asset: str, *, now: float) -> Grant | None:
        """Return the grant that opens *asset* to *person* at *now*, ``None`` when there is none."""
        return rules.running(self._grants_for(person, asset), normal(person), asset, now)

    def latest(self, person: str, asset: str) -> Grant | None:
        """Return what *person* asked for *asset* last, to tell them how it stands."""
        return max(self._grants_for(person, asset), key=lambda g: g.asked_at, default=None)

    def request(
        self, person: str, asset: str, *, reason: str, minutes: int, by: str, now: float
    ) -> Grant:
        """
        Keep that *person* asks for *asset*; *by* gave the command.

        Raises:
            UsageError: there is no such user, something is not fit, or one is open already.
        """
        with self._database.writing() as connection:
            identity = known_identity(connection, person)
            theirs = find_grants(connection, GRANTS.c.person == identity.name)
            number = secrets.token_hex(_ID_BYTES)
            grant = rules.asked(identity, asset, reason, minutes, theirs, id=number, by=by, now=now)
            GRANTS_OF.put(connection, [_row(grant)])
            told = f"{grant.id}: {asset}, {minutes} minutes: {grant.reason}"
            note(connection, TrailEntry(now, by, "grant asked", identity.name, told))
        return grant

    def approve(self, grant_id: str, approver: str, *, by: str, now: float) -> Grant:
        """
        Let the grant run from now on, because the user *approver* agreed.

        Raises:
            UsageError: there is none to decide, or whoever approves may not.
        """

        def approve(connection: sa.Connection, grant: Grant) -> Grant:
            who = known_identity(connection, approver)
            return rules.approved(grant, who, by=by, now=now)

        return self._change(grant_id, approve, "grant approved", by, now)

    def deny(self, grant_id: str, approver: str, *, by: str, now: float) -> Grant:
        """
        Have the grant never run, because the user *approver* said no.

        Raises:
            UsageError: as :meth:`approve`.
        """

        def deny(connection: sa.Connection, grant: Grant) -> Grant:
            return rules.denied(grant, known_identity(connection, approver), by=by, now=now)

        return self._change(grant_id, deny, "grant denied", by, now)

    def end(self, grant_id: str, *, by: str, now: float) -> Grant:
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
        with self._database.reading() as connection:
            where = (GRANTS.c.person == wanted) & (GRANTS.c.asset == asset)
            return find_grants(connection, where, of_the_living=True)

    def _change(
        self,
        grant_id: str,
        change: Callable[[sa.Connection, Grant], Grant],
        action: str,
        by: str,
        now: float,
    ) -> Grant:
        wanted = grant_id.strip().lower()
        with self._database.writing() as connection:
            where = GRANTS.c.id == wanted
            found = find_grants(connection, where) if can_be_stored(wanted) else ()
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
    for grant in find_grants(connection, GRANTS.c.person == person.name):
        if not grant.is_over(now):
            gone = _row(rules.ended(grant, by=by, now=now))
            GRANTS_OF.change(connection, GRANTS.c.id == grant.id, gone)


def _row(grant: Grant) -> dict[str, object]:
    return asdict(grant)


def find_grants(
    connection: sa.Connection,
    where: sa.ColumnElement[bool] | None = None,
    *,
    of_the_living: bool = False,
) -> tuple[Grant, ...]:
    """Return the grants of which *where* holds, the oldest first."""
    order = (GRANTS.c.asked_at, GRANTS.c.id)
    rows = GRANTS_OF.found(connection, where, order, of_the_living=of_the_living)
    return tuple(Grant(*(getattr(row, field.name) for field in fields(Grant))) for row in rows)

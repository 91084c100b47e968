"""
The part of the store that keeps sign-ins: what a token may be made anew from.

A token lives for minutes and is verified without us. What ends a sign-in is here, and
:meth:`SignIns.stale` names for the gateway whose tokens must come back first.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.errors import SealgateError
from sealgate.identity.adapters.database import Database, can_be_stored, note
from sealgate.identity.adapters.identities import known_identity
from sealgate.identity.adapters.schema import SIGN_INS, STATE
from sealgate.identity.adapters.sealed_rows import all_sealed, put_sealed, rewrite
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.model import TrailEntry, normal
from sealgate.identity.sessions import SESSION_SECONDS, SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_ID_BYTES = 16
# Rows of sign-ins that are over for so long are removed when somebody signs in.
_KEPT_SECONDS = 86400.0
_MOST_PROOFS = 12
_BARE_SECONDS = 600.0
# Two may use one sign-in at once; each look of the other is followed by one change at the most.
_TRIES = 5


class ChangedMeanwhileError(SealgateError):
    """What was proven may not count any more."""


class SignIns:
    """Who signed in where, with what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self,
        name: str,
        site: str,
        proven: Iterable[Proven],
        *,
        now: float,
        since: int | None = None,
    ) -> SignIn:
        """
        Keep that *name* proved on *site* who they are; it is no change of who may come in.

        *since* is the generation at which they began to prove it: what was revoked while that
        was judged begins nothing.

        Raises:
            UsageError: there is no such user.
            ChangedMeanwhileError: something was changed since; let it be proven again.
        """
        with self._database.writing() as connection:
            _must_be_unchanged(connection, since)
            name = known_identity(connection, name).name
            started = SignIn(secrets.token_urlsafe(_ID_BYTES), name, site, tuple(proven), now, now)
            over = SIGN_INS.c.started_at < now - SESSION_SECONDS - _KEPT_SECONDS
            connection.execute(sa.delete(SIGN_INS).where(over))
            row = {
                "id": started.id,
                "name": name,
                "site": site,
                "proven": written_proofs(started.proven),
                "started_at": now,
                "used_at": now,
            }
            put_sealed(connection, SIGN_INS, row)
        return started

    def bare(self, name: str, site: str, *, now: float) -> SignIn:
        """
        Return a sign-in of *name* in which nothing was proven but by the connection.

        It is worth nothing elsewhere, so one that began of late does for everybody who has none.

        Raises:
            UsageError: there is no such user.
        """
        of_late = SIGN_INS.c.started_at > now - _BARE_SECONDS
        theirs = (SIGN_INS.c.name == normal(name)) & (SIGN_INS.c.site == site) & of_late
        with self._database.reading() as connection:
            found = find_sign_ins(connection, theirs & SIGN_INS.c.ended_at.is_(None))
        bare = (s for s in found if not s.proven and s.is_living(now))
        return next(bare, None) or self.start(name, site, (), now=now)

    def find(self, sign_in_id: str, *, now: float) -> SignIn | None:
        """Return the living sign-in of that id, ``None`` when it is over or was never."""
        if not can_be_stored(sign_in_id):
            return None
        with self._database.reading() as connection:
            found = find_sign_ins(connection, SIGN_INS.c.id == sign_in_id)
        return next((s for s in found if s.is_living(now)), None)

    def use(self, sign_in_id: str, more: Iterable[Proven] = (), *, now: float) -> SignIn | None:
        """
        Note that the sign-in is used, and with what *more* was proven in it.

        Of one factor and key only the newest proof is kept. Returns what it is now, ``None``
        when it is over.
        """
        if not can_be_stored(sign_in_id):
            return None
        with self._database.writing() as connection:
            return _used(connection, sign_in_id, more, now)

    def step_up(
        self, sign_in_id: str, proof: Proven, *, now: float, since: int | None = None
    ) -> SignIn | None:
        """
        As :meth:`use`, and from now on the sign-in has another id.

        So a token that somebody copied before gains nothing by what its owner proves later
        (OWASP ASVS 5.0, 7.2.4). *since* is as in :meth:`start`.

        Raises:
            ChangedMeanwhileError: as :meth:`start`.
        """
        if not can_be_stored(sign_in_id):
            return None
        with self._database.writing() as connection:
            _must_be_unchanged(connection, since)
            used = _used(connection, sign_in_id, [proof], now)
            if used is None:
                return None
            other = {"id": secrets.token_urlsafe(_ID_BYTES)}
            return change_sign_in(connection, sign_in_id, other)

    def end(self, sign_in_id: str, *, by: str, now: float) -> SignIn | None:
        """End one sign-in, as somebody who signs out does; return it, ``None`` if it was over."""
        if not can_be_stored(sign_in_id):
            return None
        with self._database.writing() as connection:
            ended = end_sign_ins(connection, SIGN_INS.c.id == sign_in_id, now)
            for one in ended:
                note(connection, TrailEntry(now, by, "signed out", one.name, one.site))
        return next(iter(ended), None)

    def end_all(self, name: str, *, by: str, now: float) -> int:
        """
        End every sign-in of *name*; return how many there were.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            ended = end_sign_ins(connection, SIGN_INS.c.name == name, now)
            note(connection, TrailEntry(now, by, "signed out everywhere", name, str(len(ended))))
        return len(ended)


def _must_be_unchanged(connection: sa.Connection, since: int | None) -> None:
    # Changes take turns: whoever ends sign-ins sees this one, or it sees what they changed.
    generation = connection.execute(sa.select(STATE.c.generation)).scalar_one()
    if since is not None and generation != since:
        raise ChangedMeanwhileError(
            "who may come in was changed while somebody signed in", hint="sign in again"
        )


def _used(
    connection: sa.Connection, sign_in_id: str, more: Iterable[Proven], now: float
) -> SignIn | None:
    # Locked before it is read, so that two steps up at once are one after the other everywhere;
    # it may have another id by then.
    held = SIGN_INS.c.id == sign_in_id
    connection.execute(sa.update(SIGN_INS).where(held).values(used_at=SIGN_INS.c.used_at))
    current = next(iter(find_sign_ins(connection, held)), None)
    if current is None or not current.is_living(now):
        return None
    newest = {(p.factor, p.key): p for p in current.proven}
    for proof in more:
        newest.pop((proof.factor, proof.key), None)
        newest[proof.factor, proof.key] = proof
    proven = tuple(newest.values())[-_MOST_PROOFS:]
    values = {"used_at": max(current.used_at, now), "proven": written_proofs(proven)}
    return change_sign_in(connection, sign_in_id, values)


def find_sign_ins(connection: sa.Connection, where: sa.ColumnElement[bool]) -> tuple[SignIn, ...]:
    """Return the sign-ins of which *where* holds, the oldest first."""
    order = (SIGN_INS.c.started_at, SIGN_INS.c.id)
    return tuple(
        SignIn(
            row.id,
            row.name,
            row.site,
            _read_proofs(row.proven),
            row.started_at,
            row.used_at,
            row.ended_at,
        )
        for row in all_sealed(connection, SIGN_INS, where, order)
    )


def end_sign_ins(
    connection: sa.Connection,
    where: sa.ColumnElement[bool],
    now: float,
    resting_on: Iterable[str | Factor] | None = None,
) -> tuple[SignIn, ...]:
    """
    End the open sign-ins of which *where* holds; return them.

    *resting_on* narrows that to those that were proven with one of these keys (by name) or
    factors.
    """
    open_ones = find_sign_ins(connection, where & SIGN_INS.c.ended_at.is_(None))
    if resting_on is not None:
        wanted = frozenset(resting_on)
        open_ones = tuple(
            s for s in open_ones if any(p.key in wanted or p.factor in wanted for p in s.proven)
        )
    for one in open_ones:
        change_sign_in(connection, one.id, {"ended_at": now})
    return open_ones


def change_sign_in(
    connection: sa.Connection, sign_in_id: str, values: Mapping[str, Any]
) -> SignIn | None:
    """Give the sign-in of that id other *values*; return it, ``None`` when there is none."""
    held = SIGN_INS.c.id == sign_in_id
    for _ in range(_TRIES):
        rows = all_sealed(connection, SIGN_INS, held)
        if not rows:
            return None
        if rewrite(connection, SIGN_INS, rows[0], values):
            now_id = values.get("id", sign_in_id)
            return next(iter(find_sign_ins(connection, SIGN_INS.c.id == now_id)), None)
    return None


def written_proofs(proven: Iterable[Proven]) -> str:
    """Return *proven* as text for one column."""
    return json.dumps([[str(p.factor), p.at, p.key] for p in proven])


def _read_proofs(text: str) -> tuple[Proven, ...]:
    read: list[Any] = json.loads(text)
    return tuple(Proven(Factor(factor), at, key) for factor, at, key in read)

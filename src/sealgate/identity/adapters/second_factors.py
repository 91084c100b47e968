"""
The part of the store that keeps one-time codes, recovery codes and passkeys.

Each code counts once in all processes: using it up is one conditional change of one row.
Throttling is the caller's (:mod:`sealgate.identity.throttle`), as with passwords.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.errors import UsageError
from sealgate.identity.adapters.database import Database, can_be_stored, note
from sealgate.identity.adapters.identities import exists, known_identity
from sealgate.identity.adapters.schema import (
    ENROLMENTS,
    ENROLMENTS_OF,
    ONE_TIME_CODES,
    ONE_TIME_CODES_OF,
    PASSKEYS,
    PASSKEYS_OF,
    RECOVERY_CODES,
    RECOVERY_CODES_OF,
    SIGN_INS,
    USER_HANDLES,
    USER_HANDLES_OF,
)
from sealgate.identity.adapters.sign_ins import end_sign_ins
from sealgate.identity.factors import Factor
from sealgate.identity.model import TrailEntry, normal
from sealgate.identity.passkeys import ENROLMENT_SECONDS, HANDLE_BYTES, Passkey, PasskeyError
from sealgate.identity.totp import RECOVERY_BYTES, digest_of, enrolment_code, matching_step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.totp import Opener


class SecondFactors:
    """What proves who somebody is beside a password or a file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set_totp(
        self,
        name: str,
        sealed: bytes,
        codes: Iterable[str],
        *,
        step: int,
        by: str,
        now: float,
    ) -> None:
        """
        Give *name* the *sealed* secret of an app and the recovery *codes*; older ones end.

        *step* is that of the code that confirmed it, which is used up by this.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            _drop_totp(connection, name, now)
            app = {"identity": name, "sealed": sealed, "last_step": step, "set_at": now}
            ONE_TIME_CODES_OF.put(connection, [app])
            rows = [{"identity": name, "digest": digest_of(code)} for code in codes]
            RECOVERY_CODES_OF.put(connection, rows)
            note(connection, TrailEntry(now, by, "one-time codes set", name, ""))

    def remove_totp(self, name: str, *, by: str, now: float) -> bool:
        """
        Take one-time codes and recovery codes of *name* away; return whether there were any.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            if not _drop_totp(connection, name, now):
                return False
            note(connection, TrailEntry(now, by, "one-time codes removed", name, ""))
            return True

    def with_totp(self) -> frozenset[str]:
        """Return the names of those who have an authenticator app."""
        with self._database.reading() as connection:
            held = ONE_TIME_CODES_OF.found(connection, of_the_living=True)
            return frozenset(row.identity for row in held)

    def totp_set_at(self, name: str) -> float | None:
        """Return when the authenticator app of *name* was set up, ``None`` when there is none."""
        wanted = normal(name)
        if not can_be_stored(wanted):
            return None
        with self._database.reading() as connection:
            return next((row.set_at for row in _app(connection, wanted)), None)

    def check_totp(self, name: str, code: str, opener: Opener, *, now: float) -> bool:
        """
        Return whether *code* is one of now of *name*; if so, it is used up.

        Raises:
            SealgateError: the key that opens the secret cannot be had.
        """
        wanted = normal(name)
        if not can_be_stored(wanted):
            return False
        with self._database.reading() as connection:
            row = next(iter(_app(connection, wanted)), None)
        if row is None:
            return False
        step = matching_step(opener.open(wanted, bytes(row.sealed)), code, now, row.last_step)
        if step is None:
            return False
        held = (ONE_TIME_CODES.c.identity == wanted) & (ONE_TIME_CODES.c.set_at == row.set_at)
        with self._database.writing() as connection:
            # Of two who bring the same code at once, one changes the row and the other finds none.
            unused = held & (ONE_TIME_CODES.c.last_step < step)
            used = ONE_TIME_CODES_OF.change(
                connection, unused, {"last_step": step}, keeps_mark=True
            )
            return used == 1

    def check_recovery_code(self, name: str, code: str, *, now: float) -> bool:
        """Return whether *code* is an unused recovery code of *name*; if so, it is used up."""
        wanted = normal(name)
        if not can_be_stored(wanted):
            return False
        with self._database.writing() as connection:
            if not exists(connection, wanted):
                return False
            unused = (
                (RECOVERY_CODES.c.identity == wanted)
                & (RECOVERY_CODES.c.digest == digest_of(code))
                & RECOVERY_CODES.c.used_at.is_(None)
            )
            used = RECOVERY_CODES_OF.change(connection, unused, {"used_at": now})
            if used == 1:
                note(connection, TrailEntry(now, wanted, "recovery code used", wanted, ""))
            return used == 1

    def recovery_codes_left(self, name: str) -> int:
        """Return how many recovery codes of *name* are unused."""
        with self._database.reading() as connection:
            unused = (RECOVERY_CODES.c.identity == normal(name)) & RECOVERY_CODES.c.used_at.is_(
                None
            )
            return len(RECOVERY_CODES_OF.found(connection, unused, of_the_living=True))

    def user_handle(self, name: str) -> bytes:
        """
        Return the random bytes that stand for *name* in authenticators; made on first use.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            rows = USER_HANDLES_OF.found(connection, USER_HANDLES.c.identity == name)
            if rows:
                return bytes.fromhex(rows[0].handle)
            made = secrets.token_hex(HANDLE_BYTES)
            # One that somebody else wrote is in the way.
            USER_HANDLES_OF.sweep(connection, name)
            USER_HANDLES_OF.put(connection, [{"identity": name, "handle": made}])
            return bytes.fromhex(made)

    def passkeys(self, name: str | None = None) -> tuple[Passkey, ...]:
        """Return every passkey that was ever registered, or those of *name*, the oldest first."""
        where = None if name is None else PASSKEYS.c.identity == normal(name)
        with self._database.reading() as connection:
            return find_passkeys(connection, where)

    def passkey(self, key_id: str) -> Passkey | None:
        """
        Return the living passkey *key_id* (base64url), else ``None``.

        One that was revoked, or whose identity is gone, is none.
        """
        if not can_be_stored(key_id):
            return None
        with self._database.reading() as connection:
            living = (PASSKEYS.c.id == key_id) & PASSKEYS.c.revoked_at.is_(None)
            return next(iter(find_passkeys(connection, living, of_the_living=True)), None)

    def count_passkey(self, key: Passkey, count: int, *, now: float) -> bool:
        """
        Note that *key* was used and says *count*; return whether it may be believed.

        A counter that does not grow tells of a copy (WebAuthn, 7.2, step 22), but for one
        that is always 0. Of two uses at once with the same counter, one is refused.
        """
        grows = PASSKEYS.c.sign_count < count
        if count == 0:
            grows = PASSKEYS.c.sign_count == 0
        with self._database.writing() as connection:
            living = (PASSKEYS.c.id == key.id) & PASSKEYS.c.revoked_at.is_(None)
            values = {"sign_count": count, "used_at": now}
            return PASSKEYS_OF.change(connection, living & grows, values, keeps_mark=True) == 1

    def make_enrolment(self, name: str, *, by: str, now: float) -> str:
        """
        Return a code with which *name* may register one passkey, for a day and once.

        An earlier one of theirs ends by this.

        Raises:
            UsageError: there is no such user.
        """
        code = enrolment_code(secrets.token_bytes(RECOVERY_BYTES))
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            old = (ENROLMENTS.c.identity == name) | (ENROLMENTS.c.ends_at <= now)
            ENROLMENTS_OF.drop(connection, old)
            row = {"digest": digest_of(code), "identity": name, "ends_at": now + ENROLMENT_SECONDS}
            ENROLMENTS_OF.put(connection, [row])
            note(connection, TrailEntry(now, by, "passkey code made", name, ""))
        return code

    def enrolment(self, code: str, *, now: float) -> str | None:
        """Return who may register a passkey with *code*, ``None`` when nobody; it stays."""
        with self._database.reading() as connection:
            return _enrolled(connection, code, now)

    def add_passkey(self, key: Passkey, *, code: str | None, by: str, now: float) -> None:
        """
        Have *key* prove its identity from now on; *code*, when there is one, is used up.

        Raises:
            PasskeyError: the code is not (or no more) one for this user.
            UsageError: there is no such user, or the passkey is registered already.
        """
        with self._database.writing() as connection:
            known_identity(connection, key.identity)
            if code is not None:
                theirs = (
                    (ENROLMENTS.c.digest == digest_of(code))
                    & (ENROLMENTS.c.identity == key.identity)
                    & (ENROLMENTS.c.ends_at > now)
                )
                if ENROLMENTS_OF.drop(connection, theirs) != 1:
                    raise PasskeyError(
                        "the code for a passkey is unknown, too old or used",
                        hint="sealgate user passkey NAME makes another",
                    )
            if find_passkeys(connection, PASSKEYS.c.id == key.id):
                raise UsageError(
                    "this passkey is registered already, or was and is revoked",
                    hint="sealgate user passkey NAME --list",
                )
            PASSKEYS_OF.put(connection, [asdict(key)])
            note(connection, TrailEntry(now, by, "passkey added", key.identity, key.id))


def _enrolled(connection: sa.Connection, code: str, now: float) -> str | None:
    held = (ENROLMENTS.c.digest == digest_of(code)) & (ENROLMENTS.c.ends_at > now)
    rows = ENROLMENTS_OF.found(connection, held, of_the_living=True)
    return rows[0].identity if rows else None


def _app(connection: sa.Connection, name: str) -> tuple[sa.Row[Any], ...]:
    theirs = ONE_TIME_CODES.c.identity == name
    return ONE_TIME_CODES_OF.found(connection, theirs, of_the_living=True)


def _drop_totp(connection: sa.Connection, name: str, now: float) -> bool:
    codes = RECOVERY_CODES_OF.drop(connection, RECOVERY_CODES.c.identity == name)
    app = ONE_TIME_CODES_OF.drop(connection, ONE_TIME_CODES.c.identity == name)
    theirs = SIGN_INS.c.name == name
    resting = (Factor.TOTP, Factor.RECOVERY_CODE)
    end_sign_ins(connection, theirs, now, resting)
    return bool(app or codes)


def find_passkeys(
    connection: sa.Connection,
    where: sa.ColumnElement[bool] | None = None,
    *,
    of_the_living: bool = False,
) -> tuple[Passkey, ...]:
    """Return the passkeys of which *where* holds, the oldest first."""
    order = (PASSKEYS.c.added_at, PASSKEYS.c.id)
    return tuple(
        Passkey(
            row.id,
            row.identity,
            bytes(row.public),
            row.site,
            row.label,
            bool(row.synced),
            row.sign_count,
            row.added_at,
            row.used_at,
            row.revoked_at,
        )
        for row in PASSKEYS_OF.found(connection, where, order, of_the_living=of_the_living)
    )


def revoke_passkeys(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[Passkey, ...]:
    """Revoke the passkeys of which *where* holds; return those that were not yet."""
    living = where & PASSKEYS.c.revoked_at.is_(None)
    ids = [key.id for key in find_passkeys(connection, living)]
    PASSKEYS_OF.change(connection, living, {"revoked_at": now})
    return find_passkeys(connection, PASSKEYS.c.id.in_(ids))

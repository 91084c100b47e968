"""
The part of the store that keeps one-time codes, recovery codes and passkeys.

Each code counts once in all processes: using it up is one conditional change of one row.
Throttling is the caller's (:mod:`sealgate.identity.throttle`), as with passwords.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.database import reading, writing
from sealgate.errors import UsageError
from sealgate.identity.adapters import factor_tables
from sealgate.identity.adapters.factor_tables import (
    ENROLMENTS,
    ONE_TIME_CODES,
    PASSKEYS,
    RECOVERY_CODES,
    SIGN_INS,
    USER_HANDLES,
)
from sealgate.identity.adapters.tables import (
    IDENTITIES,
    can_be_stored,
    find_identity,
    known_identity,
    note,
)
from sealgate.identity.factors import Factor
from sealgate.identity.model import TrailEntry, normal
from sealgate.identity.passkeys import ENROLMENT_SECONDS, HANDLE_BYTES, PasskeyError
from sealgate.identity.totp import RECOVERY_BYTES, digest_of, enrolment_code, matching_step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.passkeys import Passkey
    from sealgate.identity.totp import Opener


class SecondFactors:
    """
    What proves who somebody is beside a password or a file, in the database of *_engine*.
    """

    _engine: sa.Engine

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
        with writing(self._engine) as connection:
            name = known_identity(connection, name).name
            _drop_totp(connection, name, now)
            connection.execute(
                sa.insert(ONE_TIME_CODES).values(
                    identity=name, sealed=sealed, last_step=step, set_at=now
                )
            )
            rows = [{"identity": name, "digest": digest_of(code)} for code in codes]
            if rows:
                connection.execute(sa.insert(RECOVERY_CODES), rows)
            note(connection, TrailEntry(now, by, "one-time codes set", name, ""))

    def remove_totp(self, name: str, *, by: str, now: float) -> bool:
        """
        Take one-time codes and recovery codes of *name* away; return whether there were any.

        Raises:
            UsageError: there is no such user.
        """
        with writing(self._engine) as connection:
            name = known_identity(connection, name).name
            if not _drop_totp(connection, name, now):
                return False
            note(connection, TrailEntry(now, by, "one-time codes removed", name, ""))
            return True

    def with_totp(self) -> frozenset[str]:
        """
        Return the names of those who have an authenticator app.
        """
        with reading(self._engine) as connection:
            return frozenset(connection.scalars(sa.select(ONE_TIME_CODES.c.identity)))

    def totp_set_at(self, name: str) -> float | None:
        """
        Return when the authenticator app of *name* was set up, ``None`` when there is none.
        """
        wanted = normal(name)
        if not can_be_stored(wanted):
            return None
        with reading(self._engine) as connection:
            query = sa.select(ONE_TIME_CODES.c.set_at).where(ONE_TIME_CODES.c.identity == wanted)
            held: float | None = connection.execute(query).scalar_one_or_none()
            return held

    def check_totp(self, name: str, code: str, opener: Opener, *, now: float) -> bool:
        """
        Return whether *code* is one of now of *name*; if so, it is used up.

        Raises:
            SealgateError: the key that opens the secret cannot be had.
        """
        wanted = normal(name)
        if not can_be_stored(wanted):
            return False
        with reading(self._engine) as connection:
            query = sa.select(ONE_TIME_CODES).where(ONE_TIME_CODES.c.identity == wanted)
            row = connection.execute(query).first()
        if row is None:
            return False
        step = matching_step(opener.open(wanted, bytes(row.sealed)), code, now, row.last_step)
        if step is None:
            return False
        held = (ONE_TIME_CODES.c.identity == wanted) & (ONE_TIME_CODES.c.set_at == row.set_at)
        with writing(self._engine) as connection:
            # Of two who bring the same code at once, one changes the row and the other finds none.
            used = connection.execute(
                sa.update(ONE_TIME_CODES)
                .where(held, ONE_TIME_CODES.c.last_step < step)
                .values(last_step=step)
            )
            return used.rowcount == 1

    def check_recovery_code(self, name: str, code: str, *, now: float) -> bool:
        """
        Return whether *code* is an unused recovery code of *name*; if so, it is used up.
        """
        wanted = normal(name)
        if not can_be_stored(wanted):
            return False
        with writing(self._engine) as connection:
            used = connection.execute(
                sa.update(RECOVERY_CODES)
                .where(
                    RECOVERY_CODES.c.identity == wanted,
                    RECOVERY_CODES.c.digest == digest_of(code),
                    RECOVERY_CODES.c.used_at.is_(None),
                )
                .values(used_at=now)
            )
            if used.rowcount == 1:
                note(connection, TrailEntry(now, wanted, "recovery code used", wanted, ""))
            return used.rowcount == 1

    def recovery_codes_left(self, name: str) -> int:
        """
        Return how many recovery codes of *name* are unused.
        """
        with reading(self._engine) as connection:
            unused = (RECOVERY_CODES.c.identity == normal(name)) & RECOVERY_CODES.c.used_at.is_(
                None
            )
            query = sa.select(sa.func.count()).select_from(RECOVERY_CODES).where(unused)
            return int(connection.execute(query).scalar_one())

    def user_handle(self, name: str) -> bytes:
        """
        Return the random bytes that stand for *name* in authenticators; made on first use.

        Raises:
            UsageError: there is no such user.
        """
        with writing(self._engine) as connection:
            name = known_identity(connection, name).name
            query = sa.select(USER_HANDLES.c.handle).where(USER_HANDLES.c.identity == name)
            held: str | None = connection.execute(query).scalar_one_or_none()
            if held is None:
                held = secrets.token_hex(HANDLE_BYTES)
                connection.execute(sa.insert(USER_HANDLES).values(identity=name, handle=held))
            return bytes.fromhex(held)

    def user_of_handle(self, handle: bytes) -> str | None:
        """
        Return whom *handle* stands for, ``None`` when nobody.
        """
        with reading(self._engine) as connection:
            held = USER_HANDLES.c.handle == handle.hex()
            return connection.execute(
                sa.select(USER_HANDLES.c.identity).where(held)
            ).scalar_one_or_none()

    def passkeys(self, name: str | None = None) -> tuple[Passkey, ...]:
        """
        Return every passkey that was ever registered, or those of *name*, the oldest first.
        """
        where = None if name is None else PASSKEYS.c.identity == normal(name)
        with reading(self._engine) as connection:
            return factor_tables.passkeys(connection, where)

    def passkey(self, key_id: str) -> Passkey | None:
        """
        Return the living passkey *key_id* (base64url), else ``None``.

        One that was revoked, or whose identity is gone, is none.
        """
        if not can_be_stored(key_id):
            return None
        with reading(self._engine) as connection:
            known = PASSKEYS.c.identity.in_(sa.select(IDENTITIES.c.name))
            living = (PASSKEYS.c.id == key_id) & PASSKEYS.c.revoked_at.is_(None)
            return next(iter(factor_tables.passkeys(connection, living & known)), None)

    def count_passkey(self, key: Passkey, count: int, *, now: float) -> bool:
        """
        Note that *key* was used and says *count*; return whether it may be believed.

        A counter that does not grow tells of a copy (WebAuthn, 7.2, step 22), but for one
        that is always 0. Of two uses at once with the same counter, one is refused.
        """
        grows = PASSKEYS.c.sign_count < count
        if count == 0:
            grows = PASSKEYS.c.sign_count == 0
        with writing(self._engine) as connection:
            counted = connection.execute(
                sa.update(PASSKEYS)
                .where(PASSKEYS.c.id == key.id, PASSKEYS.c.revoked_at.is_(None), grows)
                .values(sign_count=count, used_at=now)
            )
            return counted.rowcount == 1

    def make_enrolment(self, name: str, *, by: str, now: float) -> str:
        """
        Return a code with which *name* may register one passkey, for a day and once.

        An earlier one of theirs ends by this.

        Raises:
            UsageError: there is no such user.
        """
        code = enrolment_code(secrets.token_bytes(RECOVERY_BYTES))
        with writing(self._engine) as connection:
            name = known_identity(connection, name).name
            old = (ENROLMENTS.c.identity == name) | (ENROLMENTS.c.ends_at <= now)
            connection.execute(sa.delete(ENROLMENTS).where(old))
            row = {"digest": digest_of(code), "identity": name, "ends_at": now + ENROLMENT_SECONDS}
            connection.execute(sa.insert(ENROLMENTS).values(**row))
            note(connection, TrailEntry(now, by, "passkey code made", name, ""))
        return code

    def enrolment(self, code: str, *, now: float) -> str | None:
        """
        Return who may register a passkey with *code*, ``None`` when nobody; it stays.
        """
        with reading(self._engine) as connection:
            return _enrolled(connection, code, now)

    def add_passkey(self, key: Passkey, *, code: str | None, by: str, now: float) -> None:
        """
        Have *key* prove its identity from now on; *code*, when there is one, is used up.

        Raises:
            PasskeyError: the code is not (or no more) one for this user.
            UsageError: there is no such user, or the passkey is registered already.
        """
        with writing(self._engine) as connection:
            known_identity(connection, key.identity)
            if code is not None:
                gone = connection.execute(
                    sa.delete(ENROLMENTS).where(
                        ENROLMENTS.c.digest == digest_of(code),
                        ENROLMENTS.c.identity == key.identity,
                        ENROLMENTS.c.ends_at > now,
                    )
                )
                if gone.rowcount != 1:
                    raise PasskeyError(
                        "the code for a passkey is unknown, too old or used",
                        hint="sealgate user passkey NAME makes another",
                    )
            if factor_tables.passkeys(connection, PASSKEYS.c.id == key.id):
                raise UsageError(
                    "this passkey is registered already, or was and is revoked",
                    hint="sealgate user passkey NAME --list",
                )
            connection.execute(
                sa.insert(PASSKEYS).values(
                    id=key.id,
                    identity=key.identity,
                    public=key.public,
                    site=key.site,
                    label=key.label,
                    synced=key.synced,
                    sign_count=key.sign_count,
                    added_at=key.added_at,
                )
            )
            note(connection, TrailEntry(now, by, "passkey added", key.identity, key.id))


def _enrolled(connection: sa.Connection, code: str, now: float) -> str | None:
    held = (ENROLMENTS.c.digest == digest_of(code)) & (ENROLMENTS.c.ends_at > now)
    name = connection.execute(sa.select(ENROLMENTS.c.identity).where(held)).scalar_one_or_none()
    return name if name is not None and find_identity(connection, name) else None


def _drop_totp(connection: sa.Connection, name: str, now: float) -> bool:
    codes = connection.execute(sa.delete(RECOVERY_CODES).where(RECOVERY_CODES.c.identity == name))
    app = connection.execute(sa.delete(ONE_TIME_CODES).where(ONE_TIME_CODES.c.identity == name))
    theirs = SIGN_INS.c.name == name
    resting = (Factor.TOTP, Factor.RECOVERY_CODE)
    factor_tables.end_sign_ins(connection, theirs, now, resting)
    return bool(app.rowcount or codes.rowcount)

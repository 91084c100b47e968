"""The tables of roles, second factors, passkeys, grants and sign-ins, row for row as values."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.identity.adapters.sealed_rows import SEAL, Belongings, all_sealed, marked, rewrite
from sealgate.identity.adapters.tables import METADATA, PEOPLE, ROLES, ROLES_OF
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.grants import Grant
from sealgate.identity.passkeys import Passkey
from sealgate.identity.sessions import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ONE_TIME_CODES = sa.Table(
    "one_time_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("set_at", sa.Double),
    *marked(),
)
RECOVERY_CODES = sa.Table(
    "recovery_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("used_at", sa.Double),
    *marked(),
)
USER_HANDLES = sa.Table(
    "user_handles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("handle", sa.Text),
    *marked(),
)
PASSKEYS = sa.Table(
    "passkeys",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("public", sa.LargeBinary),
    sa.Column("site", sa.Text),
    sa.Column("label", sa.Text),
    sa.Column("synced", sa.Boolean),
    sa.Column("sign_count", sa.BigInteger),
    sa.Column("added_at", sa.Double),
    sa.Column("used_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
    *marked(),
)
ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("ends_at", sa.Double),
    *marked(),
)
GRANTS = sa.Table(
    "grants",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("person", sa.Text),
    sa.Column("asset", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("minutes", sa.Integer),
    sa.Column("asked_by", sa.Text),
    sa.Column("asked_at", sa.Double),
    sa.Column("approver", sa.Text),
    sa.Column("decided_by_actor", sa.Text),
    sa.Column("approved_at", sa.Double),
    sa.Column("denied_at", sa.Double),
    sa.Column("ended_by", sa.Text),
    sa.Column("ended_at", sa.Double),
    *marked(),
)
SIGN_INS = sa.Table(
    "sign_ins",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("site", sa.Text),
    sa.Column("proven", sa.Text),
    sa.Column("started_at", sa.Double),
    sa.Column("used_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    sa.Column(SEAL, sa.Text),
)
ONE_TIME_CODES_OF = Belongings(PEOPLE, ONE_TIME_CODES)
RECOVERY_CODES_OF = Belongings(PEOPLE, RECOVERY_CODES)
USER_HANDLES_OF = Belongings(PEOPLE, USER_HANDLES)
PASSKEYS_OF = Belongings(PEOPLE, PASSKEYS)
ENROLMENTS_OF = Belongings(PEOPLE, ENROLMENTS)
GRANTS_OF = Belongings(PEOPLE, GRANTS, "person")
# Two may use one sign-in at once; each look of the other is followed by one change at the most.
_TRIES = 5
# What goes with a person at once; passkeys and grants stay told.
OF_A_PERSON = (
    ROLES_OF,
    ONE_TIME_CODES_OF,
    RECOVERY_CODES_OF,
    USER_HANDLES_OF,
    ENROLMENTS_OF,
)


def all_roles(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """Return the roles of everybody who has any."""
    roles: dict[str, tuple[str, ...]] = {}
    for row in ROLES_OF.found(connection, order_by=(ROLES.c.name,)):
        roles[row.identity] = (*roles.get(row.identity, ()), row.name)
    return roles


def passkeys(
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
    ids = [key.id for key in passkeys(connection, living)]
    PASSKEYS_OF.change(connection, living, {"revoked_at": now})
    return passkeys(connection, PASSKEYS.c.id.in_(ids))


def grants(
    connection: sa.Connection,
    where: sa.ColumnElement[bool] | None = None,
    *,
    of_the_living: bool = False,
) -> tuple[Grant, ...]:
    """Return the grants of which *where* holds, the oldest first."""
    order = (GRANTS.c.asked_at, GRANTS.c.id)
    rows = GRANTS_OF.found(connection, where, order, of_the_living=of_the_living)
    return tuple(Grant(*(getattr(row, field.name) for field in fields(Grant))) for row in rows)


def sign_ins(connection: sa.Connection, where: sa.ColumnElement[bool]) -> tuple[SignIn, ...]:
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
    open_ones = sign_ins(connection, where & SIGN_INS.c.ended_at.is_(None))
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
            return next(iter(sign_ins(connection, SIGN_INS.c.id == now_id)), None)
    return None


def written_proofs(proven: Iterable[Proven]) -> str:
    """Return *proven* as text for one column."""
    return json.dumps([[str(p.factor), p.at, p.key] for p in proven])


def _read_proofs(text: str) -> tuple[Proven, ...]:
    read: list[Any] = json.loads(text)
    return tuple(Proven(Factor(factor), at, key) for factor, at, key in read)

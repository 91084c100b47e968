"""
The tables of roles, second factors, passkeys, grants and sign-ins, row for row as values.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.identity.adapters.tables import METADATA, ROLES, wait_for_turn
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.grants import Grant
from sealgate.identity.passkeys import Passkey
from sealgate.identity.sessions import SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable

ONE_TIME_CODES = sa.Table(
    "one_time_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("last_step", sa.BigInteger),
    sa.Column("set_at", sa.Double),
)
RECOVERY_CODES = sa.Table(
    "recovery_codes",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("used_at", sa.Double),
)
USER_HANDLES = sa.Table(
    "user_handles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("handle", sa.Text),
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
)
ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("ends_at", sa.Double),
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
)
# What goes with a person at once; passkeys and grants stay told.
OF_A_PERSON = (ROLES, ONE_TIME_CODES, RECOVERY_CODES, USER_HANDLES, ENROLMENTS)


def all_roles(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """
    Return the roles of everybody who has any.
    """
    roles: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(sa.select(ROLES).order_by(ROLES.c.name)):
        roles[row.identity] = (*roles.get(row.identity, ()), row.name)
    return roles


def passkeys(
    connection: sa.Connection, where: sa.ColumnElement[bool] | None = None
) -> tuple[Passkey, ...]:
    """
    Return the passkeys of which *where* holds, the oldest first.
    """
    query = sa.select(PASSKEYS).order_by(PASSKEYS.c.added_at, PASSKEYS.c.id)
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
        for row in connection.execute(query if where is None else query.where(where))
    )


def revoke_passkeys(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[Passkey, ...]:
    """
    Revoke the passkeys of which *where* holds; return those that were not yet.
    """
    living = where & PASSKEYS.c.revoked_at.is_(None)
    ids = [key.id for key in passkeys(connection, living)]
    connection.execute(sa.update(PASSKEYS).where(living).values(revoked_at=now))
    return passkeys(connection, PASSKEYS.c.id.in_(ids))


def grants(
    connection: sa.Connection, where: sa.ColumnElement[bool] | None = None
) -> tuple[Grant, ...]:
    """
    Return the grants of which *where* holds, the oldest first.
    """
    query = sa.select(GRANTS).order_by(GRANTS.c.asked_at, GRANTS.c.id)
    rows = connection.execute(query if where is None else query.where(where))
    return tuple(Grant(**row._mapping) for row in rows)  # noqa: SLF001  # SQLAlchemy's public name


def sign_ins(connection: sa.Connection, where: sa.ColumnElement[bool]) -> tuple[SignIn, ...]:
    """
    Return the sign-ins of which *where* holds, the oldest first.
    """
    query = sa.select(SIGN_INS).where(where).order_by(SIGN_INS.c.started_at, SIGN_INS.c.id)
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
        for row in connection.execute(query)
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
    # Those that begin at this very moment are waited for, or wait (sign_ins.py).
    wait_for_turn(connection)
    open_ones = sign_ins(connection, where & SIGN_INS.c.ended_at.is_(None))
    if resting_on is not None:
        wanted = frozenset(resting_on)
        open_ones = tuple(
            s for s in open_ones if any(p.key in wanted or p.factor in wanted for p in s.proven)
        )
    ids = [s.id for s in open_ones]
    connection.execute(sa.update(SIGN_INS).where(SIGN_INS.c.id.in_(ids)).values(ended_at=now))
    return open_ones


def written_proofs(proven: Iterable[Proven]) -> str:
    """
    Return *proven* as text for one column.
    """
    return json.dumps([[str(p.factor), p.at, p.key] for p in proven])


def _read_proofs(text: str) -> tuple[Proven, ...]:
    read: list[Any] = json.loads(text)
    return tuple(Proven(Factor(factor), at, key) for factor, at, key in read)

"""
The tables of identities, and what several parts of the store do with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.identity.model import ClientCertificate, Identity, no_such_user, normal
from sealgate.identity.ssh_keys import SSHKey

if TYPE_CHECKING:
    from sealgate.identity.model import TrailEntry

METADATA = sa.MetaData()
IDENTITIES = sa.Table(
    "identities",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("added_at", sa.Double),
)
GROUPS = sa.Table(
    "identity_groups",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
)
CERTIFICATES = sa.Table(
    "client_certificates",
    METADATA,
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text),
    sa.Column("identity", sa.Text),
    sa.Column("not_before", sa.Double),
    sa.Column("not_after", sa.Double),
    sa.Column("revoked_at", sa.Double),
)
SSH_KEYS = sa.Table(
    "ssh_keys",
    METADATA,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("algorithm", sa.Text),
    sa.Column("public", sa.Text),
    sa.Column("comment", sa.Text),
    sa.Column("identity", sa.Text),
    sa.Column("added_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
)
PASSWORDS = sa.Table(
    "passwords",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("phc", sa.Text),
    sa.Column("set_at", sa.Double),
)
STATE = sa.Table(
    "identity_state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("generation", sa.BigInteger),
    sa.Column("password_rounds", sa.Integer),
)
ROLES = sa.Table(
    "identity_roles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
)
TRAIL = sa.Table(
    "identity_trail",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Double),
    sa.Column("by", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("detail", sa.Text),
)


def find_identity(connection: sa.Connection, name: str) -> Identity | None:
    """
    Return the identity *name* with its groups, in any spelling of its characters.
    """
    wanted = normal(name)
    if not can_be_stored(wanted) or not exists(connection, wanted):
        return None
    found = (
        tuple(connection.scalars(sa.select(t.c.name).where(t.c.identity == wanted)))
        for t in (GROUPS, ROLES)
    )
    groups, roles = (tuple(sorted(names)) for names in found)
    return Identity(wanted, groups, roles)


def known_identity(connection: sa.Connection, name: str) -> Identity:
    """
    Return the identity *name*.

    Raises:
        UsageError: there is none.
    """
    identity = find_identity(connection, name)
    if identity is None:
        raise no_such_user(name)
    return identity


def exists(connection: sa.Connection, name: str) -> bool:
    """
    Return whether there is an identity of exactly that *name*.
    """
    query = sa.select(IDENTITIES.c.name).where(IDENTITIES.c.name == name)
    return connection.execute(query).first() is not None


def names(connection: sa.Connection) -> tuple[str, ...]:
    """
    Return the names of all identities.
    """
    return tuple(connection.scalars(sa.select(IDENTITIES.c.name)))


def can_be_stored(text: str) -> bool:
    """
    Return whether a database takes *text*: names at a sign-in come raw from the wire.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def certificates(
    connection: sa.Connection, where: sa.ColumnElement[bool] | None = None
) -> tuple[ClientCertificate, ...]:
    """
    Return the certificates of which *where* holds, the oldest first.
    """
    query = sa.select(CERTIFICATES).order_by(CERTIFICATES.c.not_before, CERTIFICATES.c.serial)
    return tuple(
        ClientCertificate(
            row.serial,
            row.fingerprint,
            row.identity,
            row.not_before,
            row.not_after,
            row.revoked_at,
        )
        for row in connection.execute(query if where is None else query.where(where))
    )


def ssh_keys(
    connection: sa.Connection, where: sa.ColumnElement[bool] | None = None
) -> tuple[SSHKey, ...]:
    """
    Return the SSH keys of which *where* holds, the oldest first.
    """
    query = sa.select(SSH_KEYS).order_by(SSH_KEYS.c.added_at, SSH_KEYS.c.fingerprint)
    return tuple(
        SSHKey(
            row.fingerprint,
            row.algorithm,
            row.public,
            row.comment,
            row.identity,
            row.added_at,
            row.revoked_at,
        )
        for row in connection.execute(query if where is None else query.where(where))
    )


def revoke_certificates(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[ClientCertificate, ...]:
    """
    Revoke the certificates of which *where* holds; return those that were not yet.
    """
    living = where & CERTIFICATES.c.revoked_at.is_(None)
    serials = [c.serial for c in certificates(connection, living)]
    connection.execute(sa.update(CERTIFICATES).where(living).values(revoked_at=now))
    return certificates(connection, CERTIFICATES.c.serial.in_(serials))


def revoke_ssh_keys(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[SSHKey, ...]:
    """
    Revoke the SSH keys of which *where* holds; return those that were not yet.
    """
    living = where & SSH_KEYS.c.revoked_at.is_(None)
    fingerprints = [key.fingerprint for key in ssh_keys(connection, living)]
    connection.execute(sa.update(SSH_KEYS).where(living).values(revoked_at=now))
    return ssh_keys(connection, SSH_KEYS.c.fingerprint.in_(fingerprints))


def has_any(
    connection: sa.Connection, column: sa.Column[Any], where: sa.ColumnElement[bool]
) -> bool:
    """
    Return whether *where* holds of any row of the table of *column*.
    """
    return connection.execute(sa.select(column).where(where).limit(1)).first() is not None


def note(connection: sa.Connection, entry: TrailEntry) -> None:
    """
    Leave *entry* in the trail, and have servers see that something changed.
    """
    connection.execute(
        sa.insert(TRAIL).values(
            at=entry.at,
            by=entry.by,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
        )
    )
    connection.execute(sa.update(STATE).values(generation=STATE.c.generation + 1))


def wait_for_turn(connection: sa.Connection) -> None:
    """
    Have whoever else does this wait until the change of *connection* is kept or given up.

    PostgreSQL lets two transactions read before either writes; the one row of the state is
    locked by the first. SQLite has one writer anyway.
    """
    connection.execute(sa.update(STATE).values(generation=STATE.c.generation))

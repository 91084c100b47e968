"""Adds a person, and finds those whom somebody else wrote: what concerns all their rows at once."""

from __future__ import annotations

import sqlalchemy as sa

from sealgate.identity.adapters.credentials import revoke_certificates, revoke_ssh_keys
from sealgate.identity.adapters.database import can_be_stored, has_any
from sealgate.identity.adapters.grants import end_grants_of
from sealgate.identity.adapters.identities import find_identity, known_identity
from sealgate.identity.adapters.schema import (
    CERTIFICATES,
    ENDED_WITH_A_PERSON,
    IDENTITIES,
    LINKS,
    LINKS_OF,
    PASSKEYS,
    PEOPLE,
    SSH_KEYS,
)
from sealgate.identity.adapters.sealed_rows import MARKS, all_sealed, put_sealed
from sealgate.identity.adapters.second_factors import revoke_passkeys
from sealgate.identity.model import ClientCertificate, Identity, normal
from sealgate.identity.passkeys import Passkey
from sealgate.identity.ssh_keys import SSHKey

# What lets an identity in without a password.
Credential = ClientCertificate | SSHKey | Passkey


def put_person(connection: sa.Connection, name: str, *, by: str, now: float) -> None:
    """
    Add the identity *name*, in place of one that somebody else wrote.

    What somebody of that name had, who was removed, ended with that; where it does not say so it
    was put back by somebody else, and ends now.
    """
    connection.execute(sa.delete(IDENTITIES).where(IDENTITIES.c.name == name))
    revoke_all(connection, name, now)
    end_links(connection, name, now)
    end_grants_of(connection, Identity(name), by, now)
    for kept in ENDED_WITH_A_PERSON:
        connection.execute(sa.delete(kept.table).where(kept.owner == name))
    marks = [
        row.mark
        for kept in PEOPLE.belongings
        for row in all_sealed(connection, kept.table, kept.owner == name)
    ]
    row = {"name": name, "added_at": now, MARKS: "[]", "changed": 0}
    put_sealed(connection, IDENTITIES, row)
    PEOPLE.relist(connection, name, marks, ())


def end_links(connection: sa.Connection, name: str, now: float) -> None:
    """Have the account *name* belong to nobody at a provider any more."""
    living = (LINKS.c.identity == name) & LINKS.c.ended_at.is_(None)
    LINKS_OF.change(connection, living, {"ended_at": now})


def revoke_all(connection: sa.Connection, name: str, now: float) -> tuple[Credential, ...]:
    """Revoke every key of the identity *name*; return those that were not yet."""
    return (
        *revoke_certificates(connection, CERTIFICATES.c.identity == name, now),
        *revoke_ssh_keys(connection, SSH_KEYS.c.identity == name, now),
        *revoke_passkeys(connection, PASSKEYS.c.identity == name, now),
    )


def known_or_forged(connection: sa.Connection, name: str) -> Identity:
    """
    Return the identity *name*; also one of whom somebody else wrote a row, which is to go.

    Raises:
        UsageError: there is none.
    """
    wanted = normal(name)
    if can_be_stored(wanted) and find_identity(connection, wanted) is None:
        columns = (IDENTITIES.c.name, *(kept.owner for kept in PEOPLE.belongings))
        stray = [column for column in columns if has_any(connection, column, column == wanted)]
        forged = [
            column
            for column in stray
            if len(connection.execute(sa.select(column).where(column == wanted)).all())
            > len(all_sealed(connection, column.table, column == wanted))
        ]
        if forged:
            return Identity(wanted)
    return known_identity(connection, name)

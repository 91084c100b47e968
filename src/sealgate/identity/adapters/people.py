"""Adds a person, and finds those whom somebody else wrote: what concerns all their rows at once."""

from __future__ import annotations

import sqlalchemy as sa

from sealgate.identity.adapters import factor_tables, tables
from sealgate.identity.adapters.factor_tables import OF_A_PERSON, PASSKEYS
from sealgate.identity.adapters.grants import end_grants_of
from sealgate.identity.adapters.sealed_rows import MARKS, all_sealed, put_sealed
from sealgate.identity.adapters.tables import (
    CERTIFICATES,
    GROUPS_OF,
    IDENTITIES,
    LINKS,
    LINKS_OF,
    PASSWORDS_OF,
    PEOPLE,
    SSH_KEYS,
    known_identity,
)
from sealgate.identity.model import ClientCertificate, Identity, normal
from sealgate.identity.passkeys import Passkey
from sealgate.identity.ssh_keys import SSHKey

# What lets an identity in without a password.
Credential = ClientCertificate | SSHKey | Passkey


# What is taken away with a person: such a row of somebody who is not there was put back.
ENDED_WITH_A_PERSON = (GROUPS_OF, PASSWORDS_OF, *OF_A_PERSON)


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
        *tables.revoke_certificates(connection, CERTIFICATES.c.identity == name, now),
        *tables.revoke_ssh_keys(connection, SSH_KEYS.c.identity == name, now),
        *factor_tables.revoke_passkeys(connection, PASSKEYS.c.identity == name, now),
    )


def known_or_forged(connection: sa.Connection, name: str) -> Identity:
    """
    Return the identity *name*; also one of whom somebody else wrote a row, which is to go.

    Raises:
        UsageError: there is none.
    """
    wanted = normal(name)
    if tables.can_be_stored(wanted) and tables.find_identity(connection, wanted) is None:
        columns = (IDENTITIES.c.name, *(kept.owner for kept in PEOPLE.belongings))
        stray = [
            column for column in columns if tables.has_any(connection, column, column == wanted)
        ]
        forged = [
            column
            for column in stray
            if len(connection.execute(sa.select(column).where(column == wanted)).all())
            > len(all_sealed(connection, column.table, column == wanted))
        ]
        if forged:
            return Identity(wanted)
    return known_identity(connection, name)

"""Identities with their groups and roles, read and written as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.identity.adapters.database import can_be_stored
from sealgate.identity.adapters.schema import GROUPS, GROUPS_OF, PEOPLE, ROLES, ROLES_OF
from sealgate.identity.model import Identity, no_such_user, normal

if TYPE_CHECKING:
    import sqlalchemy as sa


def find_identity(connection: sa.Connection, name: str) -> Identity | None:
    """Return the identity *name* with its groups, in any spelling of its characters."""
    wanted = normal(name)
    if not can_be_stored(wanted) or not exists(connection, wanted):
        return None
    groups, roles = (
        tuple(sorted(row.name for row in held.found(connection, held.owner == wanted)))
        for held in (GROUPS_OF, ROLES_OF)
    )
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
    """Return whether there is an identity of exactly that *name*."""
    return PEOPLE.marks(connection, name) is not None


def names(connection: sa.Connection) -> tuple[str, ...]:
    """Return the names of all identities."""
    return tuple(PEOPLE.all_marks(connection))


def all_identities(connection: sa.Connection) -> tuple[Identity, ...]:
    """Return every identity with its groups and roles, by name."""
    groups: dict[str, list[str]] = {}
    for row in GROUPS_OF.found(connection, order_by=(GROUPS.c.name,)):
        groups.setdefault(row.identity, []).append(row.name)
    roles = _all_roles(connection)
    return tuple(
        Identity(name, tuple(groups.get(name, ())), roles.get(name, ()))
        for name in sorted(names(connection))
    )


def _all_roles(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    roles: dict[str, tuple[str, ...]] = {}
    for row in ROLES_OF.found(connection, order_by=(ROLES.c.name,)):
        roles[row.identity] = (*roles.get(row.identity, ()), row.name)
    return roles

"""The part of the store that knows which accounts belong to people at an identity provider."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.errors import UsageError
from sealgate.identity.adapters.database import Database, can_be_stored, note
from sealgate.identity.adapters.identities import exists, known_identity, names
from sealgate.identity.adapters.people import put_person
from sealgate.identity.adapters.schema import GROUPS_OF, LINKS, LINKS_OF, ROLES_OF
from sealgate.identity.adapters.sealed_rows import Belongings
from sealgate.identity.model import (
    Identity,
    TrailEntry,
    checked_apart,
    checked_name,
    checked_new_name,
)
from sealgate.identity.providers import (
    ProviderLink,
    Step,
    Unadmitted,
    UnadmittedError,
    step_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class ProviderLinks:
    """Who is who at an identity provider."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def resolve(
        self,
        issuer: str,
        subject: str,
        name: str,
        *,
        adds_users: bool,
        groups: tuple[Iterable[str], Iterable[str]] = ((), ()),
        roles: tuple[Iterable[str], Iterable[str]] = ((), ()),
        by: str,
        now: float,
    ) -> Identity:
        """
        Return the account of the person *subject* of *issuer*, as it is from now on.

        *name* is what the provider calls them, "" for nothing that can be used. *groups* and
        *roles* are those that they are in, and those that the provider decides about: of
        these they keep no others, all else is left alone.

        Raises:
            UnadmittedError: they have no account, and get none.
        """
        name = checked_name(name) if name else ""
        with self._database.writing() as connection:
            link = _link(connection, issuer, subject)
            step = step_for(
                link,
                name,
                exists=bool(name) and exists(connection, name),
                # A link that is gone from the database was somebody's.
                is_linked=bool(_living_links(connection, name))
                or LINKS_OF.missing(connection, name),
                adds_users=adds_users,
            )
            if step is Step.USE and link is not None:
                name = link.identity
                if not exists(connection, name):
                    # Their row is gone, or somebody else wrote it.
                    raise UnadmittedError(Unadmitted.REMOVED)
            else:
                if step is Step.ADD:
                    _must_be_apart(connection, name)
                    put_person(connection, name, by=by, now=now)
                    note(connection, TrailEntry(now, by, "user added", name, ""))
                _put_link(connection, ProviderLink(issuer, subject, name, now))
                note(connection, TrailEntry(now, by, "linked to provider", name, issuer))
            identity = known_identity(connection, name)
            return Identity(
                name,
                _settle(connection, GROUPS_OF, (name, identity.groups), groups, by=by, now=now),
                _settle(connection, ROLES_OF, (name, identity.roles), roles, by=by, now=now),
            )

    def all(self) -> tuple[ProviderLink, ...]:
        """Return every link that there was, the oldest first."""
        with self._database.reading() as connection:
            return _links(connection, sa.true())


def _links(connection: sa.Connection, where: sa.ColumnElement[bool]) -> tuple[ProviderLink, ...]:
    order = (LINKS.c.linked_at, LINKS.c.subject)
    return tuple(
        ProviderLink(row.issuer, row.subject, row.identity, row.linked_at, row.ended_at)
        for row in LINKS_OF.found(connection, where, order)
    )


def _link(connection: sa.Connection, issuer: str, subject: str) -> ProviderLink | None:
    if not can_be_stored(subject):
        return None
    held = (LINKS.c.issuer == issuer) & (LINKS.c.subject == subject)
    return next(iter(_links(connection, held)), None)


def _living_links(connection: sa.Connection, name: str) -> tuple[ProviderLink, ...]:
    return _links(connection, (LINKS.c.identity == name) & LINKS.c.ended_at.is_(None))


def _put_link(connection: sa.Connection, link: ProviderLink) -> None:
    same = (LINKS.c.issuer == link.issuer) & (LINKS.c.subject == link.subject)
    LINKS_OF.drop(connection, same)
    LINKS_OF.put(connection, [asdict(link)])


def _must_be_apart(connection: sa.Connection, name: str) -> None:
    try:
        checked_apart("user", checked_new_name(name), names(connection))
    except UsageError as error:
        raise UnadmittedError(Unadmitted.ALIKE) from error


def _settle(
    connection: sa.Connection,
    table: Belongings,
    held: tuple[str, Iterable[str]],
    wanted: tuple[Iterable[str], Iterable[str]],
    *,
    by: str,
    now: float,
) -> tuple[str, ...]:
    name, before = held[0], set(held[1])
    told, decided = (set(names) for names in wanted)
    after = (before - decided) | (told & decided)
    if after == before:
        return tuple(sorted(before))
    table.drop(connection, table.owner == name)
    table.put(connection, [{"identity": name, "name": one} for one in sorted(after)])
    what = "groups changed" if table is GROUPS_OF else "roles changed"
    note(connection, TrailEntry(now, by, what, name, ", ".join(sorted(after))))
    return tuple(sorted(after))

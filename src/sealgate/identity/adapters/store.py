"""
Keeps identities, groups and issued client certificates in SQL, with a trail of changes.

A change that returned is on the disk: it survives the end of the process and of the
machine. No private key and no password is ever kept here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from sealgate.database import migrate, open_database, reading, writing
from sealgate.errors import UsageError
from sealgate.identity.model import (
    ClientCertificate,
    Identity,
    TrailEntry,
    checked_group,
    checked_name,
    normal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "identity_version"
# The newest revision below migrations/.
HEAD = "0001"

_METADATA = sa.MetaData()
_IDENTITIES = sa.Table(
    "identities",
    _METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("added_at", sa.Double),
)
_GROUPS = sa.Table(
    "identity_groups",
    _METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
)
_CERTIFICATES = sa.Table(
    "client_certificates",
    _METADATA,
    sa.Column("serial", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text),
    sa.Column("identity", sa.Text),
    sa.Column("not_before", sa.Double),
    sa.Column("not_after", sa.Double),
    sa.Column("revoked_at", sa.Double),
)
_TRAIL = sa.Table(
    "identity_trail",
    _METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", sa.Double),
    sa.Column("by", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("detail", sa.Text),
)


class IdentityStore:
    """
    The identities of one installation, in the database at *url*.

    Every change takes *by* (who did it) and *now*, and leaves one entry in the trail.
    Close it, or use it in a ``with`` block.

    Raises:
        SourceError: the database cannot be opened, or is damaged or newer than this.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)
        try:
            migrate(self._engine, MIGRATIONS, VERSION_TABLE, head=HEAD)
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._engine.dispose()

    def identities(self) -> tuple[Identity, ...]:
        """
        Return every identity with its groups, by name.
        """
        with reading(self._engine) as connection:
            return _identities(connection)

    def certificates(self) -> tuple[ClientCertificate, ...]:
        """
        Return every certificate that was ever issued, the oldest first.
        """
        with reading(self._engine) as connection:
            return _certificates(connection)

    def everything(self) -> tuple[tuple[Identity, ...], tuple[ClientCertificate, ...]]:
        """
        Return identities and certificates as they stood at one moment.
        """
        with reading(self._engine) as connection:
            return _identities(connection), _certificates(connection)

    def trail(self) -> tuple[TrailEntry, ...]:
        """
        Return every change, the oldest first.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_TRAIL).order_by(_TRAIL.c.id))
            return tuple(TrailEntry(r.at, r.by, r.action, r.subject, r.detail) for r in rows)

    def add(self, name: str, groups: Iterable[str], *, by: str, now: float) -> Identity:
        """
        Add the identity *name*, a member of *groups*.

        Raises:
            UsageError: there is one of that name, or a name is not fit for use.
        """
        name = checked_name(name)
        members = sorted({checked_group(group) for group in groups})
        with writing(self._engine) as connection:
            if _exists(connection, name):
                raise UsageError(
                    f'user "{name}" exists already',
                    hint=f"sealgate user group {name} --add GROUP",
                )
            connection.execute(sa.insert(_IDENTITIES).values(name=name, added_at=now))
            _join(connection, name, members)
            _note(connection, TrailEntry(now, by, "user added", name, ", ".join(members)))
        return Identity(name, tuple(members))

    def regroup(
        self, name: str, add: Iterable[str], remove: Iterable[str], *, by: str, now: float
    ) -> Identity:
        """
        Make *name* a member of the groups *add* and no member of the groups *remove*.

        Raises:
            UsageError: there is no such user, or a group stands on both sides.
        """
        joined = {checked_group(group) for group in add}
        left = {normal(group) for group in remove}
        if both := sorted(joined & left):
            raise UsageError(f'group "{both[0]}" is both added and removed')
        with writing(self._engine) as connection:
            identity = _known(connection, name)
            groups = set(identity.groups)
            if missing := sorted(left - groups):
                raise UsageError(
                    f'user "{identity.name}" is no member of group "{missing[0]}"',
                    hint="sealgate user list",
                )
            connection.execute(
                sa.delete(_GROUPS).where(
                    _GROUPS.c.identity == identity.name, _GROUPS.c.name.in_(left)
                )
            )
            _join(connection, identity.name, sorted(joined - groups))
            now_member = tuple(sorted((groups | joined) - left))
            _note(
                connection,
                TrailEntry(now, by, "groups changed", identity.name, ", ".join(now_member)),
            )
        return Identity(identity.name, now_member)

    def remove(self, name: str, *, by: str, now: float) -> tuple[ClientCertificate, ...]:
        """
        Remove the identity *name* and revoke its certificates, which are returned.

        Raises:
            UsageError: there is no such user.
        """
        with writing(self._engine) as connection:
            name = _known(connection, name).name
            revoked = _revoke(connection, _CERTIFICATES.c.identity == name, now)
            connection.execute(sa.delete(_GROUPS).where(_GROUPS.c.identity == name))
            connection.execute(sa.delete(_IDENTITIES).where(_IDENTITIES.c.name == name))
            serials = ", ".join(c.serial for c in revoked)
            _note(connection, TrailEntry(now, by, "user removed", name, serials))
        return revoked

    def record(self, certificate: ClientCertificate, *, by: str, now: float) -> None:
        """
        Keep what an issued *certificate* is known by; from now on it may admit.

        Raises:
            UsageError: there is no user that it was issued for.
        """
        with writing(self._engine) as connection:
            _known(connection, certificate.identity)
            connection.execute(
                sa.insert(_CERTIFICATES).values(
                    serial=certificate.serial,
                    fingerprint=certificate.fingerprint,
                    identity=certificate.identity,
                    not_before=certificate.not_before,
                    not_after=certificate.not_after,
                    revoked_at=certificate.revoked_at,
                )
            )
            _note(
                connection,
                TrailEntry(now, by, "key issued", certificate.identity, certificate.serial),
            )

    def revoke(self, which: str, *, by: str, now: float) -> tuple[ClientCertificate, ...]:
        """
        Revoke the certificate with the serial *which*, or all of the user *which*.

        Returns those that are revoked by this call; none, when all of them were before.

        Raises:
            UsageError: nothing is known by that name or serial, or both are.
        """
        serial = which.replace(":", "").lower().lstrip("0")
        name = normal(which)
        with writing(self._engine) as connection:
            by_serial = _CERTIFICATES.c.serial == serial
            by_name = _CERTIFICATES.c.identity == name
            is_serial = _any(connection, by_serial)
            is_name = _any(connection, by_name)
            if is_serial and is_name:
                raise UsageError(f'"{which}" is both a serial and a user', hint="sealgate key list")
            if not is_serial and not is_name:
                known = _exists(connection, name)
                told = "has no certificate" if known else "is neither a serial nor a user with one"
                raise UsageError(f'"{which}" {told}', hint="sealgate key list")
            revoked = _revoke(connection, by_serial if is_serial else by_name, now)
            for certificate in revoked:
                _note(
                    connection,
                    TrailEntry(now, by, "key revoked", certificate.identity, certificate.serial),
                )
        return revoked


def _identities(connection: sa.Connection) -> tuple[Identity, ...]:
    groups: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(_GROUPS).order_by(_GROUPS.c.name)):
        groups.setdefault(row.identity, []).append(row.name)
    names = connection.execute(sa.select(_IDENTITIES.c.name).order_by(_IDENTITIES.c.name))
    return tuple(Identity(name, tuple(groups.get(name, ()))) for name in names.scalars())


def _certificates(
    connection: sa.Connection, where: sa.ColumnElement[bool] | None = None
) -> tuple[ClientCertificate, ...]:
    query = sa.select(_CERTIFICATES).order_by(_CERTIFICATES.c.not_before, _CERTIFICATES.c.serial)
    if where is not None:
        query = query.where(where)
    return tuple(
        ClientCertificate(
            row.serial,
            row.fingerprint,
            row.identity,
            row.not_before,
            row.not_after,
            row.revoked_at,
        )
        for row in connection.execute(query)
    )


def _exists(connection: sa.Connection, name: str) -> bool:
    query = sa.select(_IDENTITIES.c.name).where(_IDENTITIES.c.name == name)
    return connection.execute(query).first() is not None


def _any(connection: sa.Connection, where: sa.ColumnElement[bool]) -> bool:
    return connection.execute(sa.select(_CERTIFICATES.c.serial).where(where)).first() is not None


def _known(connection: sa.Connection, name: str) -> Identity:
    wanted = normal(name)
    for identity in _identities(connection):
        if identity.name == wanted:
            return identity
    raise UsageError(f'there is no user "{name}"', hint=f"sealgate user add {name}")


def _join(connection: sa.Connection, name: str, groups: list[str]) -> None:
    if groups:
        rows = [{"identity": name, "name": group} for group in groups]
        connection.execute(sa.insert(_GROUPS), rows)


def _revoke(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[ClientCertificate, ...]:
    living = where & _CERTIFICATES.c.revoked_at.is_(None)
    serials = [c.serial for c in _certificates(connection, living)]
    connection.execute(sa.update(_CERTIFICATES).where(living).values(revoked_at=now))
    return _certificates(connection, _CERTIFICATES.c.serial.in_(serials))


def _note(connection: sa.Connection, entry: TrailEntry) -> None:
    connection.execute(
        sa.insert(_TRAIL).values(
            at=entry.at,
            by=entry.by,
            action=entry.action,
            subject=entry.subject,
            detail=entry.detail,
        )
    )

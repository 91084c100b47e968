"""
Keeps identities, their groups and what lets them in in SQL, with a trail of changes.

A change that returned is on the disk: it survives the end of the process and of the
machine. No private key is ever kept here, and of a password only its argon2id hash.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from sealgate.database import migrate, open_database, reading, writing
from sealgate.errors import UsageError
from sealgate.identity.adapters import tables
from sealgate.identity.adapters.credentials import Credentials
from sealgate.identity.adapters.tables import (
    CERTIFICATES,
    GROUPS,
    IDENTITIES,
    PASSWORDS,
    SSH_KEYS,
    TRAIL,
    exists,
    known_identity,
    note,
)
from sealgate.identity.model import (
    ClientCertificate,
    Identity,
    TrailEntry,
    checked_group,
    checked_name,
    normal,
)
from sealgate.identity.ssh_keys import SSHKey

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "identity_version"
# The newest revision below migrations/.
HEAD = "0002"

# What lets an identity in without a password.
Credential = ClientCertificate | SSHKey


class IdentityStore(Credentials):
    """
    The identities of one installation, in the database at *url*.

    Every change takes *by* (who did it) and *now*, and leaves one entry in the trail.
    Close it, or use it in a ``with`` block.

    Raises:
        SourceError: the database cannot be opened, or is damaged or newer than this.
    """

    def __init__(self, url: str) -> None:
        super().__init__(open_database(url))
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
            return tables.certificates(connection)

    def everything(self) -> tuple[tuple[Identity, ...], tuple[ClientCertificate, ...]]:
        """
        Return identities and certificates as they stood at one moment.
        """
        with reading(self._engine) as connection:
            return _identities(connection), tables.certificates(connection)

    def trail(self) -> tuple[TrailEntry, ...]:
        """
        Return every change, the oldest first.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(TRAIL).order_by(TRAIL.c.id))
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
            if exists(connection, name):
                raise UsageError(
                    f'user "{name}" exists already',
                    hint=f"sealgate user group {name} --add GROUP",
                )
            connection.execute(sa.insert(IDENTITIES).values(name=name, added_at=now))
            _join(connection, name, members)
            note(connection, TrailEntry(now, by, "user added", name, ", ".join(members)))
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
            identity = known_identity(connection, name)
            groups = set(identity.groups)
            if missing := sorted(left - groups):
                raise UsageError(
                    f'user "{identity.name}" is no member of group "{missing[0]}"',
                    hint="sealgate user list",
                )
            connection.execute(
                sa.delete(GROUPS).where(GROUPS.c.identity == identity.name, GROUPS.c.name.in_(left))
            )
            _join(connection, identity.name, sorted(joined - groups))
            now_member = tuple(sorted((groups | joined) - left))
            note(
                connection,
                TrailEntry(now, by, "groups changed", identity.name, ", ".join(now_member)),
            )
        return Identity(identity.name, now_member)

    def remove(self, name: str, *, by: str, now: float) -> tuple[Credential, ...]:
        """
        Remove the identity *name* with its password, and revoke its keys.

        Returns the certificates and SSH keys that are revoked by this.

        Raises:
            UsageError: there is no such user.
        """
        with writing(self._engine) as connection:
            name = known_identity(connection, name).name
            revoked = _revoke_all(connection, name, now)
            for table in (GROUPS, PASSWORDS):
                connection.execute(sa.delete(table).where(table.c.identity == name))
            connection.execute(sa.delete(IDENTITIES).where(IDENTITIES.c.name == name))
            told = ", ".join(credential.handle for credential in revoked)
            note(connection, TrailEntry(now, by, "user removed", name, told))
        return revoked

    def record(self, certificate: ClientCertificate, *, by: str, now: float) -> None:
        """
        Keep what an issued *certificate* is known by; from now on it may admit.

        Raises:
            UsageError: there is no user that it was issued for.
        """
        with writing(self._engine) as connection:
            known_identity(connection, certificate.identity)
            connection.execute(
                sa.insert(CERTIFICATES).values(
                    serial=certificate.serial,
                    fingerprint=certificate.fingerprint,
                    identity=certificate.identity,
                    not_before=certificate.not_before,
                    not_after=certificate.not_after,
                    revoked_at=certificate.revoked_at,
                )
            )
            note(
                connection,
                TrailEntry(now, by, "key issued", certificate.identity, certificate.serial),
            )

    def revoke(self, which: str, *, by: str, now: float) -> tuple[Credential, ...]:
        """
        Revoke the key *which* (a serial or a fingerprint), or every key of the user *which*.

        Returns those that are revoked by this call; none, when all of them were before.

        Raises:
            UsageError: nothing is known by that name, serial or fingerprint, or several are.
        """
        digits = which.replace(":", "").lower()
        name = normal(which)
        one = (CERTIFICATES.c.serial == digits.lstrip("0")) | (CERTIFICATES.c.fingerprint == digits)
        ssh = SSH_KEYS.c.fingerprint == which
        with writing(self._engine) as connection:
            is_certificate = tables.has_any(connection, CERTIFICATES.c.serial, one)
            is_ssh_key = tables.has_any(connection, SSH_KEYS.c.fingerprint, ssh)
            is_name = _has_keys(connection, name)
            if is_name and (is_certificate or is_ssh_key):
                raise UsageError(f'"{which}" is both a key and a user', hint="sealgate key list")
            revoked: tuple[Credential, ...]
            if is_name:
                revoked = _revoke_all(connection, name, now)
            elif is_certificate:
                revoked = tables.revoke_certificates(connection, one, now)
            elif is_ssh_key:
                revoked = tables.revoke_ssh_keys(connection, ssh, now)
            else:
                raise _unknown(which, known=exists(connection, name))
            for key in revoked:
                entry = TrailEntry(now, by, "key revoked", key.identity, key.handle)
                note(connection, entry)
        return revoked


def _has_keys(connection: sa.Connection, name: str) -> bool:
    return tables.has_any(
        connection, CERTIFICATES.c.serial, CERTIFICATES.c.identity == name
    ) or tables.has_any(connection, SSH_KEYS.c.fingerprint, SSH_KEYS.c.identity == name)


def _revoke_all(connection: sa.Connection, name: str, now: float) -> tuple[Credential, ...]:
    return (
        *tables.revoke_certificates(connection, CERTIFICATES.c.identity == name, now),
        *tables.revoke_ssh_keys(connection, SSH_KEYS.c.identity == name, now),
    )


def _unknown(which: str, *, known: bool) -> UsageError:
    told = "has no key" if known else "is neither a serial, a fingerprint nor a user with a key"
    return UsageError(f'"{which}" {told}', hint="sealgate key list")


def _identities(connection: sa.Connection) -> tuple[Identity, ...]:
    groups: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(GROUPS).order_by(GROUPS.c.name)):
        groups.setdefault(row.identity, []).append(row.name)
    names = connection.execute(sa.select(IDENTITIES.c.name).order_by(IDENTITIES.c.name))
    return tuple(Identity(name, tuple(groups.get(name, ()))) for name in names.scalars())


def _join(connection: sa.Connection, name: str, groups: list[str]) -> None:
    if groups:
        rows = [{"identity": name, "name": group} for group in groups]
        connection.execute(sa.insert(GROUPS), rows)

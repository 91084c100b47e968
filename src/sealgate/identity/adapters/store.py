"""
Keeps identities, their groups and what lets them in in SQL, with a trail of changes.

A change that returned is on the disk: it survives the end of the process and of the
machine. No private key is ever kept here, and of a password only its argon2id hash.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from sealgate.database import migrate, open_database, reading
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters import factor_tables, row_check, tables
from sealgate.identity.adapters.credentials import Credentials
from sealgate.identity.adapters.factor_tables import (
    PASSKEYS,
    SIGN_INS,
)
from sealgate.identity.adapters.grants import Grants, end_grants_of
from sealgate.identity.adapters.people import (
    ENDED_WITH_A_PERSON,
    Credential,
    end_links,
    known_or_forged,
    put_person,
    revoke_all,
)
from sealgate.identity.adapters.provider_links import ProviderLinks
from sealgate.identity.adapters.row_key import RowKey
from sealgate.identity.adapters.sealed_rows import Belongings, key_id, with_key
from sealgate.identity.adapters.second_factors import SecondFactors
from sealgate.identity.adapters.sign_ins import SignIns
from sealgate.identity.adapters.tables import (
    CERTIFICATES,
    CERTIFICATES_OF,
    GROUPS,
    GROUPS_OF,
    HEAD,
    IDENTITIES,
    PEOPLE,
    ROLES_OF,
    SSH_KEYS,
    STATE,
    TRAIL,
    exists,
    known_identity,
    note,
)
from sealgate.identity.model import (
    ClientCertificate,
    Identity,
    TrailEntry,
    checked_apart,
    checked_group,
    checked_new_name,
    checked_role,
    normal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

__all__ = ["HEAD", "MIGRATIONS", "VERSION_TABLE", "IdentityStore"]

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "identity_version"
# From this revision on, rows are sealed.
_SEALED = "0005"


class IdentityStore(Credentials, SecondFactors, Grants, SignIns, ProviderLinks):
    """
    The identities of one installation, in the database at *url*.

    Every change takes *by* (who did it) and *now*, and leaves one entry in the trail.
    Close it, or use it in a ``with`` block. The key that seals its rows lies in *state_folder*,
    by default the folder of the database's file.

    Raises:
        SourceError: the database cannot be opened, or is damaged or newer than this.
    """

    def __init__(self, url: str, state_folder: str | None = None) -> None:
        opened = open_database(url)
        try:
            folder = state_folder or _folder_of(opened.url)
            super().__init__(*_sealed(opened, RowKey(Path(folder))))
        except BaseException:
            opened.dispose()
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
        """Let go of the database."""
        self._engine.dispose()

    def identities(self) -> tuple[Identity, ...]:
        """Return every identity with its groups, by name."""
        with reading(self._engine) as connection:
            return _identities(connection)

    def certificates(self) -> tuple[ClientCertificate, ...]:
        """Return every certificate that was ever issued, the oldest first."""
        with reading(self._engine) as connection:
            return tables.certificates(connection)

    def everything(self) -> tuple[tuple[Identity, ...], tuple[ClientCertificate, ...]]:
        """Return identities and certificates as they stood at one moment."""
        with reading(self._engine) as connection:
            return _identities(connection), tables.certificates(connection)

    def trail(self) -> tuple[TrailEntry, ...]:
        """Return every change, the oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(TRAIL).order_by(TRAIL.c.id))
            return tuple(TrailEntry(r.at, r.by, r.action, r.subject, r.detail) for r in rows)

    def check(self) -> tuple[str, ...]:
        """Return what speaks for somebody else having written here, by table and row."""
        engine = self._engine
        if engine.dialect.name != "sqlite":
            # Else what is changed meanwhile would look as if it did not agree.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with reading(engine) as connection:
            return row_check.check(connection, self._row_key.head())

    def add(
        self,
        name: str,
        groups: Iterable[str],
        *,
        roles: Iterable[str] = (),
        by: str,
        now: float,
    ) -> Identity:
        """
        Add the identity *name*, a member of *groups* who holds *roles*.

        Raises:
            UsageError: there is one of that name, or a name is not fit for use.
        """
        name = checked_new_name(name)
        members = sorted({checked_group(group) for group in groups})
        held = sorted({checked_role(role) for role in roles})
        with self._writing() as connection:
            if exists(connection, name):
                raise UsageError(
                    f'user "{name}" exists already',
                    hint=f"sealgate user group {name} --add GROUP",
                )
            checked_apart("user", name, tables.names(connection))
            put_person(connection, name, by=by, now=now)
            _join(connection, name, members)
            _put(connection, ROLES_OF, name, held)
            note(connection, TrailEntry(now, by, "user added", name, ", ".join(members)))
            if held:
                note(connection, TrailEntry(now, by, "roles changed", name, ", ".join(held)))
        return Identity(name, tuple(members), tuple(held))

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
        with self._writing() as connection:
            identity = known_identity(connection, name)
            groups = set(identity.groups)
            if missing := sorted(left - groups):
                raise UsageError(
                    f'user "{identity.name}" is no member of group "{missing[0]}"',
                    hint="sealgate user list",
                )
            theirs = GROUPS.c.identity == identity.name
            GROUPS_OF.drop(connection, theirs & GROUPS.c.name.in_(left))
            _join(connection, identity.name, sorted(joined - groups))
            now_member = tuple(sorted((groups | joined) - left))
            note(
                connection,
                TrailEntry(now, by, "groups changed", identity.name, ", ".join(now_member)),
            )
        return Identity(identity.name, now_member, identity.roles)

    def reassign(
        self, name: str, add: Iterable[str], remove: Iterable[str], *, by: str, now: float
    ) -> Identity:
        """
        Give *name* the roles *add*, and take the roles *remove* away.

        Raises:
            UsageError: there is no such user or role, or they do not hold it.
        """
        given, taken = ({checked_role(role) for role in roles} for roles in (add, remove))
        if both := sorted(given & taken):
            raise UsageError(f'role "{both[0]}" is both added and removed')
        with self._writing() as connection:
            identity = known_identity(connection, name)
            if missing := sorted(taken - set(identity.roles)):
                raise UsageError(
                    f'user "{identity.name}" does not hold the role "{missing[0]}"',
                    hint="sealgate user list",
                )
            held = tuple(sorted((set(identity.roles) | given) - taken))
            ROLES_OF.drop(connection, ROLES_OF.owner == identity.name)
            _put(connection, ROLES_OF, identity.name, held)
            told = ", ".join(held)
            note(connection, TrailEntry(now, by, "roles changed", identity.name, told))
        return Identity(identity.name, identity.groups, held)

    def remove(self, name: str, *, by: str, now: float) -> tuple[Credential, ...]:
        """
        Remove the identity *name* with its password and codes, and revoke its keys.

        Returns the certificates, SSH keys and passkeys that are revoked by this. Its
        sign-ins and grants end.

        Raises:
            UsageError: there is no such user.
        """
        with self._writing() as connection:
            identity = known_or_forged(connection, name)
            name = identity.name
            revoked = revoke_all(connection, name, now)
            factor_tables.end_sign_ins(connection, SIGN_INS.c.name == name, now)
            end_grants_of(connection, identity, by, now)
            end_links(connection, name, now)
            for kept in ENDED_WITH_A_PERSON:
                kept.drop(connection, kept.owner == name)
            for kept in PEOPLE.belongings:
                kept.sweep(connection, name)
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
        with self._writing() as connection:
            known_identity(connection, certificate.identity)
            CERTIFICATES_OF.put(connection, [asdict(certificate)])
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
        passkey = PASSKEYS.c.id == which
        with self._writing() as connection:
            is_certificate = tables.has_any(connection, CERTIFICATES.c.serial, one)
            is_ssh_key = tables.has_any(connection, SSH_KEYS.c.fingerprint, ssh)
            is_passkey = tables.has_any(connection, PASSKEYS.c.id, passkey)
            is_name = _has_keys(connection, name)
            if is_name and (is_certificate or is_ssh_key or is_passkey):
                raise UsageError(f'"{which}" is both a key and a user', hint="sealgate key list")
            revoked: tuple[Credential, ...]
            if is_name:
                revoked = revoke_all(connection, name, now)
            elif is_certificate:
                revoked = tables.revoke_certificates(connection, one, now)
            elif is_ssh_key:
                revoked = tables.revoke_ssh_keys(connection, ssh, now)
            elif is_passkey:
                revoked = factor_tables.revoke_passkeys(connection, passkey, now)
            else:
                raise _unknown(which, known=exists(connection, name))
            for key in revoked:
                _end_resting_on(connection, key, now)
                entry = TrailEntry(now, by, "key revoked", key.identity, key.handle)
                note(connection, entry)
        return revoked


def _has_keys(connection: sa.Connection, name: str) -> bool:
    return (
        tables.has_any(connection, CERTIFICATES.c.serial, CERTIFICATES.c.identity == name)
        or tables.has_any(connection, SSH_KEYS.c.fingerprint, SSH_KEYS.c.identity == name)
        or tables.has_any(connection, PASSKEYS.c.id, PASSKEYS.c.identity == name)
    )


def _end_resting_on(connection: sa.Connection, key: Credential, now: float) -> None:
    names = {key.handle}
    if isinstance(key, ClientCertificate):
        names.add(key.fingerprint)
    theirs = SIGN_INS.c.name == key.identity
    factor_tables.end_sign_ins(connection, theirs, now, names)


def _unknown(which: str, *, known: bool) -> UsageError:
    told = "has no key" if known else "is neither a serial, a fingerprint nor a user with a key"
    return UsageError(f'"{which}" {told}', hint="sealgate key list")


def _identities(connection: sa.Connection) -> tuple[Identity, ...]:
    groups: dict[str, list[str]] = {}
    for row in GROUPS_OF.found(connection, order_by=(GROUPS.c.name,)):
        groups.setdefault(row.identity, []).append(row.name)
    roles = factor_tables.all_roles(connection)
    return tuple(
        Identity(name, tuple(groups.get(name, ())), roles.get(name, ()))
        for name in sorted(tables.names(connection))
    )


def _join(connection: sa.Connection, name: str, groups: list[str]) -> None:
    if groups:
        known = {row.name for row in GROUPS_OF.found(connection)}
        for group in groups:
            checked_apart("group", group, known)
    _put(connection, GROUPS_OF, name, groups)


def _put(connection: sa.Connection, kept: Belongings, name: str, what: Iterable[str]) -> None:
    kept.put(connection, [{"identity": name, "name": one} for one in what])


def _folder_of(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return str(Path(url.database).absolute().parent)
    raise UsageError("a database that is no file needs a folder for its key", hint="state_folder")


def _sealed(engine: sa.Engine, row_key: RowKey) -> tuple[sa.Engine, RowKey]:
    def are_sealed() -> bool | None:
        with reading(engine) as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            version = sa.table(VERSION_TABLE, sa.column("version_num")).c.version_num
            return bool(connection.scalar(sa.select(sa.func.max(version) >= _SEALED)))

    def seal(key: bytes) -> None:
        migrate(with_key(engine, key), MIGRATIONS, VERSION_TABLE, head=HEAD)

    key = row_key.obtain(are_sealed, seal)
    sealed = with_key(engine, key)
    # What is sealed already may be of a revision between that one and the newest.
    seal(key)
    with reading(sealed) as connection:
        known = connection.execute(sa.select(STATE.c.key_id)).scalar_one_or_none()
    if known != key_id(key):
        raise SourceError(
            "users and keys in the database are sealed with another key than register.key here",
            hint="copy register.key from the host that made it, or from a backup",
        )
    return sealed, row_key

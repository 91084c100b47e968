"""
Keeps identities, their groups and what lets them in in SQL, with a trail of changes.

A change that returned is on the disk: it survives the end of the process and of the
machine. No private key is ever kept here, and of a password only its argon2id hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import sqlalchemy as sa

from sealgate.errors import UsageError
from sealgate.identity.adapters import row_check
from sealgate.identity.adapters.credentials import (
    Credentials,
    find_certificates,
    revoke_certificates,
    revoke_ssh_keys,
)
from sealgate.identity.adapters.database import (
    HEAD,
    MIGRATIONS,
    VERSION_TABLE,
    Database,
    has_any,
    note,
)
from sealgate.identity.adapters.grants import Grants, end_grants_of
from sealgate.identity.adapters.identities import (
    all_identities,
    exists,
    find_identity,
    known_identity,
    names,
)
from sealgate.identity.adapters.people import (
    Credential,
    end_links,
    known_or_forged,
    put_person,
    revoke_all,
)
from sealgate.identity.adapters.provider_links import ProviderLinks
from sealgate.identity.adapters.schema import (
    CERTIFICATES,
    ENDED_WITH_A_PERSON,
    GROUPS,
    GROUPS_OF,
    IDENTITIES,
    PASSKEYS,
    PEOPLE,
    ROLES_OF,
    SIGN_INS,
    SSH_KEYS,
    TRAIL,
)
from sealgate.identity.adapters.sealed_rows import Belongings
from sealgate.identity.adapters.second_factors import SecondFactors, revoke_passkeys
from sealgate.identity.adapters.sign_ins import SignIns, end_sign_ins
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


class IdentityStore:
    """
    The identities of one installation, in the database at *url*, and what lets them in.

    Every change takes *by* (who did it) and *now*, and leaves one entry in the trail.
    Close it, or use it in a ``with`` block. The key that seals its rows lies in *state_folder*,
    by default the folder of the database's file.

    Raises:
        SourceError: the database cannot be opened, or is damaged or newer than this.
    """

    def __init__(self, url: str, state_folder: str | None = None) -> None:
        database = Database.open(url, state_folder)
        self._database = database
        self.credentials = Credentials(database)
        self.second_factors = SecondFactors(database)
        self.grants = Grants(database)
        self.sign_ins = SignIns(database)
        self.provider_links = ProviderLinks(database)

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
        self._database.close()

    def generation(self) -> int:
        """
        Return a number that grows with every change of who may come in.

        Cheap enough to ask at each sign-in: when it is the same as before, everything
        that was read from here still holds.
        """
        return self._database.generation()

    def identity(self, name: str) -> Identity | None:
        """Return the identity *name* with its groups, ``None`` when nobody is known by it."""
        with self._database.reading() as connection:
            return find_identity(connection, name)

    def identities(self) -> tuple[Identity, ...]:
        """Return every identity with its groups, by name."""
        with self._database.reading() as connection:
            return all_identities(connection)

    def everything(self) -> tuple[tuple[Identity, ...], tuple[ClientCertificate, ...]]:
        """Return identities and certificates as they stood at one moment."""
        with self._database.reading() as connection:
            return all_identities(connection), find_certificates(connection)

    def trail(self) -> tuple[TrailEntry, ...]:
        """Return every change, the oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(TRAIL).order_by(TRAIL.c.id))
            return tuple(TrailEntry(r.at, r.by, r.action, r.subject, r.detail) for r in rows)

    def check(self) -> tuple[str, ...]:
        """Return what speaks for somebody else having written here, by table and row."""
        with self._database.checking() as (connection, written):
            return row_check.check(connection, written)

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
        with self._database.writing() as connection:
            if exists(connection, name):
                raise UsageError(
                    f'user "{name}" exists already',
                    hint=f"sealgate user group {name} --add GROUP",
                )
            checked_apart("user", name, names(connection))
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
        with self._database.writing() as connection:
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
        with self._database.writing() as connection:
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
        with self._database.writing() as connection:
            identity = known_or_forged(connection, name)
            name = identity.name
            revoked = revoke_all(connection, name, now)
            end_sign_ins(connection, SIGN_INS.c.name == name, now)
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
        with self._database.writing() as connection:
            is_certificate = has_any(connection, CERTIFICATES.c.serial, one)
            is_ssh_key = has_any(connection, SSH_KEYS.c.fingerprint, ssh)
            is_passkey = has_any(connection, PASSKEYS.c.id, passkey)
            is_name = _has_keys(connection, name)
            if is_name and (is_certificate or is_ssh_key or is_passkey):
                raise UsageError(f'"{which}" is both a key and a user', hint="sealgate key list")
            revoked: tuple[Credential, ...]
            if is_name:
                revoked = revoke_all(connection, name, now)
            elif is_certificate:
                revoked = revoke_certificates(connection, one, now)
            elif is_ssh_key:
                revoked = revoke_ssh_keys(connection, ssh, now)
            elif is_passkey:
                revoked = revoke_passkeys(connection, passkey, now)
            else:
                raise _unknown(which, known=exists(connection, name))
            for key in revoked:
                _end_resting_on(connection, key, now)
                entry = TrailEntry(now, by, "key revoked", key.identity, key.handle)
                note(connection, entry)
        return revoked


def _has_keys(connection: sa.Connection, name: str) -> bool:
    return (
        has_any(connection, CERTIFICATES.c.serial, CERTIFICATES.c.identity == name)
        or has_any(connection, SSH_KEYS.c.fingerprint, SSH_KEYS.c.identity == name)
        or has_any(connection, PASSKEYS.c.id, PASSKEYS.c.identity == name)
    )


def _end_resting_on(connection: sa.Connection, key: Credential, now: float) -> None:
    names = {key.handle}
    if isinstance(key, ClientCertificate):
        names.add(key.fingerprint)
    theirs = SIGN_INS.c.name == key.identity
    end_sign_ins(connection, theirs, now, names)


def _unknown(which: str, *, known: bool) -> UsageError:
    told = "has no key" if known else "is neither a serial, a fingerprint nor a user with a key"
    return UsageError(f'"{which}" {told}', hint="sealgate key list")


def _join(connection: sa.Connection, name: str, groups: list[str]) -> None:
    if groups:
        known = {row.name for row in GROUPS_OF.found(connection)}
        for group in groups:
            checked_apart("group", group, known)
    _put(connection, GROUPS_OF, name, groups)


def _put(connection: sa.Connection, kept: Belongings, name: str, what: Iterable[str]) -> None:
    kept.put(connection, [{"identity": name, "name": one} for one in what])

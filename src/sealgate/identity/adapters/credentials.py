"""
The part of the store that servers ask at each sign-in: keys, passwords, what changed.

Each question is one look at an index of the database, so a change holds for the next
sign-in in every process. A session that lives long compares :meth:`Credentials.generation`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from sealgate.errors import UsageError
from sealgate.identity.adapters.database import Database, can_be_stored, change_state, note
from sealgate.identity.adapters.identities import known_identity
from sealgate.identity.adapters.password_hash import (
    LEAST_ROUNDS,
    check_hash,
    hash_password,
    needs_rehash,
)
from sealgate.identity.adapters.schema import (
    CERTIFICATES,
    CERTIFICATES_OF,
    PASSWORDS,
    PASSWORDS_OF,
    SIGN_INS,
    SSH_KEYS,
    SSH_KEYS_OF,
    STATE,
)
from sealgate.identity.adapters.sign_ins import end_sign_ins
from sealgate.identity.factors import Factor
from sealgate.identity.model import ClientCertificate, TrailEntry, normal
from sealgate.identity.passwords import prepared
from sealgate.identity.ssh_keys import SSHKey

# What every database takes as it stands.
_GENERATION = str(sa.select(STATE.c.generation))


class Credentials:
    """What proves who somebody is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def certificates(self) -> tuple[ClientCertificate, ...]:
        """Return every certificate that was ever issued, the oldest first."""
        with self._database.reading() as connection:
            return find_certificates(connection)

    def add_certificate(self, certificate: ClientCertificate, *, by: str, now: float) -> None:
        """
        Keep what an issued *certificate* is known by; from now on it may admit.

        Raises:
            UsageError: there is no user that it was issued for.
        """
        with self._database.writing() as connection:
            known_identity(connection, certificate.identity)
            CERTIFICATES_OF.put(connection, [asdict(certificate)])
            note(
                connection,
                TrailEntry(now, by, "key issued", certificate.identity, certificate.serial),
            )

    def certificate(self, fingerprint: str) -> ClientCertificate | None:
        """
        Return the certificate with that *fingerprint* (SHA-256 of the DER, lower-case hex).

        Ask it whether it is living; its identity is one that is known.
        """
        if not can_be_stored(fingerprint):
            return None
        with self._database.reading() as connection:
            held = CERTIFICATES.c.fingerprint == fingerprint
            return next(iter(find_certificates(connection, held, of_the_living=True)), None)

    def ssh_key(self, fingerprint: str) -> SSHKey | None:
        """
        Return the living SSH key with that *fingerprint* (``SHA256:…``), else ``None``.

        A key that was revoked, or whose identity is gone, is none.
        """
        if not can_be_stored(fingerprint):
            return None
        with self._database.reading() as connection:
            held = SSH_KEYS.c.fingerprint == fingerprint
            living = SSH_KEYS.c.revoked_at.is_(None)
            found = find_ssh_keys(connection, held & living, of_the_living=True)
            return next(iter(found), None)

    def ssh_keys(self) -> tuple[SSHKey, ...]:
        """Return every SSH key that was ever added, the oldest first."""
        with self._database.reading() as connection:
            return find_ssh_keys(connection)

    def add_ssh_key(self, key: SSHKey, *, by: str, now: float) -> None:
        """
        Have *key* let its identity in from now on.

        Raises:
            UsageError: there is no such user; it is somebody's already, or was revoked.
        """
        with self._database.writing() as connection:
            known_identity(connection, key.identity)
            for held in find_ssh_keys(connection, SSH_KEYS.c.fingerprint == key.fingerprint):
                whose = f'is a key of "{held.identity}" already'
                told = whose if held.is_living else "was revoked, and never lets anybody in again"
                raise UsageError(
                    f"{key.fingerprint} {told}", hint="ssh-keygen -t ed25519 makes another"
                )
            SSH_KEYS_OF.put(connection, [asdict(key)])
            note(connection, TrailEntry(now, by, "ssh key added", key.identity, key.fingerprint))

    def with_password(self) -> frozenset[str]:
        """Return the names of those who have a password."""
        with self._database.reading() as connection:
            held = PASSWORDS_OF.found(connection, of_the_living=True)
            return frozenset(row.identity for row in held)

    def password_set_at(self, name: str) -> float | None:
        """Return when the password of *name* was set, ``None`` when there is none."""
        wanted = normal(name)
        if not can_be_stored(wanted):
            return None
        with self._database.reading() as connection:
            return next((row.set_at for row in _password(connection, wanted)), None)

    def set_password(
        self, name: str, password: str, *, rounds: int = LEAST_ROUNDS, by: str, now: float
    ) -> None:
        """
        Give *name* the prepared *password*; what it was before ends.

        *rounds* are its cost; more than what was in force become what is in force, also
        for the others, as they sign in.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.reading() as connection:
            name = known_identity(connection, name).name
            rounds = max(rounds, _rounds(connection))
        phc = hash_password(password, rounds)
        with self._database.writing() as connection:
            known_identity(connection, name)
            PASSWORDS_OF.drop(connection, PASSWORDS.c.identity == name)
            _end_sign_ins(connection, name, now)
            row = {"identity": name, "phc": phc, "set_at": now}
            PASSWORDS_OF.put(connection, [row])
            if rounds > _rounds(connection):
                change_state(connection, password_rounds=rounds)
            note(connection, TrailEntry(now, by, "password set", name, ""))

    def remove_password(self, name: str, *, by: str, now: float) -> bool:
        """
        Take the password of *name* away; return whether there was one.

        Raises:
            UsageError: there is no such user.
        """
        with self._database.writing() as connection:
            name = known_identity(connection, name).name
            gone = PASSWORDS_OF.drop(connection, PASSWORDS.c.identity == name)
            if gone:
                _end_sign_ins(connection, name, now)
                note(connection, TrailEntry(now, by, "password removed", name, ""))
            return bool(gone)

    def check_password(self, name: str, password: str) -> bool:
        """
        Return whether *password* is that of *name*.

        Takes as long for a name that is unknown or has no password, and is slow on
        purpose: call it in a thread. Throttling is the caller's
        (:mod:`sealgate.identity.throttle`).
        """
        wanted = normal(name)
        with self._database.reading() as connection:
            rounds = _rounds(connection)
            held = _password(connection, wanted) if can_be_stored(wanted) else ()
            phc = next((row.phc for row in held), None)
        ready = prepared(password)
        right = check_hash(phc, ready or "", rounds) and ready is not None
        if right and phc is not None and ready is not None and needs_rehash(phc, rounds):
            self._rehash(wanted, phc, hash_password(ready, rounds))
        return right

    def _rehash(self, name: str, old: str, new: str) -> None:
        # Only where nobody set another password meanwhile.
        with self._database.writing() as connection:
            held = (PASSWORDS.c.identity == name) & (PASSWORDS.c.phc == old)
            PASSWORDS_OF.change(connection, held, {"phc": new}, keeps_mark=True)


def _password(connection: sa.Connection, name: str) -> tuple[sa.Row[Any], ...]:
    return PASSWORDS_OF.found(connection, PASSWORDS.c.identity == name, of_the_living=True)


def _end_sign_ins(connection: sa.Connection, name: str, now: float) -> None:
    # Who set another password may have done so because somebody else knew the old one.
    theirs = SIGN_INS.c.name == name
    end_sign_ins(connection, theirs, now, [Factor.PASSWORD])


def _rounds(connection: sa.Connection) -> int:
    return int(connection.execute(sa.select(STATE.c.password_rounds)).scalar_one())


def find_certificates(
    connection: sa.Connection,
    where: sa.ColumnElement[bool] | None = None,
    *,
    of_the_living: bool = False,
) -> tuple[ClientCertificate, ...]:
    """Return the certificates of which *where* holds, the oldest first."""
    order = (CERTIFICATES.c.not_before, CERTIFICATES.c.serial)
    return tuple(
        ClientCertificate(
            row.serial,
            row.fingerprint,
            row.identity,
            row.not_before,
            row.not_after,
            row.revoked_at,
        )
        for row in CERTIFICATES_OF.found(connection, where, order, of_the_living=of_the_living)
    )


def find_ssh_keys(
    connection: sa.Connection,
    where: sa.ColumnElement[bool] | None = None,
    *,
    of_the_living: bool = False,
) -> tuple[SSHKey, ...]:
    """Return the SSH keys of which *where* holds, the oldest first."""
    order = (SSH_KEYS.c.added_at, SSH_KEYS.c.fingerprint)
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
        for row in SSH_KEYS_OF.found(connection, where, order, of_the_living=of_the_living)
    )


def revoke_certificates(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[ClientCertificate, ...]:
    """Revoke the certificates of which *where* holds; return those that were not yet."""
    living = where & CERTIFICATES.c.revoked_at.is_(None)
    serials = [c.serial for c in find_certificates(connection, living)]
    CERTIFICATES_OF.change(connection, living, {"revoked_at": now})
    return find_certificates(connection, CERTIFICATES.c.serial.in_(serials))


def revoke_ssh_keys(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[SSHKey, ...]:
    """Revoke the SSH keys of which *where* holds; return those that were not yet."""
    living = where & SSH_KEYS.c.revoked_at.is_(None)
    fingerprints = [key.fingerprint for key in find_ssh_keys(connection, living)]
    SSH_KEYS_OF.change(connection, living, {"revoked_at": now})
    return find_ssh_keys(connection, SSH_KEYS.c.fingerprint.in_(fingerprints))

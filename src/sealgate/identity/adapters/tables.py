"""The tables of identities, and what several parts of the store do with them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sealgate.chained import digest_after, digest_of
from sealgate.database import writing
from sealgate.errors import SourceError
from sealgate.identity.adapters.sealed_rows import (
    MARKS,
    SEAL,
    Belongings,
    People,
    all_sealed,
    is_sealed,
    marked,
    rewrite,
    seal_of,
)
from sealgate.identity.model import ClientCertificate, Identity, no_such_user, normal
from sealgate.identity.ssh_keys import SSHKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.identity.adapters.row_key import RowKey
    from sealgate.identity.model import TrailEntry

# The newest revision below migrations/, for which rows are written here.
HEAD = "0006"
_REVISION_SETTING = "sealgate.identities"
METADATA = sa.MetaData()
IDENTITIES = sa.Table(
    "identities",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("added_at", sa.Double),
    # The marks of the rows that count of this person, in JSON, and the last entry about them.
    sa.Column(MARKS, sa.Text),
    sa.Column("changed", sa.Integer),
    sa.Column(SEAL, sa.Text),
)
GROUPS = sa.Table(
    "identity_groups",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    *marked(),
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
    *marked(),
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
    *marked(),
)
PASSWORDS = sa.Table(
    "passwords",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("phc", sa.Text),
    sa.Column("set_at", sa.Double),
    *marked(),
)
STATE = sa.Table(
    "identity_state",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("generation", sa.BigInteger),
    sa.Column("password_rounds", sa.Integer),
    # The last entry of the trail, and which key seals.
    sa.Column("trail_id", sa.Integer),
    sa.Column("trail_digest", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column(SEAL, sa.Text),
)
ROLES = sa.Table(
    "identity_roles",
    METADATA,
    sa.Column("identity", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    *marked(),
)
LINKS = sa.Table(
    "provider_links",
    METADATA,
    sa.Column("issuer", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("identity", sa.Text),
    sa.Column("linked_at", sa.Double),
    sa.Column("ended_at", sa.Double),
    *marked(),
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
    sa.Column("digest", sa.Text),
)
PEOPLE = People(IDENTITIES)
GROUPS_OF = Belongings(PEOPLE, GROUPS)
ROLES_OF = Belongings(PEOPLE, ROLES)
CERTIFICATES_OF = Belongings(PEOPLE, CERTIFICATES)
SSH_KEYS_OF = Belongings(PEOPLE, SSH_KEYS)
PASSWORDS_OF = Belongings(PEOPLE, PASSWORDS)
LINKS_OF = Belongings(PEOPLE, LINKS)
# What one entry of the trail is called in its digest.
EVENT = "identity"
# Where a connection keeps what it wrote into the trail, until that is on the disk.
_WRITTEN = "sealgate_trail"


class Database:
    """The database behind *engine*; *row_key* is where the key of its rows lies."""

    def __init__(self, engine: sa.Engine, row_key: RowKey) -> None:
        self._engine = engine
        self._row_key = row_key

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """
        Give a connection for one change, as :func:`sealgate.database.writing` does.

        The last entry of the trail is kept beside the key, when there is a new one. All take
        their turn before anything else: two that lock the rows of a person and the state in
        different orders would stop each other for ever.
        """
        with writing(self._engine) as connection:
            _wait_for_turn(connection)
            _last_written(connection)
            yield connection
            written = _last_written(connection)
        if written is not None:
            # The change is kept; that it was is no reason to say otherwise.
            with contextlib.suppress(SourceError):
                self._row_key.note_head(*written)


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


def can_be_stored(text: str) -> bool:
    """Return whether a database takes *text*: names at a sign-in come raw from the wire."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def certificates(
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


def ssh_keys(
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
    serials = [c.serial for c in certificates(connection, living)]
    CERTIFICATES_OF.change(connection, living, {"revoked_at": now})
    return certificates(connection, CERTIFICATES.c.serial.in_(serials))


def revoke_ssh_keys(
    connection: sa.Connection, where: sa.ColumnElement[bool], now: float
) -> tuple[SSHKey, ...]:
    """Revoke the SSH keys of which *where* holds; return those that were not yet."""
    living = where & SSH_KEYS.c.revoked_at.is_(None)
    fingerprints = [key.fingerprint for key in ssh_keys(connection, living)]
    SSH_KEYS_OF.change(connection, living, {"revoked_at": now})
    return ssh_keys(connection, SSH_KEYS.c.fingerprint.in_(fingerprints))


def has_any(
    connection: sa.Connection, column: sa.Column[Any], where: sa.ColumnElement[bool]
) -> bool:
    """Return whether *where* holds of any row of the table of *column*."""
    return connection.execute(sa.select(column).where(where).limit(1)).first() is not None


def note(connection: sa.Connection, entry: TrailEntry) -> None:
    """Leave *entry* in the trail, and have servers see that something changed."""
    state = connection.execute(sa.select(STATE)).one()
    # Somebody may have put an entry behind the last one; it is told, and not continued.
    last = connection.execute(sa.select(sa.func.max(TRAIL.c.id))).scalar() or 0
    number = max(int(last), state.trail_id) + 1
    written = {
        "id": number,
        "at": float(entry.at),
        "by": entry.by,
        "action": entry.action,
        "subject": entry.subject,
        "detail": entry.detail,
    }
    digest = digest_of_entry(state.trail_digest, written)
    connection.execute(sa.insert(TRAIL).values(**written, digest=digest))
    change_state(connection, generation=state.generation + 1, trail_id=number, trail_digest=digest)
    for row in all_sealed(connection, IDENTITIES, IDENTITIES.c.name == entry.subject):
        rewrite(connection, IDENTITIES, row, {"changed": number})
    connection.info[_WRITTEN] = (number, digest)


def digest_of_entry(previous: str, entry: Mapping[str, Any]) -> str:
    """Return the digest of *entry* of the trail, which follows the one of digest *previous*."""
    content = digest_of({k: entry[k] for k in ("at", "by", "action", "subject", "detail")})
    return digest_after(previous, entry["id"], entry["at"], EVENT, entry["id"], content)


def change_state(connection: sa.Connection, **values: Any) -> None:
    """
    Give the one row of the state other *values*.

    One that somebody else wrote stays without a seal, so that it is told.
    """
    state = connection.execute(sa.select(STATE)).one()._asdict()
    after = {**state, **values}
    after[SEAL] = seal_of(connection, STATE, after) if is_sealed(connection, STATE, state) else ""
    connection.execute(sa.update(STATE).values(**after))


def _last_written(connection: sa.Connection) -> tuple[int, str] | None:
    found: tuple[int, str] | None = connection.info.pop(_WRITTEN, None)
    return found


def _wait_for_turn(connection: sa.Connection) -> None:
    """
    Have whoever else does this wait until the change of *connection* is kept or given up.

    PostgreSQL lets two transactions read before either writes; the one row of the state is
    locked by the first. SQLite has one writer anyway. A database that was brought up to date by
    a newer Sealgate meanwhile is not written any more.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.set_config(_REVISION_SETTING, HEAD, True)))
    connection.execute(sa.update(STATE).values(generation=STATE.c.generation))

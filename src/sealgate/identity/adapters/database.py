"""The database of identities: its rows sealed, its trail continued, its changes one after the other."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import sqlalchemy as sa

from sealgate import database
from sealgate.chained import START, digest_after, digest_of
from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.row_key import RowKey
from sealgate.identity.adapters.schema import IDENTITIES, STATE, TRAIL
from sealgate.identity.adapters.sealed_rows import (
    SEAL,
    all_sealed,
    is_sealed,
    key_id,
    key_of,
    put_sealed,
    rewrite,
    seal_of,
    with_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.identity.model import TrailEntry

# The newest revision below migrations/, for which rows are written here.
HEAD = "0006"
_REVISION_SETTING = "sealgate.identities"
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "identity_version"
# From this revision on, rows are sealed.
_SEALED = "0005"


# What one entry of the trail is called in its digest.
EVENT = "identity"
# Where a connection keeps what it wrote into the trail, until that is on the disk.
_WRITTEN = "sealgate_trail"
# What every database takes as it stands.
_GENERATION = str(sa.select(STATE.c.generation))


class Database:
    """
    The database behind *engine*, on whose connections the key of its rows is.

    *row_key* is where that key lies, and beside it the last entry of the trail.
    """

    def __init__(self, engine: sa.Engine, row_key: RowKey) -> None:
        self._engine = engine
        self._row_key = row_key

    @classmethod
    def open(cls, url: str, state_folder: str | None = None) -> Self:
        """
        Return the database at *url*, brought up to date.

        The key that seals its rows lies in *state_folder*, by default the folder of the
        database's file.

        Raises:
            SourceError: the database cannot be opened, or is damaged or newer than this.
        """
        opened = database.open_database(url)
        try:
            row_key = RowKey(Path(state_folder or _folder_of(opened.url)))
            return cls(_sealed(opened, row_key), row_key)
        except BaseException:
            opened.dispose()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one moment, as :func:`sealgate.database.reading` does."""
        with database.reading(self._engine) as connection:
            yield connection

    @contextlib.contextmanager
    def checking(self) -> Iterator[tuple[sa.Connection, tuple[int, str] | None]]:
        """Give a connection that sees one moment throughout, and the last entry that this host wrote."""
        engine = self._engine
        if engine.dialect.name != "sqlite":
            # Else what is changed meanwhile would look as if it did not agree.
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with database.reading(engine) as connection:
            yield connection, self._row_key.head()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """
        Give a connection for one change, as :func:`sealgate.database.writing` does.

        The last entry of the trail is kept beside the key, when there is a new one. All take
        their turn before anything else: two that lock the rows of a person and the state in
        different orders would stop each other for ever.
        """
        with database.writing(self._engine) as connection:
            _wait_for_turn(connection)
            _last_written(connection)
            yield connection
            written = _last_written(connection)
        if written is not None:
            # The change is kept; that it was is no reason to say otherwise.
            with contextlib.suppress(SourceError):
                self._row_key.note_head(*written)

    def generation(self) -> int:
        """
        Return a number that grows with every change of who may come in.

        Cheap enough to ask at each sign-in: when it is the same as before, everything
        that was read from here still holds.
        """
        found = database.quick_look(self._engine, _GENERATION)
        if found is not None:
            return int(found)
        with self.reading() as connection:
            return int(connection.execute(sa.select(STATE.c.generation)).scalar_one())


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


def can_be_stored(text: str) -> bool:
    """Return whether a database takes *text*: names at a sign-in come raw from the wire."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def has_any(
    connection: sa.Connection, column: sa.Column[Any], where: sa.ColumnElement[bool]
) -> bool:
    """Return whether *where* holds of any row of the table of *column*."""
    return connection.execute(sa.select(column).where(where).limit(1)).first() is not None


def _folder_of(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return str(Path(url.database).absolute().parent)
    raise UsageError("a database that is no file needs a folder for its key", hint="state_folder")


def _put_first(connection: sa.Connection) -> None:
    """Put in the state of a database in which nobody is."""
    row = {
        "id": 1,
        "generation": 1,
        # RFC 9106, 4, second recommended option: three passes.
        "password_rounds": 3,
        "trail_id": 0,
        "trail_digest": START,
        "key_id": key_id(key_of(connection)),
    }
    put_sealed(connection, STATE, row)


def _sealed(engine: sa.Engine, row_key: RowKey) -> sa.Engine:
    def are_sealed() -> bool | None:
        with database.reading(engine) as connection:
            if not sa.inspect(connection).has_table(VERSION_TABLE):
                return None
            version = sa.table(VERSION_TABLE, sa.column("version_num")).c.version_num
            return bool(connection.scalar(sa.select(sa.func.max(version) >= _SEALED)))

    def seal(key: bytes) -> None:
        sealed = with_key(engine, key)
        database.migrate(sealed, MIGRATIONS, VERSION_TABLE, head=HEAD, first=_put_first)

    key = row_key.obtain(are_sealed, seal)
    sealed = with_key(engine, key)
    # What is sealed already may be of a revision between that one and the newest.
    seal(key)
    with database.reading(sealed) as connection:
        known = connection.execute(sa.select(STATE.c.key_id)).scalar_one_or_none()
    if known != key_id(key):
        raise SourceError(
            "users and keys in the database are sealed with another key than register.key here",
            hint="copy register.key from the host that made it, or from a backup",
        )
    return sealed


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

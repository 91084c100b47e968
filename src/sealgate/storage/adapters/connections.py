"""
Connections to the database of the records, for short transactions that cost little.

Everything here goes through the driver itself: SQLAlchemy opens and settles the database
(:mod:`sealgate.database`), but its statements cost more than SQLite's own work when a
file of a few kilobytes is committed. SQL is what SQLite and PostgreSQL both speak.
"""

from __future__ import annotations

import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from sealgate.database import migrate, open_database
from sealgate.errors import SealgateError
from sealgate.storage.adapters.shared_names import SharedNames
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import sqlalchemy as sa

_KEPT = 8


class Connections:
    """
    The database at *url*, brought up to date; its connections are shared by threads.

    Raises:
        StorageError: it cannot be opened, or is damaged or newer than this Sealgate.
    """

    def __init__(self, url: str, migrations: Path, version_table: str, head: str) -> None:
        try:
            self._engine: sa.Engine = open_database(url)
            migrate(self._engine, migrations, version_table, head=head)
        except SealgateError as error:
            raise StorageError(Trouble.FAILED, error.message, hint=error.hint) from error
        self.is_sqlite = self._engine.dialect.name == "sqlite"
        self._error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        # Connections that nobody uses now. SQLAlchemy's own pool would count them all.
        self._free: deque[Any] = deque()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[..., Any]]:
        """Give a function that runs statements of one consistent look."""
        with self._lent("read") as (connection, run):
            if self.is_sqlite:
                connection.execute("BEGIN")
            else:
                run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            try:
                yield run
            finally:
                self._end(connection, "ROLLBACK")

    @contextlib.contextmanager
    def asking(self) -> Iterator[Callable[..., Any]]:
        """Give a function for a single statement; cheaper than :meth:`reading`."""
        with self._lent("read") as (connection, run):
            try:
                yield run
            finally:
                if not self.is_sqlite:
                    self._end(connection, "ROLLBACK")

    @contextlib.contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Callable[..., Any]]:
        """
        Give a function for one change, kept whole when the block ends, else not at all.

        What is not *durable* survives ``kill -9`` but perhaps no power cut, and costs no
        fsync. On SQLite writers come one after the other from the start of the block.
        """
        with self._lent("written") as (connection, run):
            if self.is_sqlite:
                if not durable:
                    connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("BEGIN IMMEDIATE")
            try:
                yield run
                self._end(connection, "COMMIT")
            except BaseException:
                with contextlib.suppress(self._error):
                    self._end(connection, "ROLLBACK")
                raise
            finally:
                if self.is_sqlite and not durable:
                    connection.execute("PRAGMA synchronous=FULL")

    @property
    def for_update(self) -> str:
        """Return what a statement ends in that holds its rows until the change is done."""
        return "" if self.is_sqlite else " FOR UPDATE"

    def shared_names(self, store: str) -> SharedNames | None:
        """Return who holds the names of *store* for all hosts; ``None``: only one has the database."""
        return None if self.is_sqlite else SharedNames(self._fresh, store, self._error)

    def settle(self) -> None:
        """Have SQLite write its log into the database and give the room back. Never raises."""
        if self.is_sqlite:
            with contextlib.suppress(StorageError), self._lent("written") as (_, run):
                run("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close every connection that is not in use."""
        while self._free:
            self._free.pop().close()
        self._engine.dispose()

    def _end(self, connection: Any, how: str) -> None:
        if self.is_sqlite:
            if how == "COMMIT" or connection.in_transaction:
                connection.execute(how)
        elif how == "COMMIT":
            connection.commit()
        else:
            connection.rollback()

    @contextlib.contextmanager
    def _lent(self, done: str) -> Iterator[tuple[Any, Callable[..., Any]]]:
        connection = None
        try:
            try:
                connection = self._free.pop()
            except IndexError:
                connection = self._fresh()
            yield connection, self._runner(connection)
        except self._error as error:
            with contextlib.suppress(Exception):
                if connection is not None:
                    connection.close()
            connection = None
            raise _unusable(done, error) from error
        finally:
            if connection is not None:
                if len(self._free) < _KEPT:
                    self._free.append(connection)
                else:
                    connection.close()

    def _fresh(self) -> Any:
        import sqlalchemy as sa  # noqa: PLC0415  # only for its errors

        try:
            raw = self._engine.raw_connection()
        except sa.exc.SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            raise _unusable("opened", cause) from error
        driver = raw.driver_connection
        raw.detach()
        return driver

    def _runner(self, connection: Any) -> Callable[..., Any]:
        if self.is_sqlite:
            return connection.execute  # type: ignore[no-any-return]  # the driver is untyped here
        return lambda sql, values=(): connection.execute(sql.replace("?", "%s"), values)


def blob(value: object) -> bytes:
    """Return the bytes in a column, b"" when something else was put there."""
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else b""


def _unusable(done: str, error: BaseException) -> StorageError:
    # The driver's own text may quote values, so only its kind is told.
    code = getattr(error, "sqlite_errorname", "") or type(error).__name__
    trouble = Trouble.FAILED
    if code == "SQLITE_FULL" or type(error).__name__ == "DiskFull":
        trouble = Trouble.NO_SPACE
    elif code in {"SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}:
        trouble = Trouble.BUSY
    elif code in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
        trouble = Trouble.TAMPERED
    elif code.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        trouble = Trouble.DENIED
    return StorageError(
        trouble,
        f"the store's records cannot be {done}: {code}",
        hint="see whether the disk is full and the file whole, or restore a backup",
    )

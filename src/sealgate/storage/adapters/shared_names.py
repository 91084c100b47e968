"""
Who writes which name of a store that several hosts write: whoever holds it in the database.

Stores whose records lie in PostgreSQL may be written by more than one host. A name is a lock of a
session there (pg_advisory_lock), so nothing has to be made or cleared away, and the server lets go
when the session ends: with its process, or when its host has been silent for about a minute. A
pooler must keep sessions apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from typing import TYPE_CHECKING, Any

from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import StorePath

# How long a host that is gone holds what it held (seconds before the first question, between
# questions, and how many of them).
_ALIVE = ("tcp_keepalives_idle = 30", "tcp_keepalives_interval = 10", "tcp_keepalives_count = 3")
_TAKE = "SELECT pg_try_advisory_lock(%s), pg_backend_pid()"
_LEAVE = "SELECT pg_advisory_unlock(%s)"
# A key of 64 bits stands in two columns of 32 (PostgreSQL, 54.12: pg_locks).
_HOLDS = """SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = ?
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND classid = ? AND objid = ? AND objsubid = 1"""


class SharedNames:
    """The names of the store *store*; *connect* opens a session, *error* is what its driver raises."""

    def __init__(self, connect: Callable[[], Any], store: str, error: type[Exception]) -> None:
        self._connect = connect
        self._store = store
        self._error = error
        self._lock = threading.Lock()
        self._session: Any = None
        # By each name the server process whose session holds it.
        self._held: dict[StorePath, int] = {}

    def take(self, name: StorePath) -> bool:
        """
        Hold *name* until :meth:`leave`; return whether nobody else holds it.

        Raises:
            StorageError: FAILED: the database does not answer.
        """
        with self._lock:
            row = self._asked(_TAKE, (self._key(name),))
            if row[0]:
                self._held[name] = row[1]
            return bool(row[0])

    def leave(self, name: StorePath) -> None:
        """Let go of *name*, if it is held here. Never raises."""
        with self._lock:
            if self._held.pop(name, None) is None or self._session is None:
                return
            try:
                self._session.execute(_LEAVE, (self._key(name),))
            except self._error:
                self._drop()

    def holds(self, run: Callable[..., Any], name: StorePath) -> bool:
        """Return whether *name*, which was taken here, is still held; *run* is of any session."""
        with self._lock:
            process = self._held.get(name)
        if process is None:
            return False
        key = self._key(name) % 2**64
        return bool(run(_HOLDS, (process, key >> 32, key & 0xFFFFFFFF)).fetchone()[0])

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()
            self._drop()

    def _asked(self, sql: str, values: tuple[Any, ...]) -> Any:
        if self._session is not None:
            try:
                return self._session.execute(sql, values).fetchone()
            except self._error:
                # The session ended, and with it what it held: who holds it is asked at the commit.
                self._drop()
        try:
            self._session = self._connect()
            self._session.autocommit = True
            for setting in _ALIVE:
                self._session.execute(f"SET {setting}")
            return self._session.execute(sql, values).fetchone()
        except self._error as error:
            self._drop()
            message = f"the store's records cannot be used: {type(error).__name__}"
            raise StorageError(
                Trouble.FAILED, message, hint="see `url` under [register]"
            ) from error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(self._error):
                session.close()

    def _key(self, name: StorePath) -> int:
        told = "\0".join((self._store, *map(str, name))).encode("utf-8", "surrogateescape")
        return int.from_bytes(hashlib.sha256(b"sealgate writer\0" + told).digest()[:8], signed=True)

"""
What is noted of an upload that is on its way, so that it can be resumed or cleared away.

A file of less than a chunk is never noted: there would be nothing to resume. The note is
no promise to a client and so need not survive a power cut.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.connections import blob
from sealgate.storage.adapters.records import NOTED
from sealgate.storage.model import StorageError, StorePath, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.adapters.records import Records

_COLUMNS = NOTED
_SELECT = f"SELECT {_COLUMNS} FROM store_uploads WHERE store = ?"  # noqa: S608  # constants
_AT = f"{_SELECT} AND parent = ? AND name = ?"
_IN = f"{_SELECT} AND parent = ? ORDER BY name"
_ALL = f"{_SELECT} ORDER BY parent, name"
_NOTE = f"""INSERT INTO store_uploads (store, {_COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (store, parent, name) DO NOTHING"""  # noqa: S608  # constants
_KEEP = """UPDATE store_uploads SET size = ?, binding = ?, mac = ?
WHERE store = ? AND object_id = ?"""
_KEPT = """SELECT COALESCE(SUM(size), 0) FROM store_uploads
WHERE store = ? AND object_id <> ? AND size > 0"""
_FORGET = "DELETE FROM store_uploads WHERE store = ? AND object_id = ?"


@dataclass(frozen=True, slots=True)
class Noted:
    """
    An upload as it is noted. *size* are the plain bytes kept, -1 while it was never kept.

    *header_size* is what stands before the first chunk; *binding* is what the chunks kept
    are verified by, where they do not speak for themselves.
    """

    path: StorePath
    object_id: str
    owner: str
    rung: StorageRung
    began_at: float
    header_size: int
    size: int = -1
    binding: bytes = b""


class Uploads:
    """The notes of one store, beside its records."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._store = records.store

    def find(self, run: Callable[..., Any], path: StorePath) -> Noted | None:
        """
        Return what is noted at *path*.

        Raises:
            StorageError: TAMPERED.
        """
        row = run(_AT, (self._store, "/".join(path[:-1]), str(path[-1]))).fetchone()
        return None if row is None else self.genuine(row)

    def within(self, path: StorePath | None) -> list[Noted]:
        """Return what is noted directly in the folder *path*, or everywhere."""
        with self._records.connections.asking() as run:
            if path is None:
                rows = run(_ALL, (self._store,)).fetchall()
            else:
                rows = run(_IN, (self._store, "/".join(path))).fetchall()
        return [self.genuine(row) for row in rows]

    def kept_bytes(self, besides: Noted | None = None) -> int:
        """Return how many plain bytes are kept of all uploads but *besides*; nothing is verified."""
        with self._records.connections.asking() as run:
            values = (self._store, "" if besides is None else besides.object_id)
            return int(run(_KEPT, values).fetchone()[0])

    def note(self, noted: Noted, instead_of: Noted | None = None) -> None:
        """
        Note an upload that begins, *instead_of* one whose bytes it takes over.

        Raises:
            StorageError: BUSY: there is one at this path.
        """
        path = noted.path
        values = (
            self._store,
            "/".join(path[:-1]),
            str(path[-1]),
            *_said(noted),
            self._mac(noted),
        )
        with self._records.connections.writing(durable=False) as run:
            if instead_of is not None:
                self.forget(instead_of.object_id, run)
            if run(_NOTE, values).rowcount != 1:
                message = f'"{"/".join(path)}": somebody else writes it now'
                raise StorageError(Trouble.BUSY, message, hint="try again later")

    def keep(self, noted: Noted) -> None:
        """Note how much of the upload *noted* was kept."""
        with self._records.connections.writing(durable=False) as run:
            values = (noted.size, noted.binding, self._mac(noted), self._store, noted.object_id)
            run(_KEEP, values)

    def forget(self, object_id: str, run: Callable[..., Any] | None = None) -> bool:
        """
        Forget the upload of that object, within the change of *run* when there is one.

        Return whether it was noted still.
        """
        if run is not None:
            return bool(run(_FORGET, (self._store, object_id)).rowcount)
        with self._records.connections.writing(durable=False) as own:
            return bool(own(_FORGET, (self._store, object_id)).rowcount)

    def _mac(self, noted: Noted) -> bytes:
        return self._records.vouching.upload_mac("/".join(noted.path), *_said(noted))

    def genuine(self, row: Any, given: StorePath | None = None) -> Noted:
        """
        Return what is noted in *row*, verified; its path is spelled as *given* now.

        Raises:
            StorageError: TAMPERED.
        """
        parent, name = str(row[0]), str(row[1])
        path = (*parent.split("/"), name) if parent else (name,)
        message = f'what is noted of the upload "{"/".join(path)}" was changed from outside'
        try:
            noted = Noted(
                path, row[2], row[3], StorageRung(row[4]), row[5], row[6], row[7], blob(row[8])
            )
            is_ours = hmac.compare_digest(self._mac(noted), blob(row[9]))
        except (TypeError, ValueError):
            is_ours = False
        if not is_ours:
            raise StorageError(Trouble.TAMPERED, message, hint="sealgate verify")
        return noted if given is None else replace(noted, path=given)


def _said(noted: Noted) -> tuple[str, str, int, float, int, int, bytes]:
    return (
        noted.object_id,
        noted.owner,
        int(noted.rung),
        noted.began_at,
        noted.header_size,
        noted.size,
        noted.binding,
    )

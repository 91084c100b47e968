"""
The records of one store in SQL: what is where, in one transaction per change.

A change verifies the head, changes records, brings the tree up to date and raises the
sequence number; then the anchor. Nothing here trusts a row before its MAC was compared.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import struct
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.connections import Connections, blob
from sealgate.storage.adapters.records_change import COLUMNS, IN_FOLDER, SELECT, Change
from sealgate.storage.adapters.records_tree import Tree
from sealgate.storage.model import StorageError, StorePath, Trouble
from sealgate.storage.paths import named
from sealgate.storage.record import DEPTH, FILES, NOTHING, Head, Record, Vouching, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.storage.adapters.anchor import Anchor


def _of(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{column.strip()}" for column in columns.split(","))


# Of an upload that is noted; what they mean is told in :mod:`.uploads`.
NOTED = "parent, name, object_id, owner, rung, began_at, header_size, size, binding, mac"
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "store_version"
NEWEST = "s0002"
_AT = f"{SELECT} AND area = ? AND parent = ? AND name = ?"
_ALL = f"{SELECT} AND (area, parent, name) > (?, ?, ?) ORDER BY area, parent, name LIMIT ?"
_MACS = "SELECT mac FROM store_records{} WHERE store = ? AND leaf = ?"
# SQLite takes the primary key for this by itself, and so reads every record of the store.
_BY_LEAF = " INDEXED BY store_records_leaf"
_CHILDREN = "SELECT digit, total FROM store_nodes WHERE store = ? AND parent = ?"
_NODES = "SELECT parent, digit, total FROM store_nodes WHERE store = ?"
_OF_OBJECT = f"{SELECT} AND object_id = ?"
_HEAD = "SELECT store_id, seq, files, size, total, mac FROM store_heads WHERE store = ?"
_FIRST_HEAD = """INSERT INTO store_heads (store, store_id, seq, files, size, total, mac)
VALUES (?, ?, 0, 0, 0, ?, ?) ON CONFLICT (store) DO NOTHING"""
_LOOK = f"""SELECT h.store_id, h.seq, h.files, h.size, h.total, h.mac, {_of("r", COLUMNS)},
{_of("u", NOTED)} FROM store_heads h
LEFT JOIN store_records r ON r.store = h.store AND r.area = ? AND r.parent = ? AND r.name = ?
LEFT JOIN store_uploads u ON u.store = h.store AND u.parent = ? AND u.name = ?
WHERE h.store = ?"""  # noqa: S608  # constants
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Look:
    """What was there at one head: a record with its MAC, and the row of an upload under way."""

    head: Head
    found: tuple[Record, bytes] | None
    noted: Any


class Records:
    """
    The records of the store *store* in the database at *url*.

    Raises:
        StorageError: TAMPERED, when the head was changed, is behind the anchor, or gone;
            FAILED, when the database cannot be used.
    """

    def __init__(
        self, url: str, store: str, record_key: bytes, anchor: Anchor, *, compare: bool = True
    ) -> None:
        self.connections = Connections(url, MIGRATIONS, VERSION_TABLE, NEWEST)
        self.store = store
        self._macs = _MACS.format(_BY_LEAF if self.connections.is_sqlite else "")
        self._anchor = anchor
        self._lock = threading.Lock()
        self._seen = 0
        self.tree = Tree()
        try:
            self.store_id = self._identified(record_key, anchor)
            self.vouching = Vouching(record_key, self.store_id)
            if compare:
                self.compare_anchor()
        except BaseException:
            self.connections.close()
            raise

    def compare_anchor(self) -> None:
        """
        Compare the head with the anchor.

        Raises:
            StorageError: TAMPERED.
        """
        anchored = self._anchor.seq(self.vouching, self.store_id)
        with self.connections.asking() as run:
            head = self.head(run)
        if head.seq < anchored:
            raise _rolled_back(self._anchor)
        self._anchor.raise_to(self.vouching, self.store_id, head.seq)

    def head(self, run: Callable[..., Any], end: str = "") -> Head:
        """
        Return the head, verified.

        Raises:
            StorageError: TAMPERED.
        """
        return self._checked(run(_HEAD + end, (self.store,)).fetchone())

    def look(self, path: StorePath) -> Look:
        """
        Return what there is at *path*, all of it verified and seen in one moment.

        Raises:
            StorageError: TAMPERED.
        """
        parent, name = "/".join(path[:-1]), str(path[-1])
        with self.connections.asking() as run:
            row = run(_LOOK, (FILES, parent, name, parent, name, self.store)).fetchone()
        head = self._checked(row)
        self.tree.go_to(head)
        record, noted = row[6:22], row[22:]
        return Look(
            head,
            None if record[0] is None else self.genuine(record),
            None if noted[0] is None else noted,
        )

    def holds(self, look: Look) -> bool:
        """Return whether what *look* found is known to be no older record put back."""
        if look.found is None:
            return False
        record, mac = look.found
        return self.tree.holds(look.head, leaf_of(record.area, record.path), mac)

    def _checked(self, row: Any) -> Head:
        if row is None:
            raise _tampered("the records of the store have no head")
        try:
            head = Head(blob(row[0]), row[1], row[2], row[3], blob(row[4]))
            is_ours = hmac.compare_digest(self.vouching.head_mac(head), blob(row[5]))
        except (TypeError, ValueError, struct.error):
            is_ours = False
        if not is_ours:
            raise _tampered("the head of the store's records was changed from outside")
        seen = self._seen
        if head.seq < seen:
            # The look may have begun before another thread's change, so look again.
            with self.connections.asking() as fresh:
                now = fresh(_HEAD, (self.store,)).fetchone()
            if now is None or now[1] < seen:
                raise _rolled_back(self._anchor)
        else:
            self._seen = head.seq
        return head

    def find(
        self, run: Callable[..., Any], path: StorePath, area: int = FILES, end: str = ""
    ) -> tuple[Record, bytes] | None:
        """
        Return the record of *path*, verified, and its MAC; the root has none.

        Raises:
            StorageError: TAMPERED.
        """
        row = run(_AT + end, (self.store, area, "/".join(path[:-1]), str(path[-1]))).fetchone()
        return None if row is None else self.genuine(row)

    def prove(self, run: Callable[..., Any], record: Record, mac: bytes) -> None:
        """
        Return if *record* is the one that holds now, and no older one put back.

        *run* belongs to the look in which it was found.

        Raises:
            StorageError: TAMPERED.
        """
        leaf = leaf_of(record.area, record.path)
        head = self.head(run)
        self.tree.go_to(head)
        total = head.total
        for depth in range(DEPTH):
            above, prefix = leaf[:depth], leaf[: depth + 1]
            proven = self.tree.total(head, prefix)
            if proven is None:
                nodes = [(f"{above}{d}", blob(t)) for d, t in run(_CHILDREN, (self.store, above))]
                if self.vouching.of_nodes(nodes) != total:
                    raise _old(record)
                self.tree.keep_children(head, above, dict(nodes))
                proven = dict(nodes).get(prefix, NOTHING)
            total = proven
        macs = [blob(row[0]) for row in run(self._macs, (self.store, leaf))]
        if mac not in macs or self.vouching.of_records(macs) != total:
            raise _old(record)
        self.tree.keep_leaf(head, leaf, macs)

    def listed(self, path: StorePath, area: int = FILES) -> Iterator[Record]:
        """Yield what lies directly in *path*, sorted by name; a long folder in several looks."""
        last, parent = "", "/".join(path)
        while True:
            with self.connections.asking() as run:
                rows = run(IN_FOLDER, (self.store, area, parent, last, _PAGE)).fetchall()
            yield from (self.genuine(row)[0] for row in rows)
            if len(rows) < _PAGE:
                return
            last = rows[-1][2]

    def everything(
        self, run: Callable[..., Any] | None = None
    ) -> Iterator[tuple[Record, bytes, bool]]:
        """
        Yield each record with its MAC and whether that is genuine.

        It takes one look with *run*, several without.
        """
        last: tuple[Any, ...] = (-1, "", "")
        while True:
            if run is not None:
                rows = run(_ALL, (self.store, *last, _PAGE)).fetchall()
            else:
                with self.connections.asking() as own:
                    rows = own(_ALL, (self.store, *last, _PAGE)).fetchall()
            for row in rows:
                record, mac = _record(row)
                yield record, mac, self.vouching.is_genuine(record, mac)
            if len(rows) < _PAGE:
                return
            last = rows[-1][:3]

    def nodes(self, run: Callable[..., Any]) -> Iterator[tuple[str, bytes]]:
        """Yield every node of the tree, by its prefix, with its total; nothing is compared."""
        for parent, digit, total in run(_NODES, (self.store,)):
            yield f"{parent}{digit}", blob(total)

    def where(self, object_id: str) -> str | None:
        """Return the path of the record that names *object_id*, unverified."""
        with self.connections.asking() as run:
            row = run(_OF_OBJECT, (self.store, object_id)).fetchone()
        return None if row is None else "/".join(filter(None, (str(row[1]), str(row[2]))))

    def known(self, object_ids: list[str]) -> set[str]:
        """Return those of *object_ids* that a record of any store here, or an upload, names."""
        found: set[str] = set()
        for table in ("store_records", "store_uploads"):
            for i in range(0, len(object_ids), _PAGE):
                some = tuple(object_ids[i : i + _PAGE])
                marks = ", ".join("?" * len(some))
                sql = f"SELECT object_id FROM {table} WHERE object_id IN ({marks})"  # noqa: S608  # constants
                with self.connections.asking() as run:
                    found.update(row[0] for row in run(sql, some))
        return found

    @contextlib.contextmanager
    def changing(self) -> Iterator[Change]:
        """Give a change, made whole and durable when the block ends, else not at all."""
        with self.connections.writing() as run:
            change = Change(self, run)
            yield change
            head = change.flush()
        if head is not None:
            with self._lock:
                self._seen = max(self._seen, head.seq)
            change.told(head)
            self._anchor.raise_to(self.vouching, self.store_id, head.seq)

    def close(self) -> None:
        """Let go of the database and the anchor."""
        self.connections.close()
        self._anchor.close()

    def _identified(self, record_key: bytes, anchor: Anchor) -> bytes:
        with self.connections.asking() as run:
            row = run(_HEAD, (self.store,)).fetchone()
        if row is not None:
            return blob(row[0])
        if anchor.is_used:
            raise StorageError(
                Trouble.TAMPERED,
                "the store's records are gone, though it was at work before",
                hint=f"restore it from a backup; {anchor.hint}, which is empty",
            )
        store_id = os.urandom(16)
        mac = Vouching(record_key, store_id).head_mac(Head(store_id, 0, 0, 0, NOTHING))
        with self.connections.writing() as run:
            run(_FIRST_HEAD, (self.store, store_id, NOTHING, mac))
        # Another process may have been first.
        with self.connections.asking() as run:
            return blob(run(_HEAD, (self.store,)).fetchone()[0])

    def genuine(self, row: Any) -> tuple[Record, bytes]:
        """
        Return the record in *row* and its MAC, verified.

        Raises:
            StorageError: TAMPERED.
        """
        record, mac = _record(row)
        if not self.vouching.is_genuine(record, mac):
            raise _tampered(f'the record of "{"/".join(record.path)}" was changed from outside')
        return record, mac


def _record(row: Any) -> tuple[Record, bytes]:
    parent, name = str(row[1]), named(str(row[2]), str(row[15]) or str(row[2]))
    path = (*parent.split("/"), name) if parent else (name,)
    try:
        return (
            Record(
                path, row[0], bool(row[3]), row[4], row[5], row[6], row[7], row[8], row[9],
                StorageRung(row[10]), row[11], row[12], blob(row[13]),
            ),
            blob(row[14]),
        )  # fmt: skip
    except (TypeError, ValueError):
        # Nothing that we wrote; no MAC is genuine for it.
        return Record(path, FILES, False, "", "", 0, 0.0, 0.0, 0), b""


def _tampered(message: str) -> StorageError:
    return StorageError(Trouble.TAMPERED, message, hint="sealgate verify")


def _old(record: Record) -> StorageError:
    return _tampered(f'the record of "{"/".join(record.path)}" is not the newest: it was put back')


def _rolled_back(anchor: Anchor) -> StorageError:
    return StorageError(
        Trouble.TAMPERED,
        "the store's records are older than the last change that is known of",
        hint=f"restore the newest state; {anchor.hint}",
    )

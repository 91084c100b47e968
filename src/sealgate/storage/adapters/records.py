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
from sealgate.storage.adapters.records_tree import Tree
from sealgate.storage.model import StorageError, StorePath, Trouble
from sealgate.storage.paths import given, named
from sealgate.storage.record import DEPTH, FILES, NOTHING, Head, Record, Vouching, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sealgate.storage.adapters.anchor import Anchor
    from sealgate.storage.model import StorePath


def _of(table: str, columns: str) -> str:
    return ", ".join(f"{table}.{column.strip()}" for column in columns.split(","))


# Of an upload that is noted; what they mean is told in :mod:`.uploads`.
NOTED = "parent, name, object_id, owner, rung, began_at, header_size, size, binding, mac"
MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "store_version"
NEWEST = "s0002"
COLUMNS = (
    "area, parent, name, is_folder, classification, owner, size, modified_at, stored_at, seq,"
    " rung, object_id, object_size, binding, mac, given"
)
SELECT = f"SELECT {COLUMNS} FROM store_records WHERE store = ?"  # noqa: S608  # constants
IN_FOLDER = f"{SELECT} AND area = ? AND parent = ? AND name > ? ORDER BY name LIMIT ?"
_DIRECTLY = f"{SELECT} AND area = ? AND parent = ?"
_BELOW = f"{SELECT} AND area = ? AND parent >= ? AND parent < ?"
_PUT = f"""INSERT INTO store_records (store, leaf, {COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (store, area, parent, name) DO UPDATE SET is_folder = excluded.is_folder,
classification = excluded.classification, owner = excluded.owner, size = excluded.size,
modified_at = excluded.modified_at, stored_at = excluded.stored_at, seq = excluded.seq,
rung = excluded.rung, object_id = excluded.object_id, object_size = excluded.object_size,
binding = excluded.binding, mac = excluded.mac, given = excluded.given"""  # noqa: S608  # constants
_DELETE = "DELETE FROM store_records WHERE store = ? AND area = ? AND parent = ? AND name = ?"
_NODE = "SELECT total FROM store_nodes WHERE store = ? AND parent = ? AND digit = ?"
_PUT_NODES = """INSERT INTO store_nodes (store, parent, digit, total) VALUES {}
ON CONFLICT (store, parent, digit) DO UPDATE SET total = excluded.total"""
# One path has a node on each level; a folder that moves has many.
_NODES_AT_ONCE = 4 * DEPTH
_PUT_HEAD = (
    "UPDATE store_heads SET seq = ?, files = ?, size = ?, total = ?, mac = ? WHERE store = ?"
)
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


class Change:
    """One change of the records, while its transaction is open."""

    def __init__(self, records: Records, run: Callable[..., Any]) -> None:
        self._records = records
        self.run = run
        # On PostgreSQL this is what writers queue at; on SQLite they did already.
        self.head = records.head(run, records.connections.for_update)
        self.seq = self.head.seq + 1
        self._leaves: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
        self._rows: dict[str, bytes | None] = {}
        self._before: dict[str, bytes | None] = {}
        self._loses_folders = False
        self._files = self.head.files
        self._size = self.head.size

    def find(self, path: StorePath, area: int = FILES) -> tuple[Record, bytes] | None:
        """Return the record of *path* and its MAC."""
        return self._records.find(self.run, path, area)

    def below(self, path: StorePath, area: int = FILES) -> list[tuple[Record, bytes]]:
        """Return everything at any depth below the folder *path*."""
        parent = "/".join(path)
        # What lies in it directly, then what is deeper: "0" follows "/".
        rows = self.run(_DIRECTLY, (self._records.store, area, parent)).fetchall()
        rows += self.run(_BELOW, (self._records.store, area, parent + "/", parent + "0")).fetchall()
        return [self._records.genuine(row) for row in rows]

    def has_children(self, path: StorePath) -> bool:
        """Return whether anything lies in the folder *path*."""
        values = (self._records.store, FILES, "/".join(path), "", 1)
        return self.run(IN_FOLDER, values).fetchone() is not None

    def put(self, record: Record, old: tuple[Record, bytes] | None) -> None:
        """Write *record*, whose ``seq`` is this change's, in place of *old* at the same path."""
        mac = self._records.vouching.mac(record)
        leaf = leaf_of(record.area, record.path)
        self.run(
            _PUT,
            (
                self._records.store,
                leaf,
                record.area,
                "/".join(record.path[:-1]),
                str(record.path[-1]),
                int(record.is_folder),
                record.classification,
                record.owner,
                record.size,
                record.modified_at,
                record.stored_at,
                record.seq,
                int(record.rung),
                record.object_id,
                record.object_size,
                record.binding,
                mac,
                told if (told := given(record.path[-1])) != record.path[-1] else "",
            ),
        )
        self._count(leaf, old, (record, mac))

    def delete(self, old: tuple[Record, bytes]) -> None:
        """Delete the record *old*."""
        record = old[0]
        self._loses_folders |= record.is_folder
        parent = "/".join(record.path[:-1])
        self.run(_DELETE, (self._records.store, record.area, parent, str(record.path[-1])))
        self._count(leaf_of(record.area, record.path), old, None)

    def flush(self) -> Head | None:
        """Bring tree and head up to date; return the new head, if anything changed."""
        if not self._leaves:
            return None
        vouching, store = self._records.vouching, self._records.store
        self._rows = self._records.tree.rows(self.head)
        for leaf, changes in self._leaves.items():
            total = self._total(leaf) or NOTHING
            for before, after in changes:
                total = vouching.with_records(total, before, after)
            self._rows[leaf] = total
        moved = list(self._leaves)
        for depth in range(DEPTH - 1, 0, -1):
            above = {prefix[:depth]: self._total(prefix[:depth]) or NOTHING for prefix in moved}
            for prefix in moved:
                above[prefix[:depth]] = self._with(above[prefix[:depth]], prefix)
            self._rows.update(above)
            moved = list(above)
        total = self.head.total
        for prefix in moved:
            total = self._with(total, prefix)
        self._put_nodes()
        head = Head(self.head.store_id, self.seq, self._files, self._size, total)
        mac = vouching.head_mac(head)
        self.run(_PUT_HEAD, (head.seq, head.files, head.size, head.total, mac, store))
        return head

    def told(self, head: Head) -> None:
        """The change that made *head* is durable: what is known of the tree goes on to it."""
        self._records.tree.changed(
            self.head,
            head,
            self._rows,
            self._before,
            self._leaves,
            loses_folders=self._loses_folders,
        )

    @property
    def size(self) -> int:
        """Return the plain bytes that the store holds after this change."""
        return self._size

    def _total(self, prefix: str) -> bytes | None:
        """Return the total of the node *prefix* as it was, and remember it."""
        if prefix in self._rows:
            old = self._rows[prefix]
        else:
            row = self.run(_NODE, (self._records.store, prefix[:-1], prefix[-1])).fetchone()
            old = None if row is None else blob(row[0])
        self._before[prefix] = old
        return old

    def _with(self, total: bytes, prefix: str) -> bytes:
        return self._records.vouching.with_node(
            total, prefix, self._before[prefix], self._rows[prefix] or NOTHING
        )

    def _put_nodes(self) -> None:
        store, prefixes = self._records.store, list(self._before)
        for at in range(0, len(prefixes), _NODES_AT_ONCE):
            some = prefixes[at : at + _NODES_AT_ONCE]
            sql = _PUT_NODES.format(", ".join(["(?, ?, ?, ?)"] * len(some)))
            values = [v for p in some for v in (store, p[:-1], p[-1], self._rows[p])]
            self.run(sql, tuple(values))

    def _count(
        self, leaf: str, old: tuple[Record, bytes] | None, new: tuple[Record, bytes] | None
    ) -> None:
        changes = self._leaves.setdefault(leaf, [])
        changes.append((old[1] if old else None, new[1] if new else None))
        for counted, sign in ((old, -1), (new, 1)):
            if counted is not None and not counted[0].is_folder:
                self._files += sign
                self._size += sign * counted[0].size

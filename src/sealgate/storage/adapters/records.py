"""
The records of one store in SQL: what is where, in one transaction per change.

A change verifies the head, changes records, brings the tree up to date and raises the
sequence number; then the anchor. Nothing here trusts a row before its MAC was compared.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.storage.adapters.connections import Connections
from sealgate.storage.model import StorageError, StorageRung, StorePath, Trouble
from sealgate.storage.record import DEPTH, FILES, NOTHING, Head, Record, Vouching, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.storage.adapters.anchor import Anchor

MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_TABLE = "store_version"
NEWEST = "s0001"
_COLUMNS = (
    "area, parent, name, is_folder, classification, owner, size, modified_at, stored_at, seq,"
    " rung, object_id, object_size, binding, mac"
)
_SELECT = f"SELECT {_COLUMNS} FROM store_records WHERE store = ?"  # noqa: S608  # constants
_AT = f"{_SELECT} AND area = ? AND parent = ? AND name = ?"
_IN = f"{_SELECT} AND area = ? AND parent = ? AND name > ? ORDER BY name LIMIT ?"
_BELOW = f"{_SELECT} AND area = ? AND parent >= ? AND parent < ?"
_ALL = f"{_SELECT} AND (area, parent, name) > (?, ?, ?) ORDER BY area, parent, name LIMIT ?"
_PUT = f"""INSERT INTO store_records (store, leaf, {_COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (store, area, parent, name) DO UPDATE SET is_folder = excluded.is_folder,
classification = excluded.classification, owner = excluded.owner, size = excluded.size,
modified_at = excluded.modified_at, stored_at = excluded.stored_at, seq = excluded.seq,
rung = excluded.rung, object_id = excluded.object_id, object_size = excluded.object_size,
binding = excluded.binding, mac = excluded.mac"""  # noqa: S608  # constants
_DELETE = "DELETE FROM store_records WHERE store = ? AND area = ? AND parent = ? AND name = ?"
_MACS = "SELECT mac FROM store_records WHERE store = ? AND leaf = ?"
_CHILDREN = "SELECT digit, total FROM store_nodes WHERE store = ? AND parent = ?"
_NODES = "SELECT parent, digit, total FROM store_nodes WHERE store = ?"
_OF_OBJECT = f"{_SELECT} AND object_id = ?"
_NODE = "SELECT total FROM store_nodes WHERE store = ? AND parent = ? AND digit = ?"
_PUT_NODE = """INSERT INTO store_nodes (store, parent, digit, total) VALUES (?, ?, ?, ?)
ON CONFLICT (store, parent, digit) DO UPDATE SET total = excluded.total"""
_HEAD = "SELECT store_id, seq, files, size, total, mac FROM store_heads WHERE store = ?"
_PUT_HEAD = (
    "UPDATE store_heads SET seq = ?, files = ?, size = ?, total = ?, mac = ? WHERE store = ?"
)
_FIRST_HEAD = """INSERT INTO store_heads (store, store_id, seq, files, size, total, mac)
VALUES (?, ?, 0, 0, 0, ?, ?) ON CONFLICT (store) DO NOTHING"""
_PAGE = 500


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
        self._anchor = anchor
        self._lock = threading.Lock()
        self._seen = 0
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
        row = run(_HEAD + end, (self.store,)).fetchone()
        if row is None:
            raise _tampered("the records of the store have no head")
        head = Head(bytes(row[0]), row[1], row[2], row[3], bytes(row[4]))
        if not hmac.compare_digest(self.vouching.head_mac(head), bytes(row[5])):
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
        row = run(_AT + end, (self.store, area, "/".join(path[:-1]), path[-1])).fetchone()
        return None if row is None else self._genuine(row)

    def prove(self, run: Callable[..., Any], record: Record, mac: bytes) -> None:
        """
        Return if *record* is the one that holds now, and no older one put back.

        *run* belongs to the look in which it was found.

        Raises:
            StorageError: TAMPERED.
        """
        leaf = leaf_of(record.area, record.path)
        total = self.head(run).total
        for depth in range(DEPTH):
            above = leaf[:depth]
            nodes = [(above + d, bytes(t)) for d, t in run(_CHILDREN, (self.store, above))]
            if self.vouching.of_nodes(nodes) != total:
                raise _old(record)
            total = dict(nodes).get(leaf[: depth + 1], NOTHING)
        macs = [bytes(row[0]) for row in run(_MACS, (self.store, leaf))]
        if mac not in macs or self.vouching.of_records(macs) != total:
            raise _old(record)

    def listed(self, path: StorePath, area: int = FILES) -> Iterator[Record]:
        """
        Yield what lies directly in *path*, sorted by name; a long folder in several looks.
        """
        last, parent = "", "/".join(path)
        while True:
            with self.connections.asking() as run:
                rows = run(_IN, (self.store, area, parent, last, _PAGE)).fetchall()
            yield from (self._genuine(row)[0] for row in rows)
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
        """
        Yield every node of the tree, by its prefix, with its total; nothing is compared.
        """
        for parent, digit, total in run(_NODES, (self.store,)):
            yield parent + digit, bytes(total)

    def where(self, object_id: str) -> str | None:
        """
        Return the path of the record that names *object_id*, unverified.
        """
        with self.connections.asking() as run:
            row = run(_OF_OBJECT, (self.store, object_id)).fetchone()
        return None if row is None else "/".join(filter(None, (row[1], row[2])))

    def known(self, object_ids: list[str]) -> set[str]:
        """
        Return those of *object_ids* that a record of any store here, or an upload, names.
        """
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
        """
        Give a change, made whole and durable when the block ends, else not at all.
        """
        with self.connections.writing() as run:
            change = Change(self, run)
            yield change
            seq = change.flush()
        if seq is not None:
            with self._lock:
                self._seen = max(self._seen, seq)
            self._anchor.raise_to(self.vouching, self.store_id, seq)

    def close(self) -> None:
        """
        Let go of the database and the anchor.
        """
        self.connections.close()
        self._anchor.close()

    def _identified(self, record_key: bytes, anchor: Anchor) -> bytes:
        with self.connections.asking() as run:
            row = run(_HEAD, (self.store,)).fetchone()
        if row is not None:
            return bytes(row[0])
        if anchor.store_id() is not None:
            raise StorageError(
                Trouble.TAMPERED,
                "the store's records are gone, though its anchor knows of them",
                hint=f"restore the store, or begin an empty one: rm '{anchor.path}'",
            )
        store_id = os.urandom(16)
        mac = Vouching(record_key, store_id).head_mac(Head(store_id, 0, 0, 0, NOTHING))
        with self.connections.writing() as run:
            run(_FIRST_HEAD, (self.store, store_id, NOTHING, mac))
        # Another process may have been first.
        with self.connections.asking() as run:
            return bytes(run(_HEAD, (self.store,)).fetchone()[0])

    def _genuine(self, row: Any) -> tuple[Record, bytes]:
        record, mac = _record(row)
        if not self.vouching.is_genuine(record, mac):
            raise _tampered(f'the record of "{"/".join(record.path)}" was changed from outside')
        return record, mac


class Change:
    """
    One change of the records, while its transaction is open.
    """

    def __init__(self, records: Records, run: Callable[..., Any]) -> None:
        self._records = records
        self.run = run
        # On PostgreSQL this is what writers queue at; on SQLite they did already.
        self.head = records.head(run, records.connections.for_update)
        self.seq = self.head.seq + 1
        self._leaves: dict[str, list[tuple[bytes | None, bytes | None]]] = {}
        self._files = self.head.files
        self._size = self.head.size

    def find(self, path: StorePath, area: int = FILES) -> tuple[Record, bytes] | None:
        """
        Return the record of *path* and its MAC.
        """
        return self._records.find(self.run, path, area)

    def below(self, path: StorePath, area: int = FILES) -> list[tuple[Record, bytes]]:
        """
        Return everything at any depth below the folder *path*.
        """
        parent = "/".join(path)
        # What lies in it directly, then what is deeper: "0" follows "/".
        rows = self.run(_BELOW, (self._records.store, area, parent, parent + "\0")).fetchall()
        rows += self.run(_BELOW, (self._records.store, area, parent + "/", parent + "0")).fetchall()
        return [self._records._genuine(row) for row in rows]  # noqa: SLF001  # one module

    def has_children(self, path: StorePath) -> bool:
        """
        Return whether anything lies in the folder *path*.
        """
        values = (self._records.store, FILES, "/".join(path), "", 1)
        return self.run(_IN, values).fetchone() is not None

    def put(self, record: Record, old: tuple[Record, bytes] | None) -> None:
        """
        Write *record*, whose ``seq`` is this change's, in place of *old* at the same path.
        """
        mac = self._records.vouching.mac(record)
        leaf = leaf_of(record.area, record.path)
        self.run(
            _PUT,
            (
                self._records.store,
                leaf,
                record.area,
                "/".join(record.path[:-1]),
                record.path[-1],
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
            ),
        )
        self._count(leaf, old, (record, mac))

    def delete(self, old: tuple[Record, bytes]) -> None:
        """
        Delete the record *old*.
        """
        record = old[0]
        parent = "/".join(record.path[:-1])
        self.run(_DELETE, (self._records.store, record.area, parent, record.path[-1]))
        self._count(leaf_of(record.area, record.path), old, None)

    def flush(self) -> int | None:
        """
        Bring tree and head up to date; return the new sequence number, if anything changed.
        """
        if not self._leaves:
            return None
        vouching, store, run = self._records.vouching, self._records.store, self.run
        moved: dict[str, list[tuple[str, bytes | None, bytes]]] = {}
        for leaf, changes in self._leaves.items():
            old = self._total(leaf)
            total = old or NOTHING
            for before, after in changes:
                total = vouching.with_records(total, before, after)
            run(_PUT_NODE, (store, leaf[:-1], leaf[-1], total))
            moved.setdefault(leaf[:-1], []).append((leaf, old, total))
        for depth in range(DEPTH - 1, 0, -1):
            above: dict[str, list[tuple[str, bytes | None, bytes]]] = {}
            for prefix, children in moved.items():
                old = self._total(prefix)
                total = _with(vouching, old or NOTHING, children)
                run(_PUT_NODE, (store, prefix[:-1], prefix[-1], total))
                above.setdefault(prefix[: depth - 1], []).append((prefix, old, total))
            moved = above
        total = _with(vouching, self.head.total, moved[""])
        head = Head(self.head.store_id, self.seq, self._files, self._size, total)
        mac = vouching.head_mac(head)
        run(_PUT_HEAD, (head.seq, head.files, head.size, head.total, mac, store))
        return self.seq

    @property
    def size(self) -> int:
        """
        Return the plain bytes that the store holds after this change.
        """
        return self._size

    def _total(self, prefix: str) -> bytes | None:
        row = self.run(_NODE, (self._records.store, prefix[:-1], prefix[-1])).fetchone()
        return None if row is None else bytes(row[0])

    def _count(
        self, leaf: str, old: tuple[Record, bytes] | None, new: tuple[Record, bytes] | None
    ) -> None:
        changes = self._leaves.setdefault(leaf, [])
        changes.append((old[1] if old else None, new[1] if new else None))
        for counted, sign in ((old, -1), (new, 1)):
            if counted is not None and not counted[0].is_folder:
                self._files += sign
                self._size += sign * counted[0].size


def _with(
    vouching: Vouching, total: bytes, children: list[tuple[str, bytes | None, bytes]]
) -> bytes:
    for prefix, old, new in children:
        total = vouching.with_node(total, prefix, old, new)
    return total


def _record(row: Any) -> tuple[Record, bytes]:
    parent, name = row[1], row[2]
    path = (*parent.split("/"), name) if parent else (name,)
    try:
        rung = StorageRung(row[10])
    except ValueError:
        # Nothing of ours; a record like that has no genuine MAC.
        rung = StorageRung.PLAIN
    return (
        Record(
            path, row[0], bool(row[3]), row[4], row[5], row[6], row[7], row[8], row[9], rung,
            row[11], row[12], bytes(row[13]),
        ),
        bytes(row[14]),
    )  # fmt: skip


def _tampered(message: str) -> StorageError:
    return StorageError(Trouble.TAMPERED, message, hint="sealgate verify")


def _old(record: Record) -> StorageError:
    return _tampered(f'the record of "{"/".join(record.path)}" is not the newest: it was put back')


def _rolled_back(anchor: Anchor) -> StorageError:
    return StorageError(
        Trouble.TAMPERED,
        "the store's records are older than the last change that is known of",
        hint=f"restore the newest state, or take this one as it is: rm '{anchor.path}'",
    )

"""One change of a store's records: rows, the sums above them, and the head, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.storage.adapters.connections import blob
from sealgate.storage.paths import given
from sealgate.storage.record import DEPTH, FILES, NOTHING, Head, Record, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sealgate.storage.adapters.records import Records
    from sealgate.storage.model import StorePath

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

"""
One change of a store's records: rows, the sums above them, and the head, in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.storage.adapters.connections import blob
from sealgate.storage.record import DEPTH, FILES, NOTHING, Head, Record, Vouching, leaf_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sealgate.storage.adapters.records import Records
    from sealgate.storage.model import StorePath

COLUMNS = (
    "area, parent, name, is_folder, classification, owner, size, modified_at, stored_at, seq,"
    " rung, object_id, object_size, binding, mac"
)
SELECT = f"SELECT {COLUMNS} FROM store_records WHERE store = ?"  # noqa: S608  # constants
IN_FOLDER = f"{SELECT} AND area = ? AND parent = ? AND name > ? ORDER BY name LIMIT ?"
_DIRECTLY = f"{SELECT} AND area = ? AND parent = ?"
_BELOW = f"{SELECT} AND area = ? AND parent >= ? AND parent < ?"
_PUT = f"""INSERT INTO store_records (store, leaf, {COLUMNS})
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (store, area, parent, name) DO UPDATE SET is_folder = excluded.is_folder,
classification = excluded.classification, owner = excluded.owner, size = excluded.size,
modified_at = excluded.modified_at, stored_at = excluded.stored_at, seq = excluded.seq,
rung = excluded.rung, object_id = excluded.object_id, object_size = excluded.object_size,
binding = excluded.binding, mac = excluded.mac"""  # noqa: S608  # constants
_DELETE = "DELETE FROM store_records WHERE store = ? AND area = ? AND parent = ? AND name = ?"
_NODE = "SELECT total FROM store_nodes WHERE store = ? AND parent = ? AND digit = ?"
_PUT_NODE = """INSERT INTO store_nodes (store, parent, digit, total) VALUES (?, ?, ?, ?)
ON CONFLICT (store, parent, digit) DO UPDATE SET total = excluded.total"""
_PUT_HEAD = (
    "UPDATE store_heads SET seq = ?, files = ?, size = ?, total = ?, mac = ? WHERE store = ?"
)


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
        rows = self.run(_DIRECTLY, (self._records.store, area, parent)).fetchall()
        rows += self.run(_BELOW, (self._records.store, area, parent + "/", parent + "0")).fetchall()
        return [self._records.genuine(row) for row in rows]

    def has_children(self, path: StorePath) -> bool:
        """
        Return whether anything lies in the folder *path*.
        """
        values = (self._records.store, FILES, "/".join(path), "", 1)
        return self.run(IN_FOLDER, values).fetchone() is not None

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
        return None if row is None else blob(row[0])

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

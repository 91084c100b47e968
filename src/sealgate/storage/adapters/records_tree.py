"""
What this process knows of the tree of records, and of one head of it alone.

Whoever looks compares the head first. While it is the one that is known here (its
sequence number and total, both under its MAC), nothing has changed, and what was verified
then holds now. A change of this process carries the knowledge over to the head that it
makes; after a change of another process everything is looked up again.

Two kinds are kept apart: *rows* are totals as they stand in the database, good enough to
write the next ones; what is *proven* was compared from the head downwards.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sealgate.storage.record import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.storage.model import StorePath
    from sealgate.storage.record import Head

    # The MACs that each leaf loses and gains, in order.
    LeafChanges = Mapping[str, list[tuple[bytes | None, bytes | None]]]

# The tree has 4,369 nodes at most, 100 bytes each; folders are bounded here.
_MOST_FOLDERS = 1024


class Tree:
    """The tree at one head. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: tuple[int, bytes] = (-1, b"")
        self._rows: dict[str, bytes | None] = {}
        self._children: dict[str, dict[str, bytes]] = {}
        self._leaves: dict[str, frozenset[bytes]] = {}
        self._folders: set[StorePath] = set()

    def go_to(self, head: Head) -> None:
        """Know *head* and nothing more, unless it is known already or an older one."""
        at = (head.seq, head.total)
        if at != self._at:
            with self._lock:
                if head.seq >= self._at[0]:
                    self._clear()
                    self._at = at

    # Rows.

    def rows(self, head: Head) -> dict[str, bytes | None]:
        """
        Return the totals that are known as rows, to keep and to change; nobody else has them.

        :meth:`changed` gives them back.
        """
        with self._lock:
            if self._at != (head.seq, head.total):
                return {}
            rows, self._rows = self._rows, {}
            return rows

    # What is proven.

    def holds(self, head: Head, leaf: str, mac: bytes) -> bool:
        """Return whether *mac* is proven to be in *leaf* under *head*."""
        with self._lock:
            return self._at == (head.seq, head.total) and mac in self._leaves.get(leaf, ())

    def total(self, head: Head, prefix: str) -> bytes | None:
        """Return the total of the node *prefix* under *head*, ``None`` when none is proven."""
        with self._lock:
            found = self._children.get(prefix[:-1])
            if found is None or self._at != (head.seq, head.total):
                return None
            return found.get(prefix, NOTHING)

    def keep_children(self, head: Head, prefix: str, nodes: Mapping[str, bytes]) -> None:
        """Keep what was proven below the node *prefix*."""
        with self._lock:
            if self._at == (head.seq, head.total):
                self._children[prefix] = dict(nodes)

    def keep_leaf(self, head: Head, leaf: str, macs: Iterable[bytes]) -> None:
        """Keep the MACs of *leaf*, which were proven to be all that are in it."""
        with self._lock:
            if self._at == (head.seq, head.total):
                self._leaves[leaf] = frozenset(macs)

    def has_folder(self, head: Head, path: StorePath) -> bool:
        """Return whether *path* is a folder under *head*, as far as is known."""
        with self._lock:
            return self._at == (head.seq, head.total) and path in self._folders

    def keep_folder(self, head: Head, path: StorePath) -> None:
        """Keep that *path* is a folder under *head*."""
        with self._lock:
            if self._at == (head.seq, head.total) and len(self._folders) < _MOST_FOLDERS:
                self._folders.add(path)

    # Changes.

    def changed(
        self,
        old: Head,
        new: Head,
        rows: dict[str, bytes | None],
        before: Mapping[str, bytes | None],
        leaves: LeafChanges,
        *,
        loses_folders: bool,
    ) -> None:
        """
        Go on to *new*, which a change of this process made of *old* and which is durable.

        *rows* are the totals now, *before* those of the changed nodes as they were.
        """
        with self._lock:
            if self._at != (old.seq, old.total):
                if new.seq < self._at[0]:
                    return
                self._clear()
            elif not self._carry(rows, before, leaves):
                self._children.clear()
                self._leaves.clear()
            if loses_folders:
                self._folders.clear()
            self._at = (new.seq, new.total)
            self._rows = rows

    def _carry(
        self,
        rows: Mapping[str, bytes | None],
        before: Mapping[str, bytes | None],
        leaves: LeafChanges,
    ) -> bool:
        for prefix, old in before.items():
            proven = self._children.get(prefix[:-1])
            if proven is None:
                continue
            # The change began from rows: it proves nothing if those were not what is proven.
            if proven.get(prefix, NOTHING) != (old or NOTHING):
                return False
            proven[prefix] = rows[prefix] or NOTHING
        for leaf, changes in leaves.items():
            found = self._leaves.get(leaf)
            if found is not None:
                macs = set(found)
                for old, new in changes:
                    macs.discard(old or b"")
                    if new is not None:
                        macs.add(new)
                self._leaves[leaf] = frozenset(macs)
        return True

    def _clear(self) -> None:
        self._rows = {}
        self._children.clear()
        self._leaves.clear()
        self._folders.clear()

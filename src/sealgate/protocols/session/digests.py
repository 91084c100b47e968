"""
SHA-256 of what passes by, beside the thread that serves.

Hashing costs more than sealing (measured: 0.6 ms per MiB), and hashlib lets go of the
interpreter meanwhile. So whole pieces go to one thread of the process and are hashed
there in order; the server goes on. Small files never leave the caller's thread.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer

# What is gathered before it goes to the thread, and what may wait there per file.
_BATCH_BYTES = 1 << 20
_MAX_WAITING = 4
# Copies of this size would be given back to the kernel each time, and cost a page fault per 4 KiB.
_LARGE_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 19
_blocks: deque[bytearray] = deque(maxlen=8)
# About 250 bytes each.
_MAX_KNOWN = 20_000


@cache
def _thread() -> ThreadPoolExecutor:
    # One: pieces of one file stay in order, and one core hashes faster than a network.
    return ThreadPoolExecutor(1, "sealgate digest")


class KnownDigests:
    """
    Digests of objects that this process has hashed already, by their ids.

    An object never changes, and the store proves what it gives, so nothing is hashed twice.
    The oldest are forgotten. Safe for several threads.
    """

    def __init__(self, most: int = _MAX_KNOWN) -> None:
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def find(self, object_id: str) -> str:
        """Return the digest of *object_id*, "" when it is not known."""
        with self._lock:
            return self._known.get(object_id, "")

    def keep(self, object_id: str, digest: str) -> None:
        """Keep the *digest* of all bytes of *object_id*."""
        if not object_id or not digest:
            return
        with self._lock:
            self._known[object_id] = digest
            if len(self._known) > self._most:
                self._known.popitem(last=False)


class RunningDigest:
    """The SHA-256 of bytes that come in order. One user at a time."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._held: list[Buffer] = []
        self._held_bytes = 0
        self._waiting: list[Future[None]] = []

    def update(self, data: Buffer) -> None:
        """Take *data*; a buffer that its owner may change is copied."""
        piece = data if _is_fixed(data) else _copied(data)
        self._held.append(piece)
        self._held_bytes += len(piece)
        if self._held_bytes >= _BATCH_BYTES:
            if len(self._waiting) >= _MAX_WAITING:
                self._waiting.pop(0).result()
            self._waiting.append(_thread().submit(self._take, self._held))
            self._held, self._held_bytes = [], 0

    def hexdigest(self) -> str:
        """Return the digest of everything so far, in lower-case hex."""
        for waiting in self._waiting:
            waiting.result()
        self._waiting.clear()
        self._take(self._held)
        self._held, self._held_bytes = [], 0
        return self._hash.hexdigest()

    def _take(self, pieces: list[Buffer]) -> None:
        for piece in pieces:
            self._hash.update(piece)
            if isinstance(piece, memoryview) and isinstance(piece.obj, bytearray):
                _blocks.append(piece.obj)


def _copied(data: Buffer) -> Buffer:
    """Return a copy of *data*, where it is large in memory that was used before."""
    size = len(data)
    if not _LARGE_BYTES <= size <= _BLOCK_BYTES:
        return bytes(data)
    try:
        block = _blocks.pop()
    except IndexError:
        block = bytearray(_BLOCK_BYTES)
    copy = memoryview(block)[:size]
    copy[:] = data
    return copy


def _is_fixed(data: Buffer) -> bool:
    """Return whether nobody can change *data*, and keeping it keeps little else in memory."""
    if isinstance(data, memoryview):
        return isinstance(data.obj, bytes) and 2 * len(data) >= len(data.obj)
    return isinstance(data, bytes)

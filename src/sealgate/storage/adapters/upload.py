"""
One upload: bytes in order, encoded as they come, and visible only by its commit.

The object is written under its final random name, to which nothing refers; the commit has
it reach the disk and then makes it the file of its path in one transaction. Small writes
are gathered into whole chunks. The last chunk is encoded on a commit only: whatever is
broken off keeps whole chunks, none of which is the last.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Self

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES
from sealgate.storage.adapters.uploads import Noted
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from types import TracebackType

    from sealgate.storage.adapters.forms import Encoder
    from sealgate.storage.adapters.medium import Sink
    from sealgate.storage.adapters.records import Look
    from sealgate.storage.adapters.resuming import Resuming
    from sealgate.storage.adapters.room import Limit
    from sealgate.storage.model import Buffer, Entry, StorePath

# Four chunks a time: fewer calls, and still little memory for each upload.
GATHERED_BYTES = 4 * CHUNK_BYTES
# What four chunks take when they are sealed.
ENCODED_BYTES = GATHERED_BYTES + 4 * 16


class Upload:
    """
    An upload to *path*. For one thread at a time.

    *limit* bounds its plain size. *flushed* plain bytes are encoded and
    in the object already. *instead_of* is a broken-off upload whose bytes it begins with.
    """

    def __init__(
        self,
        store: Resuming,
        path: StorePath,
        owner: str,
        object_id: str,
        encoder: Encoder,
        rung: StorageRung,
        limit: Limit | None,
        *,
        sink: Sink | None = None,
        noted: Noted | None = None,
        flushed: int = 0,
        instead_of: Noted | None = None,
    ) -> None:
        self._store = store
        self.path = path
        # The name that nobody else may write meanwhile.
        self.claimed = path
        self.owner = owner
        self.object_id = object_id
        self.encoder = encoder
        self.rung = rung
        self._limit = limit
        self._sink = sink
        self._noted = noted
        self.instead_of = instead_of
        self._flushed = self._counted = flushed
        self._plain, self._out = store.lend_buffers()
        self._view = memoryview(self._plain)
        self._fill = 0
        self._is_over = False
        self._is_too_much = False
        # A write failed, so that nobody knows how much of it lies there.
        self._is_torn = False
        # What was at the path when the upload began.
        self.look: Look | None = None

    @property
    def offset(self) -> int:
        """Return how many plain bytes have been taken."""
        return self._flushed + self._fill

    @property
    def is_noted(self) -> bool:
        """Return whether it is noted, so that a commit must forget it."""
        return self._noted is not None

    def write(self, data: Buffer) -> None:
        """Take *data*."""
        if self._is_over or self._is_torn or self._is_too_much:
            raise StorageError(Trouble.FAILED, "the upload is over, nothing can be written to it")
        size = len(data)
        if self._limit is not None and self._flushed + self._fill + size > self._limit.most:
            raise self._too_much(self._limit.told)
        fill = self._fill
        if fill + size <= GATHERED_BYTES:
            # Through the view: a bytearray would take what is given as a copy first.
            self._view[fill : fill + size] = data
            self._fill = fill + size
            return
        # There is more behind each of these, so that no chunk of them is the last.
        view = memoryview(data)
        if fill:
            take = -fill % CHUNK_BYTES
            self._view[fill : fill + take] = view[:take]
            self._fill = fill + take
            self._flush(self._view[: self._fill])
            self._fill = 0
            view = view[take:]
        while len(view) > CHUNK_BYTES:
            # From where it lies, without a copy.
            take = min(GATHERED_BYTES, (len(view) - 1) // CHUNK_BYTES * CHUNK_BYTES)
            self._flush(view[:take])
            view = view[take:]
        self._view[: len(view)] = view
        self._fill = len(view)

    def commit(self, *, modified_at: float | None = None, replace: bool = True) -> Entry:
        """Make the file whole and visible."""
        if self._is_over:
            raise StorageError(Trouble.FAILED, "the upload is over, it cannot be committed")
        try:
            self._finish()
            entry = self._store.commit(self, self._object_size(), modified_at, replace=replace)
        except BaseException:
            self.discard()
            raise
        self._end()
        return entry

    def suspend(self) -> None:
        """Break off and keep whole chunks."""
        if self._is_over:
            return
        if self._is_too_much:
            # A part that has no room to become whole would only take that of others.
            self.discard()
            return
        if self._is_torn:
            # What was sealed and what lies there are not in step: as after a kill, the medium
            # alone tells what there is, and a resume seals it anew.
            self.discard() if self._noted is None else self._end()
            return
        try:
            # At least one byte is left out: the client then has one more to send, with
            # which the last chunk can be made.
            whole = max(0, self._fill - 1) // CHUNK_BYTES * CHUNK_BYTES
            if whole:
                self._flush(self._view[:whole])
                self._fill -= whole  # thrown away: what is kept is whole chunks
            if self._sink is None or self._noted is None:
                self.discard()
                return
            self._store.keep(self, self._noted, self._sink, self._flushed)
        except Exception:  # noqa: BLE001  # never raises: what cannot be kept is given up
            self.discard()
            return
        self._end()

    def discard(self) -> None:
        """Break off and keep nothing."""
        if self._is_over:
            return
        if self._sink is not None:
            self._sink.drop()
        if self._noted is not None:
            with contextlib.suppress(Exception):
                self._store.uploads.forget(self.object_id)
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.suspend()

    def _too_much(self, told: str) -> StorageError:
        self._is_too_much = True
        message = f'"{"/".join(self.path)}" would be larger than {told}'
        return StorageError(Trouble.QUOTA, message, hint="make room, or raise the drop's limit")

    def _flush(self, plain: memoryview) -> None:
        size = len(plain)
        if self._limit is not None and self._limit.room is not None:
            # Of what was kept before, the note tells already.
            more = self._flushed - self._counted + size
            room = self._limit.room - self._counted
            if not self._store.taken.take(self.object_id, more, room):
                raise self._too_much("what uploads beside it leave of the quota")
        sink = self._begun()
        if self._noted is None:
            self._noted = self._store.note(self)
        self._is_torn = True
        sink.write([self.encoder.whole(plain, self._out)])
        self._is_torn = False
        self._flushed += size

    def _finish(self) -> None:
        if self._is_torn or self._is_too_much:
            raise StorageError(Trouble.FAILED, "a write of the upload has failed before")
        if self._flushed and not self._fill:
            # Every chunk that was kept is one with another behind it.
            message = f'"{"/".join(self.path)}" was gone on with, but nothing more was sent'
            raise StorageError(Trouble.FAILED, message, hint="upload it from its beginning")
        parts: list[Buffer] = []
        whole = max(0, self._fill - 1) // CHUNK_BYTES * CHUNK_BYTES
        if whole:
            parts.append(self.encoder.whole(self._view[:whole], self._out))
        parts.append(self.encoder.last(self._view[whole : self._fill]))
        if self._sink is None:
            # One call writes all of a small file.
            self._sink = self._store.medium.create(self.object_id)
            if self.encoder.header:
                parts.insert(0, self.encoder.header)
        self._sink.write(parts)
        aside = self.encoder.aside()
        if aside:
            self._store.write_aside(self.object_id, aside, again=self.is_noted)
        self._sink.finish()

    def _begun(self) -> Sink:
        if self._sink is None:
            self._sink = self._store.medium.create(self.object_id)
            if self.encoder.header:
                self._is_torn = True
                self._sink.write([self.encoder.header])
                self._is_torn = False
        return self._sink

    def _object_size(self) -> int:
        return self._sink.size if self._sink is not None else 0

    def _end(self) -> None:
        self._is_over = True
        if self._sink is not None:
            self._sink.close()
        self._store.release(self.claimed, self.object_id, (self._plain, self._out))
        self._plain = self._out = bytearray()
        self._view = memoryview(b"")

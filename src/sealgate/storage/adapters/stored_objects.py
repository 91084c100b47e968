"""The objects of one store on its medium, each with what lies beside it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.forms import CHUNK_BYTES
from sealgate.storage.model import StorageError

if TYPE_CHECKING:
    from sealgate.storage.adapters.forms import Form
    from sealgate.storage.adapters.medium import Medium
    from sealgate.storage.adapters.uploads import Noted
    from sealgate.storage.record import Record

ASIDE = ".tags"


class StoredObjects:
    """The objects on *medium*; *forms* holds one form for each rung that they may have."""

    def __init__(self, medium: Medium, forms: dict[StorageRung, Form]) -> None:
        self.medium = medium
        self._forms = forms

    def write_aside(self, object_id: str, content: bytes, *, again: bool = False) -> None:
        """Write what lies beside an object; durable on return."""
        if again:
            self.medium.remove(object_id + ASIDE)
        sink = self.medium.create(object_id + ASIDE)
        try:
            sink.write([content])
            sink.finish()
        except BaseException:
            sink.drop()
            raise
        sink.close()

    def read_aside(self, record: Record | Noted) -> bytes:
        """Return what lies beside the object of *record*, ``b""`` when nothing should."""
        if not self._forms[record.rung].has_aside or 0 <= record.size <= CHUNK_BYTES:
            return b""
        source = self.medium.open(record.object_id + ASIDE)
        try:
            return source.read_at(0, source.size)
        finally:
            source.close()

    def remove(self, record: Record | Noted) -> None:
        """Remove an object that nothing refers to; if that fails, a sweep does it."""
        with contextlib.suppress(StorageError):
            self.medium.remove(record.object_id)
            if self._forms[record.rung].has_aside:
                self.medium.remove(record.object_id + ASIDE)

    def form(self, rung: StorageRung) -> Form:
        """Return the form of *rung*."""
        return self._forms[rung]

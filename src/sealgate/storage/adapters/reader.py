"""An open file of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.storage.adapters.forms import Opened
    from sealgate.storage.adapters.medium import Source
    from sealgate.storage.model import Entry


class FileReader:
    """Reads *entry* through *opened*, which verifies; owns *source*."""

    def __init__(self, entry: Entry, opened: Opened, source: Source) -> None:
        self._entry = entry
        self._source = source
        # No step between the caller and what verifies: this is called for each block.
        self.read_at = opened.read_at

    @property
    def entry(self) -> Entry:
        """Return what is read."""
        return self._entry

    def close(self) -> None:
        """Let go of it."""
        self._source.close()

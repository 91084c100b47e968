"""Notices that files were replaced by another program, such as certbot."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Stamp = tuple[int, int, int]


class FileWatch:
    """
    What some files looked like when they were last taken over.

    Nothing runs by itself: whoever asks sets the pace. A change counts once the file
    stood still between two looks, because a chain and its key are rarely written in one
    instant.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        """Watch *paths* from how they look now; a file that is not there may come."""
        self._taken = {path: _stamp(path) for path in paths}
        self._seen = dict(self._taken)

    def changed(self) -> set[str]:
        """Return the files that were replaced since they were last named here."""
        before, self._seen = self._seen, {path: _stamp(path) for path in self._taken}
        found = {
            path
            for path, stamp in self._seen.items()
            if stamp == before[path] and stamp != self._taken[path]
        }
        self._taken.update({path: self._seen[path] for path in found})
        return found


def _stamp(path: str) -> Stamp | None:
    with contextlib.suppress(OSError):
        # Through links: certbot turns a link to the new version.
        found = Path(path).stat()
        return found.st_mtime_ns, found.st_ino, found.st_size
    return None

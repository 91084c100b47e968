"""What can be assessed, one line each: whether a text that somebody gave names it, and how it is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.assess.adapters import folder, sql

if TYPE_CHECKING:
    from sealgate.assess.model import Source, SourceKind

# Asked in this order; what no other claims is a path.
SOURCES: tuple[SourceKind, ...] = (sql.KIND, folder.KIND)


def source_of(text: str, *, shown: str, sample: int | None = None) -> Source:
    """
    Return the source that *text* names: a path, or the URL of a database.

    *shown* is what messages call it: a path may itself carry a value.
    *sample* limits the rows that are read of each table; ``None`` reads all.

    Raises:
        UsageError: there is no such file or folder, or the URL cannot be followed.
    """
    kind = next(kind for kind in SOURCES if kind.claims(text))
    return kind.open(text, shown, sample)

"""
JSON (RFC 8259), JSON Lines and JSON text sequences, without holding a document.

Every scalar becomes a cell of the column that its keys name: ``{"customer": {"email":
…}}`` fills ``customer.email``, at any depth and in any array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.assess.adapters.json_cells import MAX_DEPTH, JsonCells, TooDeepError
from sealgate.assess.adapters.json_values import MAX_SCALAR_CHARACTERS, JsonValues, TooLongError
from sealgate.assess.adapters.opened import as_utf8
from sealgate.assess.adapters.text import text_contents
from sealgate.assess.model import Missed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.assess.adapters.opened import OpenableFile
    from sealgate.assess.model import Content, Text

ENDINGS = frozenset([".json", ".jsonl", ".ndjson", ".geojson", ".har", ".webmanifest"])


def json_contents(file: OpenableFile) -> Iterator[Content]:
    """
    Yield the scalars of *file* as columns, or its text where it is broken.

    When only its content spoke for JSON and not its name, being broken means that it
    is none, and nothing is recorded.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read on; the caller records it.
    """
    cells = JsonCells()
    broken: str | None = None
    with file.open() as stream:
        try:
            yield from _scalars(as_utf8(stream), cells)
        except TooDeepError:
            broken = f"it is nested more than {MAX_DEPTH} deep"
        except TooLongError:
            broken = f"one value has more than {MAX_SCALAR_CHARACTERS} characters"
        except ValueError:
            broken = "it is no well-formed JSON"
    if cells.waiting:
        yield cells.batch()
    if broken:
        if file.ending in ENDINGS:
            yield Missed(
                f"{broken} after {cells.total} values: read as text", partly=cells.total > 0
            )
        yield from text_contents(file)


def _scalars(pieces: Iterator[Text | Missed], cells: JsonCells) -> Iterator[Content]:
    """
    Parse *pieces* into *cells* and yield each batch that is full; the rest stays there.

    Raises:
        ValueError: it is no JSON.
        TooDeepError, TooLongError: it is more than is held.
    """
    values = JsonValues(cells)
    for content in pieces:
        if isinstance(content, Missed):
            yield content
            continue
        # RFC 7464: a record separator stands before each text of a sequence.
        text = content.data.decode("utf-8", "surrogatepass").replace("\x1e", " ")
        values.feed(text)
        if cells.is_full(len(text)):
            yield cells.batch()
    values.close()

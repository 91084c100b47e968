"""
JSON (RFC 8259), JSON Lines and JSON text sequences, without holding a document.

Every scalar becomes a cell of the column that its keys name: ``{"customer": {"email":
…}}`` fills ``customer.email``, at any depth and in any array.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ijson

from sealgate.assess.adapters.opened import as_utf8
from sealgate.assess.adapters.text import text_contents
from sealgate.assess.model import Columns, Missed, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.assess.adapters.opened import OpenableFile
    from sealgate.assess.model import Content

ENDINGS = frozenset([".json", ".jsonl", ".ndjson", ".geojson", ".har", ".webmanifest"])
MAX_DEPTH = 512
# A scalar that is still open after so many bytes is not waited for.
MAX_SCALAR_BYTES = 1 << 23
_BATCH_CELLS = 16_384
_BATCH_CHARACTERS = 1 << 20
# Keys beyond so many names are data: they are looked at as values of a column of their own.
_MOST_NAMES = 256
_KEY = re.compile(r"[^\W\d][\w \-.]{0,39}")
_DIGITS = re.compile(r"[0-9]{3,}")
KEYS_COLUMN = "keys"
_SCALARS = frozenset(["string", "number", "integer", "double", "boolean", "null"])


class _TooDeepError(Exception):
    pass


class _TooLongError(Exception):
    pass


def json_contents(file: OpenableFile) -> Iterator[Content]:
    """
    Yield the scalars of *file* as columns, or its text where it is broken.

    When only its content spoke for JSON and not its name, being broken means that it
    is none, and nothing is recorded.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read on; the caller records it.
    """
    cells = _Cells()
    broken: str | None = None
    with file.open() as stream:
        try:
            yield from _scalars(as_utf8(stream), cells)
        except _TooDeepError:
            broken = f"it is nested more than {MAX_DEPTH} deep"
        except _TooLongError:
            broken = f"one value has more than {MAX_SCALAR_BYTES} bytes"
        except (ijson.JSONError, ValueError, ArithmeticError):
            broken = "it is no well-formed JSON"
    if cells.waiting:
        yield cells.batch()
    if broken:
        if file.ending in ENDINGS:
            yield Missed(
                f"{broken} after {cells.total} values: read as text", partly=cells.total > 0
            )
        yield from text_contents(file)


def _scalars(pieces: Iterator[Text | Missed], cells: _Cells) -> Iterator[Content]:
    """
    Parse *pieces* into *cells* and yield each batch that is full; the rest stays there.

    Raises:
        ijson.JSONError, ValueError, ArithmeticError: it is no JSON.
        _TooDeepError, _TooLongError: it is more than is held.
    """
    events: Any = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events, multiple_values=True, use_float=True)
    waiting = 0
    for content in pieces:
        if isinstance(content, Missed):
            yield content
            continue
        try:
            # RFC 7464: a record separator stands before each text of a sequence.
            parser.send(content.data.replace(b"\x1e", b" "))
        finally:
            # What came before the fault was read.
            waiting = 0 if events else waiting + len(content.data)
            cells.take(events)
            del events[:]
        if waiting > MAX_SCALAR_BYTES:
            raise _TooLongError
        if cells.full:
            yield cells.batch()
    parser.close()
    cells.take(events)


class _Cells:
    """
    Scalars by column, until there are enough for a batch.
    """

    def __init__(self) -> None:
        self._cells: dict[str, list[str | None]] = {}
        self._known: set[str] = set()
        self._keys: list[str] = []
        self._path: list[str | None] = []
        self._objects = 0
        self._size = 0
        self.waiting = 0
        self.total = 0

    @property
    def full(self) -> bool:
        return self.waiting >= _BATCH_CELLS or self._size >= _BATCH_CHARACTERS

    def take(self, events: list[tuple[str, Any]]) -> None:
        path = self._path
        for event, value in events:
            if event == "map_key":
                path[-1] = value
                if not self._is_name(value) or len(self._known) >= _MOST_NAMES:
                    self._put(KEYS_COLUMN, value)
            elif event == "start_map":
                self._deeper("")
                self._objects += 1
            elif event == "start_array":
                self._deeper(None)
            elif event in {"end_map", "end_array"}:
                path.pop()
            elif event in _SCALARS:
                self._add(event, value)

    def batch(self) -> Columns:
        batch = Columns(tuple(self._cells), tuple(self._cells.values()), self._objects)
        self._cells = {}
        self._size = self.waiting = self._objects = 0
        return batch

    def _deeper(self, key: str | None) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise _TooDeepError
        self._path.append(key)

    def _add(self, event: str, value: Any) -> None:
        if event == "string":
            text = value
        elif event == "null":
            text = None
        elif event == "boolean":
            text = "true" if value else "false"
        else:
            text = str(value)
        self._put(self._name(), text)
        self.total += 1

    def _put(self, name: str, text: str | None) -> None:
        self._cells.setdefault(name, []).append(text)
        self.waiting += 1
        self._size += len(text) if text else 0

    def _name(self) -> str:
        keys = [key for key in self._path[-4:] if key and self._is_name(key)]
        name = ".".join(keys[-2:]) or "value"
        if name not in self._known:
            if len(self._known) >= _MOST_NAMES:
                return "value"
            self._known.add(name)
        return name

    def _is_name(self, key: str) -> bool:
        return _KEY.fullmatch(key) is not None and not _DIGITS.search(key)

"""Values of JSON as cells, by the column that their keys name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sealgate.assess.model import Columns

MAX_DEPTH = 512
_BATCH_CELLS = 1 << 15
_BATCH_CHARACTERS = 1 << 20
# Keys beyond so many names are data: they are looked at as values of a column of their own.
_MOST_NAMES = 256
_KEY = re.compile(r"[^\W\d][\w \-.]{0,39}")
_DIGITS = re.compile(r"[0-9]{3,}")
KEYS_COLUMN = "keys"
_PLAIN = frozenset([str, type(None)])

_Path = tuple[str | None, ...]
"""
The way to a value: the key in each object, ``None`` for each array.
"""


class TooDeepError(Exception):
    """Values are nested deeper than is held."""


class JsonCells:
    """Cells by column, until there are enough for a batch. *total* counts all scalars."""

    def __init__(self) -> None:
        self._cells: dict[str, list[str | None]] = {}
        self._known: set[str] = set()
        self._objects = 0
        self._size = 0
        self.waiting = 0
        self.total = 0

    def is_full(self, parsed: int) -> bool:
        """Return whether it is time for a batch, now that so many more characters are *parsed*."""
        self._size += parsed
        return self.waiting >= _BATCH_CELLS or (
            self.waiting > 0 and self._size >= _BATCH_CHARACTERS
        )

    def batch(self) -> Columns:
        """Return the cells that are waiting."""
        batch = Columns(tuple(self._cells), tuple(self._cells.values()), self._objects)
        self._cells = {}
        self._size = self.waiting = self._objects = 0
        return batch

    def enter(self, depth: int, *, is_array: bool) -> None:
        """
        Note that an array or object begins below *depth* others.

        Raises:
            TooDeepError: that is too deep.
        """
        if depth >= MAX_DEPTH:
            raise TooDeepError
        self._objects += not is_array

    def add_key(self, key: str, times: int) -> None:
        """Look at *key*, which stands there so many *times*, as data unless it is a name."""
        if not _is_name(key) or len(self._known) >= _MOST_NAMES:
            self._put(KEYS_COLUMN, [key] * times)

    def add(self, path: _Path, values: list[Any]) -> None:
        """
        Add *values* that have the same *path*: scalars, lists, and tuples of pairs as objects.

        Raises:
            TooDeepError: they are nested too deep.
        """
        # Not by recursion, and column by column: most records have the same keys.
        waiting: list[tuple[_Path, Sequence[Any]]] = [(path, values)]
        while waiting:
            above, some = waiting.pop()
            types = set(map(type, some))
            if tuple in types or list in types:
                scalars = [v for v in some if not isinstance(v, tuple | list)]
                waiting += self._opened(above, some)
            else:
                scalars = list(some)
            if scalars:
                self._put(self._name(above), scalars if types <= _PLAIN else map(_text, scalars))
                self.total += len(scalars)

    def _opened(self, path: _Path, values: Sequence[Any]) -> list[tuple[_Path, Sequence[Any]]]:
        """Return what is in the arrays and objects among *values*, by path, the last first."""
        objects: dict[_Path, list[tuple[Any, ...]]] = {}
        elements: list[Any] = []
        for value in values:
            if isinstance(value, tuple):
                self.enter(len(path), is_array=False)
                if value:
                    keys, row = zip(*value, strict=True)
                    objects.setdefault(keys, []).append(row)
            elif isinstance(value, list):
                self.enter(len(path), is_array=True)
                elements += value
        found: list[tuple[_Path, Sequence[Any]]] = []
        for keys, rows in objects.items():
            for key, column in zip(keys, zip(*rows, strict=True), strict=True):
                self.add_key(str(key), len(rows))
                if not isinstance(column[0], tuple | list):
                    self._name((*path, key))  # before the next key is asked for
                found.append(((*path, key), column))
        if elements:
            found.append(((*path, None), elements))
        found.reverse()
        return found

    def _put(self, name: str, cells: Iterable[str | None]) -> None:
        column = self._cells.setdefault(name, [])
        before = len(column)
        column += cells
        self.waiting += len(column) - before

    def _name(self, path: _Path) -> str:
        keys = [key for key in path[-4:] if key and _is_name(key)]
        name = ".".join(keys[-2:]) or "value"
        if name not in self._known:
            if len(self._known) >= _MOST_NAMES:
                return "value"
            self._known.add(name)
        return name


def _is_name(key: str) -> bool:
    return _KEY.fullmatch(key) is not None and not _DIGITS.search(key)


def _text(value: str | bool | None) -> str | None:  # noqa: FBT001  # it is a value of the data
    return str(value).lower() if isinstance(value, bool) else value

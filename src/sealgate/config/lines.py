"""
Where each key of a TOML document stands, so that a fault can name its line.

The standard library reads the values and forgets the places; tree-sitter keeps the
places. Both read the same text; this module only ever answers "which line".
"""

from __future__ import annotations

import tomllib
from itertools import islice
from typing import TYPE_CHECKING

import tree_sitter
import tree_sitter_toml

if TYPE_CHECKING:
    from collections.abc import Iterator

# The way to a value: a key per table, a number (from 0) per place in an array.
KeyPath = tuple[str | int, ...]

# Settings nest less deep than this; what lies deeper gets its parent's line.
MAX_DEPTH = 16

_LANGUAGE = tree_sitter.Language(tree_sitter_toml.language())
_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})


class Lines:
    """The line of every table, key and array element of one document."""

    def __init__(self, text: str) -> None:
        """Read the places in *text*, which must be valid TOML; else some are missing."""
        self._known: dict[KeyPath, int] = {}
        self._lengths: dict[KeyPath, int] = {}
        root = tree_sitter.Parser(_LANGUAGE).parse(text.encode(errors="replace")).root_node
        for node in root.named_children:
            if node.type == "pair":
                self._pair(node, (), 0)
            elif node.type in {"table", "table_array_element"}:
                self._table(node)

    def of(self, path: KeyPath) -> int:
        """Return the line of *path*, counted from 1: its own, else its nearest parent's."""
        for end in range(len(path), 0, -1):
            line = self._known.get(path[:end])
            if line is not None:
                return line
        return 1

    def _table(self, node: tree_sitter.Node) -> None:
        keys, *pairs = [child for child in node.named_children if child.type != "comment"] or [node]
        line = node.start_point.row + 1
        path: KeyPath = ()
        names = list(islice(_names(keys), MAX_DEPTH))
        for index, name in enumerate(names):
            path = (*path, name)
            self._known.setdefault(path, line)
            if node.type == "table_array_element" and index == len(names) - 1:
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                # A header means the newest element of every array on its way (TOML 1.0).
                path = (*path, self._lengths[path] - 1)
                self._known.setdefault(path, line)
        for pair in pairs:
            if pair.type == "pair":
                self._pair(pair, path, len(names))

    def _pair(self, node: tree_sitter.Node, parent: KeyPath, depth: int) -> None:
        children = [child for child in node.named_children if child.type != "comment"]
        if not children or children[0].type not in _KEYS:
            return
        path = parent
        for name in islice(_names(children[0]), MAX_DEPTH):
            path = (*path, name)
            self._known.setdefault(path, node.start_point.row + 1)
        for value in children[1:]:
            self._value(value, path, depth + 1)

    def _value(self, node: tree_sitter.Node, path: KeyPath, depth: int) -> None:
        if depth > MAX_DEPTH:
            return
        if node.type == "inline_table":
            for child in node.named_children:
                if child.type == "pair":
                    self._pair(child, path, depth)
        elif node.type == "array":
            elements = [child for child in node.named_children if child.type != "comment"]
            for index, element in enumerate(elements):
                self._known.setdefault((*path, index), element.start_point.row + 1)
                self._value(element, (*path, index), depth + 1)


def _names(node: tree_sitter.Node) -> Iterator[str]:
    # Dotted keys nest to the left, as deep as they are long: walked without recursion.
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current.type == "dotted_key":
            waiting.extend(
                child for child in reversed(current.named_children) if child.type in _KEYS
            )
        elif current.type in _KEYS:
            text = (current.text or b"").decode(errors="replace")
            yield _unquoted(text) if current.type == "quoted_key" else text


def _unquoted(text: str) -> str:
    try:
        return next(iter(tomllib.loads(f"{text} = 0")))
    except (tomllib.TOMLDecodeError, StopIteration):
        return text

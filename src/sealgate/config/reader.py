"""
Typed, strict reading of TOML tables: every fault is noted with its line, none raised.

A :class:`Table` hands out values of the type that the schema demands, or ``None``
after it has noted why not. So the rest of the parser only decides what values mean.
"""

from __future__ import annotations

import datetime as dt
import difflib
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

import tree_sitter
import tree_sitter_toml

from sealgate.config.schema import Setting, Type
from sealgate.config.values import UnfitError
from sealgate.errors import Fault
from sealgate.policy.inventory import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import PurePath

    from sealgate.config.schema import Section

_Read = TypeVar("_Read")

# The way to a value: a key per table, a number (from 0) per place in an array.
KeyPath = tuple[str | int, ...]

# Settings nest less deep than this; what lies deeper gets its parent's line.
MAX_DEPTH = 16

_LANGUAGE = tree_sitter.Language(tree_sitter_toml.language())
_KEYS = frozenset({"bare_key", "quoted_key", "dotted_key"})

# What is quoted of a value in a message, so that one long line does not bury it.
MAX_QUOTED_CHARACTERS = 60
# A path is of use only when it is whole (PATH_MAX of Linux).
MAX_PATH_CHARACTERS = 4096
# PATH_MAX counts the NUL at the end, NAME_MAX does not.
MAX_PATH_BYTES, MAX_NAME_BYTES = MAX_PATH_CHARACTERS - 1, 255


class Lines:
    """
    The line of every table, key and array element of one document.

    The standard library reads the values and forgets the places; tree-sitter keeps the
    places. Both read the same text.
    """

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


class FileKind(StrEnum):
    """What a file that the configuration names must be."""

    READABLE = "a file"
    PROGRAM = "a program"
    FOLDER = "a folder"
    COUNTRY_DATABASE = "a country database"


@dataclass(frozen=True, slots=True)
class Mention:
    """A file that the document names: at which key, what it must be, its path."""

    path: KeyPath
    kind: FileKind
    file: str


class Notes:
    """The faults of one document, where its parts stand, and the files that it names."""

    def __init__(self, file: str, lines: Lines) -> None:
        """Start without faults; *file* is the name that messages begin with."""
        self.file = file
        self._lines = lines
        self._faults: list[Fault] = []
        self.mentions: list[Mention] = []

    def add(self, path: KeyPath, message: str, hint: str | None = None) -> None:
        """Note that something is wrong at *path*."""
        self._faults.append(Fault(self.file, self._lines.of(path), message, hint))

    def add_at(self, place: Place, message: str, hint: str | None = None) -> None:
        """Note that something is wrong with what stands at *place*."""
        self._faults.append(Fault(self.file, place.line, message, hint))

    def place(self, path: KeyPath) -> Place:
        """Return where *path* stands."""
        return Place(self.file, self._lines.of(path))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Return the faults in the order of their lines."""
        return tuple(sorted(self._faults, key=lambda fault: fault.line))


class Table:
    """One TOML table, read by the schema's section."""

    def __init__(
        self, notes: Notes, path: KeyPath, values: Mapping[str, object], section: Section
    ) -> None:
        """Note every unknown, missing or wrongly typed key of *values*."""
        self.notes = notes
        self.path = path
        self._good: dict[str, object] = {}
        self._present = frozenset(values)
        known = {setting.key: setting for setting in section.settings}
        for key, value in values.items():
            setting = known.get(key)
            if setting is None:
                notes.add(
                    (*path, key),
                    f"{quoted(key)} is no key of {section.header}; known are {', '.join(known)}",
                    nearest(key, known, "did you mean {}?") or "remove it",
                )
            elif not _FITS[setting.type](value):
                notes.add(
                    (*path, key),
                    f"{quoted(key)} is {_described(value)}, but must be {setting.type.value}",
                    f"{key} = {_EXAMPLES[setting.type]}",
                )
            else:
                self._good[key] = value
        for setting in section.settings:
            if setting.required and setting.key not in values:
                self._missing(setting, section)

    def _missing(self, setting: Setting, section: Section) -> None:
        if setting.type is Type.TABLES:
            hint = f"add [[{section.name}.{setting.key}]] below it"
        else:
            hint = f"add {setting.key} = {_EXAMPLES[setting.type]}"
        self.notes.add(self.path, f"{section.header} has no {quoted(setting.key)}", hint)

    def has(self, key: str) -> bool:
        """Return whether *key* is there, faulty or not."""
        return key in self._present

    def good(self, key: str) -> bool:
        """Return whether *key* is there, known and of the right type."""
        return key in self._good

    def fault(self, key: str, message: str, hint: str | None = None) -> None:
        """Note that the value of *key* is wrong."""
        self.notes.add((*self.path, key), message, hint)

    def element_fault(self, key: str, index: int, message: str, hint: str | None = None) -> None:
        """Note that one element of the list *key* is wrong."""
        self.notes.add((*self.path, key, index), message, hint)

    def place(self) -> Place:
        """Return where the table begins."""
        return self.notes.place(self.path)

    def place_of(self, key: str) -> Place:
        """Return where *key* stands, where the table begins when it is not there."""
        return self.notes.place((*self.path, key))

    def text(self, key: str) -> str | None:
        """Return a string that is not empty, or ``None``."""
        value = self._good.get(key)
        if not isinstance(value, str):
            return None
        if not value.strip():
            self.fault(key, f"{quoted(key)} is empty", f'{key} = "…", or remove the line')
            return None
        return value

    def integer(self, key: str) -> int | None:
        """Return a whole number, or ``None``."""
        value = self._good.get(key)
        return value if isinstance(value, int) else None

    def flag(self, key: str) -> bool:
        """Return true only when *key* is true."""
        return self._good.get(key) is True

    def date(self, key: str) -> dt.date | None:
        """Return a date, or ``None``."""
        value = self._good.get(key)
        return value if isinstance(value, dt.date) else None

    def file(self, key: str, folder: PurePath, kind: FileKind) -> str | None:
        """Return the path at *key*, relative to *folder*, and mention it; or ``None``."""
        text = self.text(key)
        if text is None:
            return None
        path = self.path_of(key, str(folder / text))
        if path is not None:
            self.notes.mentions.append(Mention((*self.path, key), kind, path))
        return path

    def path_of(self, key: str, path: str) -> str | None:
        """Return *path*, which *key* means, or ``None`` when no system can have such a one."""
        why = why_no_path(path)
        if why is None:
            return path
        self.fault(key, f"{quoted(key)} {why}", f'{key} = "FILE"')
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return the strings of a list; one string counts as a list of one."""
        value = self._good.get(key)
        if isinstance(value, str):
            return (value,)
        return tuple(value) if isinstance(value, list) else ()

    def each(self, key: str, read: Callable[[str], _Read], name: str) -> tuple[_Read, ...]:
        """Return what *read* makes of the strings of a list, each once; of others, called *name*, it is noted."""
        found: dict[_Read, None] = {}
        for index, text in enumerate(self.texts(key)):
            try:
                found[read(text)] = None
            except UnfitError as error:
                message = f"{name} {quoted(text)} {error}"
                self.element_fault(key, index, message, error.hint)
        return tuple(found)

    def table(self, key: str) -> Mapping[str, object] | None:
        """Return a table's raw values, or ``None``."""
        value = self._good.get(key)
        return value if isinstance(value, dict) else None

    def tables(self, key: str) -> tuple[Mapping[str, object], ...]:
        """Return the raw values of a list of tables."""
        value = self._good.get(key)
        return tuple(value) if isinstance(value, list) else ()


def quoted(text: str, most: int = MAX_QUOTED_CHARACTERS) -> str:
    """Return *text* in double quotes on one line, shortened to *most* characters."""
    short = text if len(text) <= most else text[:most] + "…"
    return '"' + "".join(c if c.isprintable() else "?" for c in short) + '"'


def quoted_path(path: str) -> str:
    """Return *path* in double quotes on one line, whole."""
    return quoted(path, MAX_PATH_CHARACTERS)


def why_no_path(path: str) -> str | None:
    """Return why nothing can ever lie at *path*, as the end of a sentence; ``None`` when it can."""
    if "\0" in path:
        return "is no path"
    encoded = path.encode("utf-8", "surrogateescape")
    if len(encoded) > MAX_PATH_BYTES or max(map(len, encoded.split(b"/"))) > MAX_NAME_BYTES:
        return (
            f"is too long: {MAX_NAME_BYTES} bytes a name and {MAX_PATH_BYTES} in all are the most"
        )
    return None


def nearest(word: str, known: Iterable[str], sentence: str) -> str | None:
    """Return *sentence* with the known word closest to *word*, or ``None`` when none is near."""
    short = word.lower()[:MAX_QUOTED_CHARACTERS]
    found = difflib.get_close_matches(short, list(known), n=1, cutoff=0.6)
    return sentence.format(quoted(found[0])) if found else None


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


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_list_of(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and all(fits(item) for item in value)


# bool is an int and datetime a date for Python, but not for TOML.
_FITS: dict[Type, Callable[[object], bool]] = {
    Type.TEXT: _is_text,
    Type.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    Type.BOOLEAN: lambda value: isinstance(value, bool),
    Type.DATE: lambda value: isinstance(value, dt.date) and not isinstance(value, dt.datetime),
    Type.TEXTS: lambda value: _is_list_of(value, _is_text),
    Type.TEXT_OR_TEXTS: lambda value: _is_text(value) or _is_list_of(value, _is_text),
    Type.TEXT_OR_TABLE: lambda value: _is_text(value) or _is_table(value),
    Type.TABLE: _is_table,
    Type.TABLES: lambda value: _is_list_of(value, _is_table),
}
_EXAMPLES: dict[Type, str] = {
    Type.TEXT: '"…"',
    Type.INTEGER: "300",
    Type.BOOLEAN: "true",
    Type.DATE: "2027-03-31",
    Type.TEXTS: '["…"]',
    Type.TEXT_OR_TEXTS: '"…"',
    Type.TEXT_OR_TABLE: '"…"',
    Type.TABLE: "{ … }",
    Type.TABLES: "[{ … }]",
}
# The first that fits names the value, so bool stands before int and datetime before date.
_WORDS: tuple[tuple[type, str], ...] = (
    (str, "a string"),
    (bool, "a truth value"),
    (int, "a whole number"),
    (float, "a number with a point"),
    (dt.datetime, "a date with a time"),
    (dt.date, "a date"),
    (dt.time, "a time"),
    (dict, "a table"),
    (list, "a list"),
)


def _described(value: object) -> str:
    if isinstance(value, list) and value:
        kinds = sorted({_described(item) for item in value[:100] if not isinstance(item, list)})
        return f"a list of {' and '.join(kinds) or 'lists'}"
    return next((word for kind, word in _WORDS if isinstance(value, kind)), "something else")

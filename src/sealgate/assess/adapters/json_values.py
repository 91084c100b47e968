"""
The values of JSON text that comes in pieces, the largest that are whole at once.

A value that is whole in what is there is parsed in one call. Only what is too large for
that, an array of all records or an object around it, is entered and read part by part.
"""

from __future__ import annotations

import json
import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Never

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.assess.adapters.json_cells import JsonCells

# A scalar that is still open after so many characters is not waited for.
MAX_SCALAR_CHARACTERS = 1 << 23
# An array or object that is still open after so many is entered.
_ENTERED_AT = 1 << 18
_LONGEST_WORD = 8  # "false" and what may follow it
_BLANKS = re.compile(r"[ \t\r\n]*")
_WORD = re.compile(r"[\w.+-]")
_COMMA = re.compile(r"[ \t\r\n]*,[ \t\r\n]*")
_COLON = re.compile(r"[ \t\r\n]*:")


class TooLongError(Exception):
    """One value is longer than is held."""


class _Next(Enum):
    """What may stand next."""

    VALUE = auto()
    VALUE_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    AFTER_VALUE = auto()


class _IncompleteError(Exception):
    pass


def _refuse(_name: str) -> Never:
    # NaN and Infinity are no JSON (RFC 8259, 6).
    raise ValueError


# Objects become tuples of pairs, so that no key hides another of its name, and arrays
# lists. Numbers stay as they are written.
_SCAN: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder(
    object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=_refuse
).scan_once  # type: ignore[attr-defined] # what raw_decode calls, without its wrapping of errors


class JsonValues:
    """
    Takes text in pieces and gives its values, each with its path, to *cells*.

    The text may hold many values one after another.
    """

    def __init__(self, cells: JsonCells) -> None:
        self._cells = cells
        self._text = ""
        self._at = 0
        self._path: list[str | None] = []
        self._next = _Next.VALUE
        self._values: list[Any] = []

    def feed(self, text: str) -> None:
        """
        Take *text*, cut anywhere.

        Raises:
            ValueError: it is no JSON; what came before the fault was given.
            TooDeepError, TooLongError: it is more than is held.
        """
        self._text = self._text[self._at :] + text
        self._at = 0
        self._read(last=False)

    def close(self) -> None:
        """
        Read the rest.

        Raises:
            ValueError: it is no JSON, or ends too early.
            TooDeepError, TooLongError: it is more than is held.
        """
        self._read(last=True)
        if self._path or self._at < len(self._text):
            raise ValueError

    def _read(self, *, last: bool) -> None:
        try:
            while True:
                self._at = _end(_BLANKS, self._text, self._at)
                if self._at == len(self._text):
                    return
                self._step(self._text[self._at], last=last)
        except _IncompleteError:
            if last:
                raise ValueError from None
        finally:
            self._give()

    def _step(self, sign: str, *, last: bool) -> None:
        match self._next:
            case _Next.AFTER_VALUE if not self._path:
                self._next = _Next.VALUE
            case _Next.AFTER_VALUE if sign == ",":
                self._at += 1
                self._next = _Next.VALUE if self._path[-1] is None else _Next.KEY
            case _Next.AFTER_VALUE | _Next.VALUE_OR_END if sign == "]":
                self._leave(is_array=True)
            case _Next.AFTER_VALUE | _Next.KEY_OR_END if sign == "}":
                self._leave(is_array=False)
            case _Next.VALUE | _Next.VALUE_OR_END:
                self._value(sign, last=last)
            case _Next.KEY | _Next.KEY_OR_END if sign == '"':
                self._key()
            case _:
                raise ValueError

    def _value(self, sign: str, *, last: bool) -> None:
        try:
            value, end = _SCAN(self._text, self._at)
        except (StopIteration, ValueError, RecursionError) as error:
            there = len(self._text) - self._at
            if sign in "{[":
                if there < _ENTERED_AT and not last:
                    raise _IncompleteError from None
                self._enter(is_array=sign == "[")
                return
            self._wait(error, there, last=last)
        else:
            if sign not in '"{[':
                if end == len(self._text) and not last:
                    self._wait(None, end - self._at, last=last)  # a number may go on
                if _WORD.match(self._text, end):
                    raise ValueError
            self._values.append(value)
            if sign == "{" and not (self._path and self._path[-1] is not None):
                end = self._records(end)
            self._at = end
            self._next = _Next.AFTER_VALUE

    def _records(self, end: int) -> int:
        """
        Take the objects that follow the one with this *end*, and return where the last ends.

        This is where the time goes in a file of records.
        """
        text, values = self._text, self._values
        between = (_COMMA if self._path else _BLANKS).match
        while (found := between(text, end)) is not None and text.startswith("{", found.end()):
            try:
                value, end = _SCAN(text, found.end())
            except (StopIteration, ValueError, RecursionError):
                break  # cut off or broken: whoever reads on finds out
            values.append(value)
        return end

    def _key(self) -> None:
        try:
            key, end = _SCAN(self._text, self._at)
        except (StopIteration, ValueError) as error:
            self._wait(error, len(self._text) - self._at, last=False)
        colon = _end(_COLON, self._text, end)
        if colon == end:
            if _end(_BLANKS, self._text, end) < len(self._text):
                raise ValueError
            raise _IncompleteError
        self._give()
        self._path[-1] = key
        self._cells.add_key(key, 1)
        self._at = colon
        self._next = _Next.VALUE

    def _wait(self, error: Exception | None, there: int, *, last: bool) -> Never:
        """Wait for the rest of a scalar, of which so many characters are *there*."""
        if there > MAX_SCALAR_CHARACTERS:
            raise TooLongError
        if error is not None:
            is_open = (
                error.msg.startswith("Unterminated") or error.pos >= len(self._text) - _LONGEST_WORD
                if isinstance(error, json.JSONDecodeError)
                else there < _LONGEST_WORD
            )
            if last or not is_open:
                raise ValueError from None
        raise _IncompleteError

    def _enter(self, *, is_array: bool) -> None:
        self._give()
        self._cells.enter(len(self._path), is_array=is_array)
        self._path.append(None if is_array else "")
        self._at += 1
        self._next = _Next.VALUE_OR_END if is_array else _Next.KEY_OR_END

    def _leave(self, *, is_array: bool) -> None:
        if not self._path or (self._path[-1] is None) != is_array:
            raise ValueError
        self._give()
        self._path.pop()
        self._at += 1
        self._next = _Next.AFTER_VALUE

    def _give(self) -> None:
        if self._values:
            values, self._values = self._values, []
            self._cells.add(tuple(self._path), values)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return at if found is None else found.end()

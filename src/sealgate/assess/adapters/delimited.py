"""
CSV, TSV and their like (RFC 4180, and what spreadsheets make of it).

Strict about quoting: where a record is broken, that is recorded and the same bytes
are read again as text, so that nothing stays unseen.
"""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

from sealgate.assess.adapters.opened import as_utf8
from sealgate.assess.adapters.text import text_contents
from sealgate.assess.model import Columns, Missed, Text
from sealgate.assess.naming import is_known_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.assess.adapters.opened import OpenableFile
    from sealgate.assess.model import Content

ENDINGS = frozenset([".csv", ".tsv", ".tab", ".psv"])
_DELIMITERS = ",;\t|"
# A line longer than this many characters is no record. The csv module itself refuses
# fields of more than 131,072 characters.
MAX_LINE_CHARACTERS = 1 << 20
_BATCH_ROWS = 4096
_BATCH_CHARACTERS = 1 << 20
_SNIFF_LINES = 50
_FEWEST_LINES = 5
_FEWEST_COLUMNS = 3


class _LineTooLongError(Exception):
    pass


def looks_delimited(sample: str) -> bool:
    """
    Return whether *sample* is a table although its file's name does not say so.

    Every line has the same number of fields, and a header names what detectors know.
    """
    delimiter, width = _delimiter(sample)
    lines = _sample_lines(sample)
    if width < _FEWEST_COLUMNS or len(lines) < _FEWEST_LINES:
        return False
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return len({len(row) for row in rows}) == 1 and _is_header(rows[0])


def delimited_contents(file: OpenableFile) -> Iterator[Content]:
    """
    Yield the rows of *file* as columns, or its text where it is broken.

    When only its content spoke for a table and not its name, being broken means that
    it is none, and nothing is recorded.

    Raises:
        OSError, EOFError, zlib.error: it cannot be read on; the caller records it.
    """
    with file.open() as stream:
        lines = _Lines(as_utf8(stream))
        records = 0
        broken: str | None = None
        try:
            for batch in _batches(lines):
                records += batch.rows
                yield batch
        except csv.Error:
            broken = "a record is broken"
        except _LineTooLongError:
            broken = f"a line has more than {MAX_LINE_CHARACTERS} characters"
        yield from lines.missed
    if broken:
        # Without a single record nothing is known of its columns: then it counts as unseen.
        if file.ending in ENDINGS:
            yield Missed(f"{broken} after record {records}: read as text", partly=records > 0)
        yield from text_contents(file)


def _batches(lines: _Lines) -> Iterator[Columns]:
    """
    Yield the records of *lines* in batches; those before a broken one too.

    Raises:
        csv.Error, _LineTooLongError: a record is broken.
    """
    reader = csv.reader(lines, delimiter=lines.delimiter, strict=True)
    names: tuple[str, ...] | None = None
    rows: list[list[str]] = []
    empty = True
    failure: Exception | None = None
    for row in _records(reader):
        if isinstance(row, Exception):
            failure = row
            break
        if names is None:
            names = _names(row)
            if names:
                continue
        rows.append(row)
        if len(rows) >= _BATCH_ROWS or lines.taken >= _BATCH_CHARACTERS:
            lines.taken = 0
            yield _columns(names, rows)
            empty = False
            rows = []
    if rows:
        yield _columns(names or (), rows)
    elif empty and names:
        yield Columns(names, tuple(() for _ in names), 0)
    if failure is not None:
        raise failure


def _records(reader: Iterator[list[str]]) -> Iterator[list[str] | Exception]:
    """
    Yield each record that is not empty, and last the failure if there is one.
    """
    try:
        yield from filter(None, reader)
    except (csv.Error, _LineTooLongError) as error:
        yield error


class _Lines:
    """
    The lines of decoded text, of bounded length, and the delimiter that they use.
    """

    def __init__(self, source: Iterator[Text | Missed]) -> None:
        self._source = source
        self.missed: list[Missed] = []
        self.taken = 0
        self._rest = b""
        self._first = self._next_text()
        sample = self._first.decode("utf-8", "replace")
        self._returns = "\n" not in sample and "\r" in sample
        self.delimiter, _ = _delimiter(sample.replace("\r", "\n") if self._returns else sample)

    def __iter__(self) -> Iterator[str]:
        piece = self._first
        self._first = b""
        while piece:
            if self._returns:
                piece = piece.replace(b"\r", b"\n")
            *whole, rest = (self._rest + piece).split(b"\n")
            self._rest = rest
            for line in whole:
                yield self._checked(line + b"\n")
            if len(self._rest) > MAX_LINE_CHARACTERS:
                raise _LineTooLongError
            piece = self._next_text()
        if self._rest:
            yield self._checked(self._rest)

    def _checked(self, line: bytes) -> str:
        if len(line) > MAX_LINE_CHARACTERS:
            raise _LineTooLongError
        self.taken += len(line)
        return line.decode("utf-8", "surrogatepass")

    def _next_text(self) -> bytes:
        for content in self._source:
            if isinstance(content, Text):
                return content.data
            self.missed.append(content)
        return b""


def _sample_lines(sample: str) -> list[str]:
    lines = sample.split("\n")
    # The last line of a sample may be cut.
    return [line + "\n" for line in lines[:-1][:_SNIFF_LINES] if line.strip()]


def _delimiter(sample: str) -> tuple[str, int]:
    """
    Return the delimiter that splits most lines into the same number of fields.
    """
    lines = _sample_lines(sample) or [sample[:MAX_LINE_CHARACTERS]]
    best = (0, 0, ",")
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            continue
        if widths:
            width, agree = max(widths.items(), key=lambda wa: (wa[0] > 1, wa[1], wa[0]))
            best = max(best, (agree if width > 1 else 0, width, delimiter))
    return best[2], best[1] or 1


def _names(row: list[str]) -> tuple[str, ...]:
    # No names: the row is data.
    if not _is_header(row):
        return ()
    seen: Counter[str] = Counter()
    names = []
    for number, name in enumerate(row, start=1):
        bare = name.strip("\ufeff \t\r\n") or f"column {number}"
        seen[bare] += 1
        names.append(bare if seen[bare] == 1 else f"{bare} {seen[bare]}")
    return tuple(names)


def _is_header(row: list[str]) -> bool:
    # Names that no detector knows decide nothing, so a header without a known one may
    # as well be data; then it is counted as data and nothing is lost.
    cells = [cell.strip() for cell in row]
    if any(cell.replace(".", "").replace("-", "").isdigit() for cell in cells):
        return False
    return any(is_known_name(cell) for cell in cells if cell)


def _columns(names: tuple[str, ...], rows: list[list[str]]) -> Columns:
    width = max(len(row) for row in rows)
    if len(rows[0]) == width and all(len(row) == width for row in rows):
        cells = tuple(zip(*rows, strict=True))
    else:
        cells = tuple(tuple(row[i] if i < len(row) else None for row in rows) for i in range(width))
    every = (*names[:width], *(f"column {n + 1}" for n in range(min(len(names), width), width)))
    return Columns(every, cells, len(rows))

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
from sealgate.assess.adapters.split import split_block
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
# What is split at once: a batch is what stands in so many bytes.
_BLOCK_BYTES = 1 << 19
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

    What can be split at once is; anything else goes to the csv module, line by line.

    Raises:
        csv.Error, _LineTooLongError: a record is broken.
    """
    reader = csv.reader(lines, delimiter=lines.delimiter, strict=True)
    first = next(filter(None, reader), None)
    if first is None:
        return
    names = _names(first)
    rows: list[list[str]] = []
    empty = bool(names)
    if not names:
        yield _columns(names, [first])
    while block := lines.block():
        batches = split_block(block, lines.delimiter, len(first))
        if batches is None:
            lines.back(block)
            failure = _read(reader, lines, len(block), rows)
        else:
            failure = None
            for batch in batches.whole:
                yield Columns(_every(names, len(batch.cells)), batch.cells, batch.rows)
                empty = False
            rows += batches.odd
        if rows:
            yield _columns(names, rows)
            empty = False
            rows = []
        if failure is not None:
            raise failure
    if empty:
        yield Columns(names, tuple(() for _ in names), 0)


def _read(
    reader: Iterator[list[str]], lines: _Lines, size: int, rows: list[list[str]]
) -> Exception | None:
    """
    Add the records in the next *size* bytes to *rows*, and return the failure if there is one.

    A record that begins in them is read to its end.
    """
    end = lines.taken + size
    try:
        for row in reader:
            if row:
                rows.append(row)
            if lines.taken >= end:
                break
    except (csv.Error, _LineTooLongError) as error:
        return error
    return None


class _Lines:
    """
    The lines of decoded text, of bounded length, and the delimiter that they use.

    Gives one line after another, or all that are there as a block. *taken* counts bytes.
    """

    def __init__(self, source: Iterator[Text | Missed]) -> None:
        self._source = source
        self.missed: list[Missed] = []
        self.taken = 0
        self._buffer = self._next_text()
        self._at = 0
        sample = self._buffer.decode("utf-8", "replace")
        self._returns = "\n" not in sample and "\r" in sample
        self.delimiter, _ = _delimiter(sample.replace("\r", "\n") if self._returns else sample)
        if self._returns:
            self._buffer = self._buffer.replace(b"\r", b"\n")

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        end = self._buffer.find(b"\n", self._at) + 1
        while not end:
            if not self._more():
                end = len(self._buffer)
                break
            end = self._buffer.find(b"\n", self._at) + 1
        line = self._buffer[self._at : end]
        if not line:
            raise StopIteration
        if len(line) > MAX_LINE_CHARACTERS:
            raise _LineTooLongError
        self._at = end
        self.taken += len(line)
        return line.decode("utf-8", "surrogatepass")

    def block(self) -> bytes:
        """Take the whole lines of about a piece; the last of all may have no end."""
        while len(self._buffer) - self._at < _BLOCK_BYTES and self._more():
            pass
        end = self._buffer.rfind(b"\n", self._at) + 1
        while end <= self._at and self._more():
            end = self._buffer.rfind(b"\n", self._at) + 1
        block = self._buffer[self._at : end if end > self._at else len(self._buffer)]
        self._at += len(block)
        self.taken += len(block)
        return block

    def back(self, block: bytes) -> None:
        """Put the *block* that was taken last back."""
        self._at -= len(block)
        self.taken -= len(block)

    def _more(self) -> bool:
        if len(self._buffer) - self._at > MAX_LINE_CHARACTERS and (
            self._buffer.find(b"\n", self._at) < 0
        ):
            raise _LineTooLongError
        piece = self._next_text()
        if self._returns:
            piece = piece.replace(b"\r", b"\n")
        self._buffer = self._buffer[self._at :] + piece
        self._at = 0
        return bool(piece)

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
    """Return the delimiter that splits most lines into the same number of fields."""
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
    return Columns(_every(names, width), cells, len(rows))


def _every(names: tuple[str, ...], width: int) -> tuple[str, ...]:
    return (*names[:width], *(f"column {n + 1}" for n in range(min(len(names), width), width)))

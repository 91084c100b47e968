"""
Counts what the detectors find in one item, content by content, in flat memory.

Pure. Running text goes through one stream of the scanner. Of columns, every value is
scanned, and a thin even sample of each is kept until the end, when name and sample
are judged together. A kind that both see is counted once: the larger count holds.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sealgate.assess.model import Columns, KindFound, Missed, Sampled, Tallied, Text
from sealgate.assess.naming import is_known_name, show_column
from sealgate.detect.cells import CellScan, Counts, Memory
from sealgate.detect.columns import MOST_VALUES, judge_column
from sealgate.detect.escapes import EscapeScan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.assess.model import Cell, Content
    from sealgate.detect.catalogue import Kind
    from sealgate.detect.escapes import Hidden
    from sealgate.detect.model import Match
    from sealgate.detect.scanner import Scanner

# Values kept of each column, at most; of each value, at most so many characters.
MAX_SAMPLE = 512
MAX_SAMPLE_CHARACTERS = 256
# Columns with a name of their own; values of the others are scanned without one.
MAX_COLUMNS = 512
# Text that is kept to tell the line of a match; more than the scanner holds back.
LOOK_BACK_BYTES = 1 << 20
# Places named with each kind.
MAX_PLACES = 16


class Tally:
    """Takes the contents of one item and tells in the end what was in it."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._text: _TextTally | None = None
        self._columns: dict[str, _ColumnTally] = {}
        self._memory = Memory()
        self._spilled = self._column("", 0, from_schema=False)
        self._names = Counts()
        self._missed: list[Missed] = []
        self._sampled: Sampled | None = None
        self._rows: int | None = None
        self.bytes_read = 0

    def name(self, name: str) -> None:
        """Look at the *name* of the item itself: it may carry a value, also as URLs do."""
        self._names.add(self._scanner.scan(unquote(name).encode("utf-8", "surrogateescape")))

    def take(self, content: Content) -> None:
        """Count what is in *content*."""
        match content:
            case Text(data):
                if self._text is None:
                    self._text = _TextTally(self._scanner)
                self._text.feed(data)
                self.bytes_read += len(data)
            case Columns():
                self._take_columns(content)
            case Missed():
                if content not in self._missed:
                    self._missed.append(content)
            case Sampled():
                self._sampled = content

    def finish(self) -> Tallied:
        """Return what was found. The tally is finished then."""
        scale = 1.0
        if self._sampled is not None and self._sampled.read:
            scale = max(1.0, self._sampled.total / self._sampled.read)
        gathered = _Gathered()
        empty = []
        for column in self._columns.values():
            shown = column.judge(self._scanner, gathered)
            if self._rows and not column.filled:
                empty.append(shown)
        if self._spilled.rows:
            gathered.add_counts(self._spilled.counts, "further columns")
            self._missed.append(
                Missed(
                    f"more than {MAX_COLUMNS} columns: the names of the rest were not judged",
                    partly=True,
                )
            )
        found = gathered.scaled(scale)
        if self._text is not None:
            found.take_larger(self._text.finish())
        found.add_counts(self._names, "name")
        return Tallied(
            kinds=found.kinds(estimated=scale > 1),
            empty_columns=tuple(empty),
            missed=tuple(self._missed),
            rows=self._sampled.total if self._sampled else self._rows,
            bytes_read=self.bytes_read,
            sampled=self._sampled,
        )

    def _take_columns(self, batch: Columns) -> None:
        self._rows = (self._rows or 0) + batch.rows
        for name, cells in zip(batch.names, batch.cells, strict=True):
            column = self._columns.get(name)
            if column is None and len(self._columns) < MAX_COLUMNS:
                number = len(self._columns) + 1
                column = self._column(name, number, from_schema=batch.from_schema)
                self._columns[name] = column
                # A header or key may itself be a value.
                self._names.add(self._scanner.scan(name.encode("utf-8", "surrogateescape")))
            self.bytes_read += (column or self._spilled).feed(cells)

    def _column(self, name: str, number: int, *, from_schema: bool) -> _ColumnTally:
        scan = CellScan(self._scanner, self._memory)
        return _ColumnTally(name, number, scan, from_schema=from_schema)


class _TextTally:
    """One stream of running text: counts, and the line where each kind stands first."""

    def __init__(self, scanner: Scanner) -> None:
        self._stream = scanner.stream()
        self._escapes = EscapeScan(scanner)
        self._counts = Counts()
        self._first: dict[Kind, int] = {}
        # The stream reports a match late, when it has enough text; so the last pieces
        # are kept to turn its offset into a line.
        self._pieces: deque[tuple[int, int, bytes]] = deque()
        self._at = 0
        self._line = 1

    def feed(self, data: bytes) -> None:
        self._pieces.append((self._at, self._line, data))
        self._at += len(data)
        while len(self._pieces) > 1 and self._pieces[1][0] < self._at - LOOK_BACK_BYTES:
            self._pieces.popleft()
        self._line += data.count(b"\n")
        self._note(self._stream.feed(data))
        self._note_hidden(self._escapes.feed(data))

    def finish(self) -> _Gathered:
        self._note(self._stream.close())
        self._note_hidden(self._escapes.close())
        self._counts.unconfirmed = self._stream.unconfirmed + self._escapes.unconfirmed
        gathered = _Gathered()
        for kind, line in self._first.items():
            gathered.where.setdefault(kind, []).append(f"line {line}" if line else "text")
        gathered.add_counts(self._counts, None)
        return gathered

    def _note(self, matches: Sequence[Match]) -> None:
        self._counts.add(matches)
        for match in matches:
            if match.kind not in self._first:
                self._first[match.kind] = self._line_of(match.start)

    def _note_hidden(self, hidden: Sequence[Hidden]) -> None:
        for one in hidden:
            self._counts.note(one.kind, one.confidence, one.times)
            if one.kind not in self._first:
                self._first[one.kind] = self._line_of(one.start)

    def _line_of(self, offset: int) -> int:
        for start, line, data in reversed(self._pieces):
            if offset >= start:
                return line + data.count(b"\n", 0, offset - start)
        return 0


class _ColumnTally:
    """One column: counts over all its values, and an even sample of them."""

    def __init__(self, name: str, number: int, scan: CellScan, *, from_schema: bool) -> None:
        self.name = name
        self.number = number
        self.from_schema = from_schema
        self.rows = 0
        self.filled = 0
        self.counts = scan.counts
        self._scan = scan
        self._sample: list[str] = []
        self._stride = 1

    def feed(self, cells: Sequence[Cell]) -> int:
        """Look at *cells* and return how many bytes they were."""
        self.rows += len(cells)
        filled: Sequence[str | bytes] = cells if all(cells) else list(filter(None, cells))  # type: ignore[assignment] # all are filled then
        if not filled:
            return 0
        self._keep(filled)
        return self._scan.feed(filled)

    def judge(self, scanner: Scanner, gathered: _Gathered) -> str:
        """Add what the column holds to *gathered*, and return how the column is shown."""
        verdict = judge_column(self.name, self._sample, self.filled)
        known = self.from_schema or is_known_name(self.name)
        shown = show_column(self.name, self.number, scanner, known=known)
        if verdict.kind is not None and verdict.count > self.counts.count[verdict.kind]:
            self.counts.count[verdict.kind] = verdict.count
            if self.filled > MOST_VALUES:
                gathered.estimated.add(verdict.kind)
        if verdict.kind is not None:
            self.counts.confidence[verdict.kind] = max(
                verdict.confidence, self.counts.confidence.get(verdict.kind, verdict.confidence)
            )
        gathered.add_counts(self.counts, shown)
        return shown

    def _keep(self, filled: Sequence[str | bytes]) -> None:
        # Every stride-th value; when the sample is full, every other one goes and the
        # stride doubles, so the sample stays even over the whole column.
        old, new = self._sample, filled[-self.filled % self._stride :: self._stride]
        self.filled += len(filled)
        while len(old) + len(new) > MAX_SAMPLE:
            new = new[len(old) % 2 :: 2]
            old = old[::2]
            self._stride *= 2
        self._sample = [*old, *map(_sampled, new)]


class _Gathered:
    """Counts with their places, summed over columns."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.where: dict[Kind, list[str]] = {}
        self.records: Counter[Kind] = Counter()
        self.estimated: set[Kind] = set()

    def add_counts(self, counts: Counts, place: str | None) -> None:
        for kind, confidence in counts.confidence.items():
            self.counts.count[kind] += counts.count[kind]
            self.records[kind] = max(self.records[kind], counts.count[kind])
            self.counts.confidence[kind] = max(
                confidence, self.counts.confidence.get(kind, confidence)
            )
            places = self.where.setdefault(kind, [])
            if place is not None and place not in places:
                places.append(place)
        self.counts.unconfirmed += counts.unconfirmed

    def scaled(self, scale: float) -> _Gathered:
        for kind in self.counts.count:
            self.counts.count[kind] = round(self.counts.count[kind] * scale)
            self.records[kind] = round(self.records[kind] * scale)
        return self

    def take_larger(self, other: _Gathered) -> None:
        """Merge what was seen of the same bytes in another way."""
        for kind, confidence in other.counts.confidence.items():
            if other.counts.count[kind] >= self.counts.count[kind]:
                self.estimated.discard(kind)
            self.counts.count[kind] = max(self.counts.count[kind], other.counts.count[kind])
            self.records[kind] = max(self.records[kind], other.records[kind])
            self.counts.confidence[kind] = max(
                confidence, self.counts.confidence.get(kind, confidence)
            )
            self.where.setdefault(kind, other.where.get(kind, []))
        self.counts.unconfirmed = max(self.counts.unconfirmed, other.counts.unconfirmed)

    def kinds(self, *, estimated: bool) -> tuple[KindFound, ...]:
        return tuple(
            KindFound(
                kind=kind,
                count=self.counts.count[kind],
                records=self.records[kind],
                confidence=confidence,
                where=_few(self.where.get(kind, [])),
                estimated=estimated or kind in self.estimated,
                at_least=self.counts.unconfirmed > 0,
            )
            for kind, confidence in sorted(
                self.counts.confidence.items(), key=lambda kc: (-self.counts.count[kc[0]], kc[0])
            )
        )


def _few(places: list[str]) -> tuple[str, ...]:
    if len(places) <= MAX_PLACES:
        return tuple(places)
    return (*places[:MAX_PLACES], f"{len(places) - MAX_PLACES} more")


def _sampled(cell: str | bytes) -> str:
    text = cell if isinstance(cell, str) else cell[:1024].decode("utf-8", "replace")
    return text[:MAX_SAMPLE_CHARACTERS]

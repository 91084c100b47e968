"""
Count what the cells of one column hold: every cell is looked at, few one by one.

A column repeats itself: in its values, or in the form of its values. What it showed so
far decides how the next cells are read, never what is found in them: equal cells are
scanned once and counted often, cells in a plain form are counted by it, and all others
go through the scanner in one piece. So the counts are the same as cell by cell. What is
written with references or escapes is counted besides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from sealgate.detect.escapes import look_behind
from sealgate.detect.model import Confidence
from sealgate.detect.plain import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.detect.catalogue import Kind
    from sealgate.detect.model import Match
    from sealgate.detect.plain import Form
    from sealgate.detect.scanner import Scanner

# No cell ends in the middle of another's number: two ends of line keep them apart.
BETWEEN_CELLS = b"\n\n"
_BETWEEN = BETWEEN_CELLS.decode()
# From so many cells on, a column has shown what it is like.
_ENOUGH_CELLS = 256
# A column is dense when at least one in so many cells holds something.
_DENSE = 8
# Cells in which a column may show whether its values come again.
_TRIAL_CELLS = 4096
# Cells that are remembered, in all columns together, and the longest of them in bytes.
MOST_REMEMBERED = 32_768
_LONGEST_REMEMBERED = 64

_Found = tuple[tuple["Kind", Confidence], ...]


class Counts:
    """How often each kind was found, and how sure at best."""

    __slots__ = ("confidence", "count", "unconfirmed")

    def __init__(self) -> None:
        self.count: Counter[Kind] = Counter()
        self.confidence: dict[Kind, Confidence] = {}
        self.unconfirmed = 0

    def add(self, matches: Iterable[Match]) -> None:
        """Count each of *matches*."""
        count, confidence = self.count, self.confidence
        for match in matches:
            count[match.kind] += 1
            if match.confidence > confidence.get(match.kind, 0):
                confidence[match.kind] = match.confidence

    def note(self, kind: Kind, confidence: Confidence, times: int) -> None:
        """Count *kind* so many *times*."""
        self.count[kind] += times
        if confidence > self.confidence.get(kind, 0):
            self.confidence[kind] = confidence


class Memory:
    """How many cells may still be remembered; shared by the columns of one table."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST_REMEMBERED) -> None:
        self.left = left


class CellScan:
    """
    Counts what the cells of one column hold, batch by batch.

    Belongs to one thread, as its scanner does. Keeps at most what *memory* allows.
    """

    __slots__ = (
        "_form",
        "_form_kind",
        "_found",
        "_known",
        "_memory",
        "_scanner",
        "_seen",
        "_trials",
        "_varied",
        "counts",
    )

    def __init__(self, scanner: Scanner, memory: Memory) -> None:
        self.counts = Counts()
        self._scanner = scanner
        self._memory = memory
        self._known: dict[bytes, _Found] = {}
        self._seen = 0  # cells, and what was in them, since it was last judged
        self._found: Counter[Kind] = Counter()
        self._trials = 0  # cells left that are looked up without coming again
        self._varied = False  # the trials are over: they do not come again
        self._form: Form | None = None
        self._form_kind: Kind | None = None

    def feed(self, cells: Sequence[str | bytes]) -> int:
        """Count what is in *cells*, none of which is empty, and return how many bytes they are."""
        data = _joined(cells)
        if self._trials:
            self._scan_distinct(_apart(data, cells))
        elif self._form is not None:
            self._scan_formed(_apart(data, cells))
        else:
            self._scan_whole(data, cells)
        hidden, unconfirmed = look_behind(self._scanner, data)
        for one in hidden:
            self.counts.note(one.kind, one.confidence, one.times)
        self.counts.unconfirmed += unconfirmed
        return len(data) - len(BETWEEN_CELLS) * (len(cells) - 1)

    def _scan_whole(self, data: bytes, cells: Sequence[str | bytes]) -> None:
        examined = self._scanner.examine(data)
        self.counts.add(examined.matches)
        self.counts.unconfirmed += examined.unconfirmed
        self._seen += len(cells)
        self._found.update(m.kind for m in examined.matches)
        if self._seen >= _ENOUGH_CELLS:
            self._judge(cells)

    def _judge(self, cells: Sequence[str | bytes]) -> None:
        """Decide how the next cells are read, by what was found and by the last *cells*."""
        seen, found = self._seen, self._found
        self._seen, self._found = 0, Counter()
        if found.total() * _DENSE < seen:
            return
        ((kind, times),) = found.most_common(1)
        if kind in FORMS and times * 2 > seen and len(set(cells)) * 2 > len(cells):
            self._form, self._form_kind = FORMS[kind], kind
        elif not self._varied:
            self._trials = _TRIAL_CELLS

    def _scan_formed(self, cells: list[bytes]) -> None:
        """Count the cells in the plain form of the column's kind, and scan the others."""
        if self._form is None or self._form_kind is None or b"\n" in b"".join(cells):
            others = cells
        else:
            others = self._form(cells)
            plain = len(cells) - len(others)
            if plain:
                self.counts.note(self._form_kind, Confidence.CONFIRMED, plain)
            if plain * 2 < len(cells):
                self._form = None
        if others:
            examined = self._scanner.examine(BETWEEN_CELLS.join(others))
            self.counts.add(examined.matches)
            self.counts.unconfirmed += examined.unconfirmed

    def _scan_distinct(self, cells: list[bytes]) -> None:
        """Scan each distinct cell once, unless it is remembered, and count it as often as it is there."""
        times = Counter(cells)
        unknown = []
        for cell, number in times.items():
            known = self._known.get(cell)
            if known is None:
                unknown.append(cell)
            for kind, confidence in known or ():
                self.counts.note(kind, confidence, number)
        if unknown:
            self._learn(unknown, times)
        if len(unknown) * 2 > len(cells):
            self._trials = max(0, self._trials - len(cells))
        if not self._trials:
            self._varied = True
            self._memory.left += len(self._known)
            self._known.clear()

    def _learn(self, cells: list[bytes], times: Counter[bytes]) -> None:
        examined = self._scanner.examine(BETWEEN_CELLS.join(cells))
        self.counts.unconfirmed += examined.unconfirmed
        starts = [0, *accumulate(len(cell) + len(BETWEEN_CELLS) for cell in cells)]
        found: dict[int, list[tuple[Kind, Confidence]]] = {}
        for match in examined.matches:
            number = bisect_right(starts, match.start) - 1
            found.setdefault(number, []).append((match.kind, match.confidence))
            self.counts.note(match.kind, match.confidence, times[cells[number]])
        if examined.unconfirmed:
            return  # some may have been passed over: the next time they are scanned again
        for number, cell in enumerate(cells):
            if self._memory.left <= 0:
                return
            if len(cell) <= _LONGEST_REMEMBERED:
                self._known[cell] = tuple(found.get(number, ()))
                self._memory.left -= 1


def _joined(cells: Sequence[str | bytes]) -> bytes:
    # Mostly all are of one type, and joined without a call for each.
    try:
        if isinstance(cells[0], bytes):
            return BETWEEN_CELLS.join(cells)  # type: ignore[arg-type] # text among them raises
        return _BETWEEN.join(cells).encode("utf-8", "surrogatepass")  # type: ignore[arg-type] # bytes raise
    except TypeError:
        return BETWEEN_CELLS.join(map(_encoded, cells))


def _encoded(cell: str | bytes) -> bytes:
    return cell if isinstance(cell, bytes) else cell.encode("utf-8", "surrogatepass")


def _apart(data: bytes, cells: Sequence[str | bytes]) -> list[bytes]:
    """Return the *cells* that were joined to *data*, as bytes."""
    apart = data.split(BETWEEN_CELLS)
    return apart if len(apart) == len(cells) else list(map(_encoded, cells))

"""
Find values in bytes: one Hyperscan pass over all anchors, then a confirm per hit.

Text may be UTF-8, Latin-1 or ASCII; UTF-16 is decoded by whoever reads it. Offsets
are bytes. A scanner belongs to one thread (Hyperscan's scratch space is not shared
safely); make one per thread. Building one costs tens of milliseconds, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sealgate.detect.anchor import LONGEST_ANCHOR, Anchor, compiled
from sealgate.detect.catalogue import Kind
from sealgate.detect.confirm import ANCHORS
from sealgate.detect.mask import mask_value
from sealgate.detect.model import Confidence, Match

if TYPE_CHECKING:
    from collections.abc import Iterable

# How much is scanned at once; the list of hits is bounded by it.
_BLOCK = 1 << 18
# Budgets are counted per window of this many bytes, from the start of the data.
_BUDGET_WINDOW = 1 << 20
# A dense list of addresses has about 50,000 to the MiB; beyond it is noise or an attack.
_BUDGET = 65_536

_ID_BITS = 8
_ID_MASK = (1 << _ID_BITS) - 1

_CONFIDENCE = {int(c): c for c in Confidence}

# Start, confidence and end (both negative, so that tuples sort), kind, masked form.
_Candidate = tuple[int, int, int, Kind, str]


class Examined(NamedTuple):
    """
    The matches of one text, and how many candidates were over the budget.

    When *unconfirmed* is not 0, every count taken from *matches* is "at least".
    """

    matches: list[Match]
    unconfirmed: int


def _collect(anchor: int, _start: int, end: int, _flags: int, hits: Any) -> None:
    # One integer sorts faster than a pair. Hyperscan calls this by name: a bound
    # method in its place crashes the interpreter (hyperscan 0.9.1).
    hits.append(end << _ID_BITS | anchor)


class Scanner:
    """
    Finds values of the asked *kinds* (default: all that text can show) in bytes.

    *budget* is the number of candidates per anchor and MiB that are confirmed; what
    goes beyond is counted as unconfirmed, never lost silently. Not thread-safe.
    """

    def __init__(self, kinds: Iterable[Kind] | None = None, *, budget: int = _BUDGET) -> None:
        wanted = frozenset(Kind if kinds is None else kinds)
        self.kinds = wanted
        self.budget = budget
        self.anchors: tuple[Anchor, ...] = tuple(a for a in ANCHORS if a.kinds & wanted)
        self.before = max((a.before for a in self.anchors), default=0)
        self.after = max((a.after for a in self.anchors), default=0)
        # What the inner loop needs of each anchor, without an attribute lookup.
        self.steps = tuple((a.confirm, a.before, a.after) for a in self.anchors)
        self.unwanted = frozenset().union(*(a.kinds for a in self.anchors)) - wanted
        self._databases = compiled(self.anchors, _expression)

    def scan(self, data: bytes) -> list[Match]:
        """
        Return every match in *data*, in order, none overlapping another.

        Callers that count should use :meth:`examine`, which also tells whether the
        candidate budget was used up.
        """
        return self.examine(data).matches

    def examine(self, data: bytes) -> Examined:
        """Return the matches in *data* and the number of candidates left unconfirmed."""
        stream = self.stream()
        matches = stream.feed(data)
        matches += stream.close()
        return Examined(matches, stream.unconfirmed)

    def stream(self) -> Stream:
        """Return a scan that takes its data in pieces."""
        return Stream(self)

    def hits(self, block: bytes) -> list[int]:
        """
        Return the anchor hits in *block*, in order: end offset and anchor in one number.

        This is the engine's own interface; use :meth:`scan` or :meth:`stream`.
        """
        hits: list[int] = []
        if block:
            for database in self._databases:
                database.scan(block, match_event_handler=_collect, context=hits)
            hits.sort()
        return hits


class Stream:
    """
    A scan over data that comes in pieces: the same matches, however it is cut.

    Memory is bounded by the largest piece plus a few hundred KiB. *unconfirmed* counts
    the candidates over the budget so far. After :meth:`close` a stream is finished.
    """

    __slots__ = (
        "_base",
        "_buffer",
        "_kept",
        "_order",
        "_pending",
        "_processed",
        "_scanner",
        "_size",
        "_spent",
        "_until",
        "_window_end",
        "unconfirmed",
    )

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        # A line feed stands before the data: its start is an edge like any other.
        self._buffer = b"\n"
        self._base = -1  # absolute offset of the buffer's first byte
        self._processed = 0  # absolute: every hit that ends at or before is done
        self._pending: list[bytes] = []
        self._size = 0  # bytes in pending
        self._order: list[_Candidate] = []
        self._kept: _Candidate | None = None
        self._until = [0] * len(scanner.anchors)
        self._spent = [0] * len(scanner.anchors)
        self._window_end = 0
        self.unconfirmed = 0

    def feed(self, chunk: bytes) -> list[Match]:
        """Take *chunk* and return the matches that are certain by now."""
        found: list[Match] = []
        view = memoryview(chunk)
        for at in range(0, len(view), _BLOCK):
            piece = bytes(view[at : at + _BLOCK])
            self._pending.append(piece)
            self._size += len(piece)
            if self._size >= _BLOCK:
                self._advance(found, last=False)
        return found

    def close(self) -> list[Match]:
        """Return the matches that were still waiting for what follows them."""
        found: list[Match] = []
        self._advance(found, last=True)
        if self._kept is not None:
            found.append(_match(self._kept))
            self._kept = None
        self._buffer = b""
        return found

    def _advance(self, found: list[Match], *, last: bool) -> None:
        scanner = self._scanner
        keep = scanner.before + LONGEST_ANCHOR + 2
        drop = max(0, self._processed - keep - self._base)
        self._buffer = b"".join((self._buffer[drop:], *self._pending))
        self._pending.clear()
        self._size = 0
        self._base += drop
        end = self._base + len(self._buffer)
        limit = end if last else end - scanner.after
        if limit <= self._processed:
            return
        # A hit that ends after *processed* starts inside this block, so an edge that
        # is only the block's start can never be part of it.
        first = max(self._base, self._processed - LONGEST_ANCHOR - 1)
        block = self._buffer[first - self._base : limit - self._base]
        self._confirm(scanner.hits(block), first, limit)
        self._processed = limit
        self._settle(found, end if last else limit - scanner.before)

    def _confirm(self, hits: list[int], first: int, limit: int) -> None:
        """Confirm the *hits* of a block that starts at *first*; done is what ends by *limit*."""
        scanner, base, text = self._scanner, self._base, self._buffer
        steps, unwanted, budget = scanner.steps, scanner.unwanted, scanner.budget
        until, spent, order = self._until, self._spent, self._order
        size, processed, window_end = len(text), self._processed, self._window_end
        for hit in hits:
            at = first + (hit >> _ID_BITS)
            number = hit & _ID_MASK
            if at <= until[number] or at <= processed or at > limit:
                continue
            if at > window_end:
                window_end = (at - 1) // _BUDGET_WINDOW * _BUDGET_WINDOW + _BUDGET_WINDOW
                spent[:] = [0] * len(spent)
            if spent[number] >= budget:
                self.unconfirmed += 1
                continue
            spent[number] += 1
            confirm, before, after = steps[number]
            end = at - base
            low, high = end - before, end + after
            low = max(low, 0)
            high = min(high, size)
            result = confirm(text, end, low, high)
            if result is None:
                continue
            start, stop, kind, confidence = result
            until[number] = base + stop
            if unwanted and kind in unwanted:
                continue
            masked = mask_value(kind, text[start:stop])
            # At one start the surer comes first, then the longer one.
            order.append((base + start, -confidence, -base - stop, kind, masked))
        self._window_end = window_end

    def _settle(self, found: list[Match], certain: int) -> None:
        """Move matches that start before *certain* out, the stronger of two that overlap."""
        order, kept = self._order, self._kept
        order.sort()
        done = 0
        for candidate in order:
            start, confidence, end = candidate[:3]
            if start >= certain:
                break
            done += 1
            if kept is None:
                kept = candidate
            elif start >= -kept[2]:
                found.append(_match(kept))
                kept = candidate
            elif (confidence, start + end) < (kept[1], kept[0] + kept[2]):
                kept = candidate  # surer, or as sure and longer
        del order[:done]
        if kept is not None and -kept[2] <= certain:
            found.append(_match(kept))
            kept = None
        self._kept = kept


def _match(candidate: _Candidate) -> Match:
    start, confidence, end, kind, masked = candidate
    return Match(start, -end, kind, _CONFIDENCE[-confidence], masked)


def _expression(anchor: Anchor) -> bytes:
    return anchor.pattern.encode("latin-1")

"""
One text read while it passes: what is found is masked before its first byte goes on.

The same bytes give the same result, however they are cut. A byte goes on only when no
value can cover it any more: an anchor that ends later begins at most ``detector.before``
bytes back, and one that has ended holds everything from its window on until that is whole.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from sealgate.detect.anchor import LONGEST_ANCHOR
from sealgate.detect.catalogue import Kind
from sealgate.inspection.budget import WINDOW, Candidates, over
from sealgate.inspection.card_sieve import may_be_cards
from sealgate.inspection.detector import ID_BITS, ID_MASK, least
from sealgate.inspection.masking import covered, masked
from sealgate.inspection.model import BodyRefusal, BodyRefusedError

if TYPE_CHECKING:
    from sealgate.inspection.detector import Detector

# From here on, looking at old and new bytes apart is cheaper than joining them.
_LARGE = 4096
_SEAM = LONGEST_ANCHOR + 1
# Browsers take these for UTF-16, and some readers for UTF-32, whatever the fields say (WHATWG
# Encoding, 6). Then no byte is what it seems.
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_MARK_BYTES = 4


class Find(NamedTuple):
    """
    A value from *start* to *stop*, with what is sent in its place.

    *counts* is false where a value of the kind that overlaps it was counted already.
    """

    start: int
    stop: int
    kind: Kind
    mask: bytes
    counts: bool


class TextScan:
    """
    Reads one text in pieces, for :class:`~sealgate.inspection.body.BodyScan`.

    Of *withheld* kinds the first one refuses the text; others are masked. With *tells*
    nothing is masked or refused, and each kind is looked for until it is found once.
    *counts* is what was found, *released* how many bytes went on, *size* how many came.
    *finds* are those of which bytes are still to go on; *taken*, unless None, takes all.
    """

    __slots__ = (
        "_base",
        "_candidates",
        "_counted",
        "_detector",
        "_pending",
        "_tells",
        "_text",
        "_until",
        "_withheld",
        "counts",
        "finds",
        "released",
        "size",
        "taken",
    )

    def __init__(
        self,
        detector: Detector,
        candidates: Candidates,
        *,
        withheld: frozenset[Kind] = frozenset(),
        tells: bool = False,
    ) -> None:
        self._detector = detector
        self._candidates = candidates
        self._withheld = withheld
        self._tells = tells
        # A line feed stands before the body: its start is an edge like any other.
        self._text = b"\n"
        self._base = -1  # offset in the body of the text's first byte
        self._pending: list[int] = []
        self._until = [-1] * len(detector.steps)
        self.finds: list[Find] = []
        self.taken: list[Find] | None = None
        self._counted: dict[Kind, int] = {}  # kind -> where the last one counted ends
        self.counts: dict[Kind, int] = {}
        self.released = 0
        self.size = 0

    def fork(self) -> TextScan:
        """Return a scan that knows what this one does, for a text that goes on in another way."""
        other = TextScan(
            self._detector, self._candidates.copy(), withheld=self._withheld, tells=self._tells
        )
        other._text, other._base = self._text, self._base
        other._pending, other._until = list(self._pending), list(self._until)
        other._counted, other.counts = dict(self._counted), dict(self.counts)
        other.released, other.size = self.released, self.size
        return other

    @property
    def unreleased(self) -> bytes:
        """Return what came and has not gone on."""
        return self._text[self.released - self._base :]

    @property
    def context(self) -> int:
        """Return how far back a value can depend on what was read."""
        return self._detector.context

    @property
    def is_settled(self) -> bool:
        """Return whether nothing waits to be confirmed."""
        return not self._pending

    def close(self) -> bytes:
        """
        Take it that the body ends here, and return the rest of it.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        if self._pending:
            self._confirm(last=True)
        return self._release(self.size)

    def flush(self) -> bytes:
        """
        Return what may go on although more may follow: whole lines.

        A value does not run over the end of a line, but for private keys, which are
        still held. So an event stream is not kept waiting by a sender that pauses.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        until = self._base + self._text.rfind(b"\n") + 1
        if until <= self.released:
            return b""
        waiting: list[int] = []
        for hit in self._pending:
            at, number = hit >> ID_BITS, hit & ID_MASK
            _, before, _, kinds = self._detector.steps[number]
            if not self._is_found(hit, until):
                waiting.append(hit)  # What follows may still make it one.
                if Kind.PRIVATE_KEY in kinds:
                    until = min(until, at - before)
        self._pending = waiting
        return self._release(until)

    def _is_found(self, hit: int, until: int) -> bool:
        """Return whether the text up to *until* is enough to make the candidate a value."""
        at, number = hit >> ID_BITS, hit & ID_MASK
        if at > until:
            return False
        if at <= self._until[number]:
            return True
        confirm, before, after, kinds = self._detector.steps[number]
        end, high = at - self._base, min(at + after, until) - self._base
        found = confirm(self._text, end, max(end - before, 0), high)
        if found is None:
            return False
        start, stop, kind, confidence = found
        if kind not in kinds or confidence < least(kind):
            return False
        self._until[number] = self._base + stop
        self._take(kind, start, stop)
        return True

    def feed(self, data: bytes) -> bytes:
        """
        Take *data* and return what may go on.

        Raises:
            BodyRefusedError: the text must not go on.
        """
        parts = self.parts(data)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def parts(self, data: bytes, hits: list[int] | None = None) -> list[bytes | memoryview]:
        """
        Do as :meth:`feed`, and copy nothing that goes on as it came.

        *hits* are the detector's, where *data* with a line feed in front was looked at already.

        Raises:
            BodyRefusedError: the text must not go on.
        """
        detector, before = self._detector, self.size
        if before < _MARK_BYTES and (self._text[1:] + data[:_MARK_BYTES]).startswith(WIDE_MARKS):
            raise BodyRefusedError(
                BodyRefusal.UNREADABLE, "the character set of the body is not read here"
            )
        if hits is not None:
            self._join(data)
            self._note_hits(hits, self._base, before)
        elif len(data) > _LARGE:
            # An anchor that ends behind the seam lies in the new bytes alone, so these are
            # scanned where they are; copying costs as much as scanning.
            near = self._block() + data[:_SEAM]
            hits = [h for h in detector.hits(data) if h > _SEAM << ID_BITS | ID_MASK]
            self._note_hits(detector.hits(near), self._first_scanned(), before)
            self._pending += [h + (before << ID_BITS) for h in hits]
            if not self._pending and not self.finds:
                return self._pass(data)
            self._join(data)
        else:
            self._join(data)
            self._note_hits(detector.hits(self._block()), self._first_scanned(), before)
        self.size = before + len(data)
        if self._pending:
            self._confirm(last=False)
        return [self._release(self._safe())]

    def _pass(self, data: bytes) -> list[bytes | memoryview]:
        """Take *data* in which nothing was found, and return what may go on."""
        held = self._text[self.released - self._base :]
        keep = self._detector.before
        self.size += len(data)
        self.released = self.size - keep
        self._text = bytes(data[-keep - self._detector.context :])
        self._base = self.size - len(self._text)
        return [held, memoryview(data)[: len(data) - keep]]

    def _join(self, data: bytes) -> None:
        drop = max(0, self._first_needed() - self._base)
        self._text = self._text[drop:] + data
        self._base += drop

    def _first_scanned(self) -> int:
        # A hit that ends in new bytes begins inside this block.
        return max(self._base, self.size - _SEAM)

    def _block(self) -> bytes:
        first = self._first_scanned()
        return self._text if first == self._base else self._text[first - self._base :]

    def _note_hits(self, hits: list[int], first: int, before: int) -> None:
        if hits:
            shift = first << ID_BITS
            new = before << ID_BITS | ID_MASK
            self._pending += [h + shift for h in hits if h + shift > new]

    def _first_needed(self) -> int:
        at = self.released
        if self._pending:
            # Lines that were flushed are still read by those who wait.
            at = min(at, self._pending[0] >> ID_BITS)
        return min(at, self.size) - self._detector.context

    def _safe(self) -> int:
        # One byte more, for the edge before a value.
        at = self.size + 1
        if self._pending:
            at = min(at, self._pending[0] >> ID_BITS)
        return at - self._detector.before - 1

    def _sieve(self) -> None:
        card, base = self._detector.card, self._base
        cards = [h for h in self._pending if h & ID_MASK == card]
        if cards:
            ends = [(h >> ID_BITS) - base for h in cards]
            kept = list(compress(cards, may_be_cards(self._text, ends)))
            if len(cards) < len(self._pending):
                kept += [h for h in self._pending if h & ID_MASK != card]
                kept.sort()
            self._pending = kept

    def _confirm(self, *, last: bool) -> None:
        self._sieve()
        steps, until, base, text = self._detector.steps, self._until, self._base, self._text
        size, long = self.size, len(self._text)
        candidates = self._candidates
        spent, windows, most = candidates.spent, candidates.windows, candidates.most
        done = 0
        for hit in self._pending:
            at, number = hit >> ID_BITS, hit & ID_MASK
            confirm, before, after, kinds = steps[number]
            if at + after >= size and not last:
                break  # In order, so that pieces do not matter.
            done += 1
            if at <= until[number] or (self._tells and kinds <= self.counts.keys()):
                continue
            if at // WINDOW != windows[number]:
                windows[number], spent[number] = at // WINDOW, 0
            spent[number] += 1
            if spent[number] > most:
                raise over("too much in the body looks like what it must not hold")
            end = at - base
            low, high = end - before, end + after
            found = confirm(text, end, max(low, 0), min(high, long))
            if found is None:
                continue
            start, stop, kind, confidence = found
            until[number] = base + stop
            if kind in kinds and confidence >= least(kind):
                self._take(kind, start, stop)
        del self._pending[:done]

    def _take(self, kind: Kind, start: int, stop: int) -> None:
        at, end, counted = self._base + start, self._base + stop, self._counted.get(kind, -1)
        counts = at >= counted
        if counts:
            self.counts[kind] = self.counts.get(kind, 0) + 1
        self._counted[kind] = max(counted, end)
        if self._tells:
            return
        if kind in self._withheld:
            raise BodyRefusedError(
                BodyRefusal.ABOVE_CLASS, "the body holds what is above its class", frozenset({kind})
            )
        find = Find(at, end, kind, masked(self._text, start, stop), counts)
        self.finds.append(find)
        if self.taken is not None:
            self.taken.append(find)

    def _release(self, until: int) -> bytes:
        start = self.released
        if until <= start:
            return b""
        self.released = until
        data = self._text[start - self._base : until - self._base]
        if not self.finds:
            return data
        changed = covered(data, start, ((find.start, find.mask) for find in self.finds))
        self.finds = [find for find in self.finds if find.stop > until]
        return changed

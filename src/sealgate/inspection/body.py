"""
A body read as it came and, from its first character reference or escape on, as it reads.

What is found in either reading is masked in what came, before its first byte goes on. The
same bytes give the same result, however they are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sealgate.inspection.budget import Budget, Candidates
from sealgate.inspection.reading import Reading
from sealgate.inspection.signs import LONGEST, begins_open, first_sign, has_sign, may_have_sign
from sealgate.inspection.text import WIDE_MARKS, TextScan

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.detect.catalogue import Kind
    from sealgate.inspection.detector import Detector
    from sealgate.inspection.model import BodyLimits

_PIECE = 256 * 1024
_SMALL = 4096
# So much is read behind a sign before it is asked whether there are more.
_NEAR = 16 * 1024


class Whole(NamedTuple):
    """
    What in a whole body looks like a find, and when looking for it began.

    With *has_sign* it does not read as it came, and *hits* are not all.
    """

    hits: list[int]
    has_sign: bool
    since: float

    @property
    def is_clean(self) -> bool:
        """Return whether nothing is to be found."""
        return not self.hits and not self.has_sign


_CLEAN = Whole([], has_sign=False, since=0.0)


def look_at_whole(
    detector: Detector, text: bytes, start: int, clock: Callable[[], float]
) -> Whole | None:
    """
    Return what in the whole body from *start* of *text* on looks like a find.

    A line feed stands before the body, as one does behind every head. Most bodies are clean, and then the
    account that a scan keeps is not needed. None for one that a scan has to read from its beginning.
    """
    if len(text) - start > _PIECE or text.startswith(WIDE_MARKS, start):
        return None
    if len(text) - start <= _SMALL:
        # Read sooner than the clock.
        hits, signs = detector.hits(text[start - 1 :]), has_sign(text, start)
        return Whole(hits, signs, clock()) if hits or signs else _CLEAN
    since = clock()
    return Whole(detector.hits(memoryview(text)[start - 1 :]), has_sign(text, start), since)


class BodyScan:
    """
    Reads one body in pieces.

    Of *withheld* kinds the first one refuses the body; others are masked. With *tells*
    nothing is masked or refused, and each kind is looked for until it is found once.
    """

    __slots__ = ("_budget", "_hidden", "_open", "_reading", "_tells", "_text")

    def __init__(
        self,
        detector: Detector,
        limits: BodyLimits,
        clock: Callable[[], float],
        *,
        withheld: frozenset[Kind] = frozenset(),
        tells: bool = False,
    ) -> None:
        candidates = Candidates(limits.candidates, len(detector.steps))
        self._budget = Budget(limits, clock)
        self._text = TextScan(detector, candidates, withheld=withheld, tells=tells)
        self._tells = tells
        self._open = b""  # the end of what came: it may go on to be a sign
        self._reading: Reading | None = None
        self._hidden: dict[Kind, int] = {}  # what showed only as it reads

    # Its bytes are what they say, so they go on as they come.
    is_decoded = False
    holds = False

    @property
    def counts(self) -> dict[Kind, int]:
        """Return what was found."""
        if not self._hidden:
            return self._text.counts
        counts = dict(self._text.counts)
        for kind, times in self._hidden.items():
            counts[kind] = times + (0 if self._tells else counts.get(kind, 0))
        return counts

    @property
    def is_changed(self) -> bool:
        """Return whether anything is masked."""
        reading = self._reading
        return bool(self._text.counts or self._hidden or (reading and reading.is_changed))

    @property
    def size(self) -> int:
        """Return how many bytes came."""
        return self._text.size + len(self._open)

    @property
    def released(self) -> int:
        """Return how many of them went on."""
        return self._text.released if self._reading is None else self._reading.released

    @property
    def held(self) -> int:
        """Return how many bytes wait for what follows them."""
        return self.size - self.released

    def feed(self, data: bytes) -> bytes:
        """
        Take *data* and return what may go on.

        Raises:
            RefusedError: the body must not go on.
        """
        parts = self.parts(data)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def parts(self, data: bytes, whole: Whole | None = None) -> list[bytes | memoryview]:
        """
        Do as :meth:`feed`, and copy nothing that goes on as it came.

        *whole* is what :func:`look_at_whole` says, where *data* is that body.

        Raises:
            RefusedError: the body must not go on.
        """
        if len(data) <= _PIECE:
            return self._step(data, whole)
        return [
            part
            for at in range(0, len(data), _PIECE)
            for part in self._step(data[at : at + _PIECE], None)
        ]

    def close(self) -> bytes:
        """
        Take it that the body ends here, and return the rest of it.

        Raises:
            RefusedError: the body must not go on.
        """
        since = self._budget.started()
        last, self._open = self._open, b""
        out = b"".join(self._take(last + b"\n", len(last)))
        if self._reading is None:
            out += self._text.close()
        else:
            out += self._reading.close()
            self._settle(self._reading)
        self._budget.take_time(since)
        return out

    def flush(self) -> bytes:
        """
        Return what may go on although more may follow: whole lines.

        A value does not run over the end of a line, but for private keys, which are
        still held. So an event stream is not kept waiting by a sender that pauses.

        Raises:
            RefusedError: the body must not go on.
        """
        since = self._budget.started()
        out = self._text.flush() if self._reading is None else self._reading.flush()
        self._budget.take_time(since)
        return out

    def _step(self, data: bytes, whole: Whole | None) -> list[bytes | memoryview]:
        budget = self._budget
        budget.take_bytes(len(data))
        since = budget.started() if whole is None else whole.since
        if whole is not None and not whole.has_sign:
            parts = self._text.parts(data, whole.hits)
        elif self._reading is None and not self._open and not may_have_sign(data):
            parts = self._text.parts(data)
        else:
            data = self._open + data
            cut = begins_open(data)
            self._open = data[cut:]
            parts = self._take(data, cut)
        budget.take_time(since)
        return parts

    def _take(self, text: bytes, stop: int) -> list[bytes | memoryview]:
        """Read *text* up to *stop*, where no sign is cut; the rest is what is known of what follows."""
        parts: list[bytes | memoryview] = []
        at = 0
        while at < stop:
            if self._reading is None:
                first = first_sign(text, at)
                until = stop if first < 0 else min(first, stop)
                if until > at:
                    parts += self._text.parts(text[at:until])
                at = until
                if at == stop:
                    break
                self._reading = Reading(self._text, tells=self._tells)
            near = text[at : at + _NEAR]
            size = begins_open(near) if at + len(near) < stop else stop - at
            parts.append(self._reading.feed(near[:size], text[at + size : at + size + LONGEST]))
            at += size
            if self._reading.is_over:
                self._settle(self._reading)
        return parts

    def _settle(self, reading: Reading) -> None:
        self._reading = None
        self._text.taken = None
        for kind, times in reading.counts.items():
            self._hidden[kind] = times + (0 if self._tells else self._hidden.get(kind, 0))

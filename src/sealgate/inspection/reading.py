"""
A body as it reads, beside the body as it came: what is found in either is masked in the latter.

Both are scanned. A byte goes on when it can go on in both; so what is held back is counted in
characters as they read, however long they are written.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from sealgate.inspection.budget import over
from sealgate.inspection.masking import covered, starred
from sealgate.inspection.signs import masked_sign, parted, read_sign

if TYPE_CHECKING:
    from sealgate.detect.catalogue import Kind
    from sealgate.inspection.text import Find, TextScan

# The longest values that are looked for, with every character at its longest, are shorter.
# Signs for nothing at all could go on for ever.
MOST_HELD = 1024 * 1024


class Reading:
    """
    Goes on where *text* is, before that takes what holds the first sign; until *is_over*.

    *released* is how many bytes of the body went on. *counts* is what was found and does not
    show in the body as it came; *is_changed* tells whether there may be any.
    """

    __slots__ = (
        "_came",
        "_came_ends",
        "_came_starts",
        "_finds",
        "_last",
        "_masks",
        "_read",
        "_read_ends",
        "_read_starts",
        "_shift",
        "_shown",
        "_signs",
        "_tells",
        "_text",
        "counts",
        "is_changed",
        "released",
    )

    def __init__(self, text: TextScan, *, tells: bool) -> None:
        self._text = text
        self._read = text.fork()
        self._tells = tells
        text.taken = list(text.finds)
        self._read.taken = []
        self._came = text.unreleased  # the body from *released* on
        self.released = text.released
        # Where the signs are: in the body as it came, and as it reads. Before the first of
        # them a place as it reads is one in the body, but for *_shift*.
        self._came_starts: list[int] = []
        self._came_ends: list[int] = []
        self._read_starts: list[int] = []
        self._read_ends: list[int] = []
        self._signs: list[bytes] = []
        self._shift = 0
        self._last = 0  # the end of the last sign, as it reads
        self._shown: list[Find] = []
        self._finds: list[tuple[int, int, Kind]] = []
        self._masks: list[tuple[int, bytes]] = []
        self.counts: dict[Kind, int] = {}
        self.is_changed = False

    @property
    def is_over(self) -> bool:
        """Return whether from here on the body reads as it came."""
        far = self._read.size - self._last > self._read.context
        is_level = self.released == self._text.released
        return far and is_level and self._read.is_settled and not self._finds and not self._masks

    def feed(self, data: bytes, ahead: bytes) -> bytes:
        """
        Take *data*, in which no sign is cut, and return what may go on of the body.

        *ahead* is what is known of what follows.

        Raises:
            RefusedError: the body must not go on.
        """
        reads = self._resolve(data, ahead)
        self._came += data
        self._text.feed(data)
        self._read.feed(reads)
        return self._go_on()

    def close(self) -> bytes:
        """
        Take it that the body ends here, and return the rest of it.

        Raises:
            RefusedError: the body must not go on.
        """
        self._text.close()
        self._read.close()
        return self._go_on()

    def flush(self) -> bytes:
        """
        Return what may go on although more may follow: whole lines.

        Raises:
            RefusedError: the body must not go on.
        """
        self._text.flush()
        self._read.flush()
        return self._go_on()

    def _resolve(self, data: bytes, ahead: bytes) -> bytes:
        """Return *data* as it reads, and note where its signs are."""
        parts = parted(data + ahead)
        over = len(ahead)
        while over > len(parts[-1]):
            over -= len(parts.pop()) + len(parts.pop())
        parts[-1] = parts[-1][: len(parts[-1]) - over]
        if len(parts) == 1:
            return data
        came = list(accumulate(map(len, parts), initial=self._text.size))
        signs = parts[1::2]
        parts[1::2] = map(read_sign, signs)
        read = list(accumulate(map(len, parts), initial=self._read.size))
        # The n-th part ends at n + 1, and every other part is a sign.
        self._came_starts += came[1:-1:2]
        self._came_ends += came[2::2]
        self._read_starts += read[1:-1:2]
        self._read_ends += read[2::2]
        self._signs += signs
        self._last = self._read_ends[-1]
        return b"".join(parts)

    def _go_on(self) -> bytes:
        self._note()
        start = self.released
        until = min(self._text.released, self._end_of(self._read.released, whole=False))
        if self._text.size - max(start, until) > MOST_HELD:
            raise over("too much of the body waits for what its references say")
        if until <= start:
            return b""
        data, self._came = self._came[: until - start], self._came[until - start :]
        self.released = until
        if self._masks:
            data = covered(data, start, self._masks)
            self._masks = [(at, mask) for at, mask in self._masks if at + len(mask) > until]
        if self._finds or self._shown:
            self._count(until)
        self._forget(until)
        return data

    def _note(self) -> None:
        """Take what was found since, in the order in which masks lie over one another."""
        shown, hidden = self._text.taken, self._read.taken
        if self._tells:
            for kind in self._read.counts.keys() - self._text.counts.keys():
                self.counts[kind] = 1
            return
        if shown:
            self._shown += shown
            # Beneath what was found as it reads, which knows of signs.
            self._masks[:0] = [(find.start, find.mask) for find in shown]
            shown.clear()
        for find in hidden or ():
            start = max(self._start_of(find.start), self.released)
            stop = self._end_of(find.stop, whole=True)
            self._masks.append((start, self._mask(find, start, stop)))
            self.is_changed = True
            if find.counts:
                self._finds.append((start, stop, find.kind))
        if hidden:
            hidden.clear()

    def _mask(self, find: Find, start: int, stop: int) -> bytes:
        first = bisect_left(self._came_starts, start)
        last = bisect_left(self._came_starts, stop)
        if first == last:
            return find.mask
        mask = bytearray(starred(self._came[start - self.released : stop - self.released]))
        for number in range(first, last):
            at, end = self._came_starts[number] - start, self._came_ends[number] - start
            mask[at:end] = masked_sign(self._signs[number])
        return bytes(mask)

    def _start_of(self, place: int) -> int:
        """Return where in the body what begins at *place* as it reads begins."""
        number = bisect_right(self._read_starts, place) - 1
        if number < 0:
            return place - self._shift
        if place < self._read_ends[number]:
            return self._came_starts[number]
        return self._came_ends[number] + place - self._read_ends[number]

    def _end_of(self, place: int, *, whole: bool) -> int:
        """
        Return where in the body what ends at *place* as it reads ends.

        In the middle of what a sign stands for: behind it, when *whole*, else before it.
        """
        number = bisect_left(self._read_starts, place) - 1
        if number < 0:
            return place - self._shift
        if place < self._read_ends[number]:
            return self._came_ends[number] if whole else self._came_starts[number]
        return self._came_ends[number] + place - self._read_ends[number]

    def _count(self, until: int) -> None:
        """Count what is through, but for what shows as it came; that is known by now."""
        waiting = []
        for find in self._finds:
            start, stop, kind = find
            if stop > until:
                waiting.append(find)
            elif not any(
                one.kind is kind and one.start < stop and start < one.stop for one in self._shown
            ):
                self.counts[kind] = self.counts.get(kind, 0) + 1
        self._finds = waiting
        low = min((start for start, _, _ in waiting), default=until)
        self._shown = [one for one in self._shown if one.stop > low]

    def _forget(self, until: int) -> None:
        done = bisect_right(self._came_ends, until)
        if done:
            self._shift = self._read_ends[done - 1] - self._came_ends[done - 1]
            for places in (self._came_starts, self._came_ends, self._read_starts, self._read_ends):
                del places[:done]
            del self._signs[:done]

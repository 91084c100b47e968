"""
Bodies whose bytes are not what they say: compressed ones, and forms with escapes.

They are read decoded, and go on as they came, byte for byte. What is found cannot be
masked in them; so a body is held while it is small, and then goes on decoded and masked.
Of a long one the rest is kept back. A byte that was sent lets the other end decode no
further than what was found to be clean, but for two bytes: ISA-L says so much of gzip later
than zlib does.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Protocol

from sealgate.inspection.budget import over
from sealgate.inspection.model import BodyRefusal, BodyRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.detect.catalogue import Kind
    from sealgate.inspection.body import BodyScan, Whole
    from sealgate.inspection.model import BodyLimits

_PIECE = 64 * 1024
# How much more of the decoded text is held than of what came.
_HELD_PLAIN = 4
# Up to here nobody asks how small a body was packed.
_HARMLESS = 8 * 1024 * 1024


class Decoder(Protocol):
    """Turns what came into what it says."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """
        Yield what *data* says, in pieces of bounded size; all that can be said by now.

        Raises:
            BodyRefusedError: it cannot be read.
        """
        ...

    def close(self) -> bytes:
        """
        Return what was still open at the end.

        Raises:
            BodyRefusedError: it ended too early.
        """
        ...


class EncodedScan:
    """
    Reads one encoded body in pieces; as :class:`~sealgate.inspection.body.BodyScan`.

    While *holds*, nothing goes on. After :meth:`close`, *is_decoded* tells that what was
    returned is the decoded body, masked.
    """

    def __init__(self, scan: BodyScan, decoder: Decoder, limits: BodyLimits) -> None:
        self._scan = scan
        self._decoder = decoder
        self._limits = limits
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._plain: list[bytes | memoryview] = []
        self._came = 0
        self.holds = True
        self.is_decoded = False

    @property
    def counts(self) -> dict[Kind, int]:
        """Return what was found."""
        return self._scan.counts

    @property
    def held(self) -> int:
        """Return how many bytes wait."""
        return self._waiting_bytes

    def feed(self, data: bytes) -> bytes:
        """
        Take *data* and return what may go on.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        return b"".join(self.parts(data))

    def parts(self, data: bytes, _whole: Whole | None = None) -> list[bytes | memoryview]:
        """
        Do as :meth:`feed`, and join nothing. A look at what is encoded says nothing.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        for at in range(0, len(data), _PIECE):
            self._take(data[at : at + _PIECE])
        return self._ready()

    def close(self) -> bytes:
        """
        Take it that the body ends here, and return the rest of it.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        self._keep(self._scan.parts(self._decoder.close()))
        self._keep([self._scan.close()])
        if not self._scan.is_changed:
            return self._all()
        if not self.holds:
            raise self._found()
        self.is_decoded = True
        return b"".join(self._plain)

    def flush(self) -> bytes:
        """Return what may go on although more may follow."""
        if self.holds:
            self._let_go()
        self._scan.flush()
        return b"".join(self._ready())

    def _take(self, piece: bytes) -> None:
        self._came += len(piece)
        scan, limits = self._scan, self._limits
        for plain in self._decoder.feed(piece):
            self._keep(scan.parts(plain))
            if scan.size > _HARMLESS and scan.size > self._came * limits.ratio:
                raise over(f"the body becomes more than {limits.ratio} times its size")
        self._waiting.append((piece, scan.size))
        self._waiting_bytes += len(piece)
        if self.holds and (
            self._waiting_bytes > limits.hold_bytes or scan.size > limits.hold_bytes * _HELD_PLAIN
        ):
            self._let_go()

    def _keep(self, plain: list[bytes | memoryview]) -> None:
        if self.holds:
            self._plain += plain
        elif self._scan.is_changed:
            raise self._found()

    def _let_go(self) -> None:
        if self._scan.is_changed:
            raise self._found()
        self.holds = False
        self._plain.clear()

    def _ready(self) -> list[bytes | memoryview]:
        if self.holds:
            return []
        parts: list[bytes | memoryview] = []
        while self._waiting and self._waiting[0][1] <= self._scan.released:
            parts.append(self._waiting.popleft()[0])
        self._waiting_bytes -= sum(map(len, parts))
        return parts

    def _all(self) -> bytes:
        parts = [piece for piece, _ in self._waiting]
        self._waiting.clear()
        self._waiting_bytes = 0
        return b"".join(parts)

    def _found(self) -> BodyRefusedError:
        return BodyRefusedError(
            BodyRefusal.ABOVE_CLASS,
            "the body holds what is above its class, and cannot be masked as it is encoded",
            frozenset(self._scan.counts),
        )


class EveryWay:
    """
    Reads one body of a request in two ways at once, as *one* and as *other* do.

    What either refuses is refused, and what goes on may go on in both. Neither may mask.
    """

    def __init__(self, one: BodyScan, other: EncodedScan) -> None:
        self._one, self._other = one, other
        self._cleared = [0, 0]  # bytes that may go on, by each
        self._sent = 0
        self._waiting = b""

    @property
    def counts(self) -> dict[Kind, int]:
        """Return what was found in either."""
        return self._other.counts | self._one.counts

    def feed(self, data: bytes) -> bytes:
        """
        Take *data* and return what may go on.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        self._waiting += data
        return self._go_on(self._one.feed(data), self._other.feed(data))

    def close(self) -> bytes:
        """
        Take it that the body ends here, and return the rest of it.

        Raises:
            BodyRefusedError: the body must not go on.
        """
        return self._go_on(self._one.close(), self._other.close())

    def _go_on(self, one: bytes, other: bytes) -> bytes:
        self._cleared[0] += len(one)
        self._cleared[1] += len(other)
        size = min(self._cleared) - self._sent
        self._sent += size
        out, self._waiting = self._waiting[:size], self._waiting[size:]
        return out


_ESCAPED = re.compile(rb"%([0-9A-Fa-f]{2})")


class FormDecoder:
    """Reads ``application/x-www-form-urlencoded`` and queries: escapes, and plus for space."""

    def __init__(self) -> None:
        self._open = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield *data* without escapes; one that is not whole yet waits."""
        data = self._open + data
        cut = data.rfind(b"%", max(0, len(data) - 2))
        self._open, data = (data[cut:], data[:cut]) if cut >= 0 else (b"", data)
        yield unescaped(data)

    def close(self) -> bytes:
        """Return an escape that never became whole, as it is."""
        return self._open


def unescaped(data: bytes) -> bytes:
    """Return *data* with its escapes resolved (WHATWG URL, 5.1)."""
    data = data.replace(b"+", b" ")
    if b"%" not in data:
        return data
    return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), data)

"""The relay's side towards the site: reads answers, and lets on what may be shown."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, cast

from sealgate.inspection.adapters.decoding import is_plain
from sealgate.inspection.body import look_at_whole
from sealgate.inspection.framing import (
    SWITCHING,
    Framed,
    Head,
    chunked_answer,
    decoded_answer,
    end_of_head,
    plain_answer,
    read_answer,
    refused,
)
from sealgate.inspection.framing_bodies import BodyReader, chunked, last_chunk, reader_of
from sealgate.inspection.model import WITHHELD, Refusal, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.inspection.adapters.relay import GatewaySide
    from sealgate.inspection.body import BodyScan, Whole
    from sealgate.inspection.encoded import EncodedScan

# So long a sender may pause before whole lines of what it sent go on. An encoded body that
# goes on can no longer be masked, so that waits longer where nobody expects events.
FLUSH_SECONDS = 0.05
ENCODED_FLUSH_SECONDS = 1.0
_EVENTS = b"text/event-stream"


class SiteSide(asyncio.Protocol):
    """The connection to the site that belongs to one of the gateway's."""

    __slots__ = (
        "_buffer",
        "_came",
        "_front",
        "_head",
        "_left",
        "_reader",
        "_scan",
        "_sent_head",
        "_timer",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, front: GatewaySide) -> None:
        self._front = front
        self._buffer = b""
        self._head: Head | None = None
        self._reader: BodyReader | None = None
        self._scan: BodyScan | EncodedScan | None = None
        self._sent_head = False
        self._timer: asyncio.TimerHandle | None = None
        self._came = False
        self._left = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(256 * 1024)

    def leave(self) -> None:
        """Close, and tell nobody."""
        self._left = True
        self._stop_timer()
        self.transport.abort()

    def pause_writing(self) -> None:
        """Have the gateway wait until the site has taken more."""
        if not self._left:
            self._front.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the gateway go on."""
        if not self._left:
            self._front.transport.resume_reading()

    def eof_received(self) -> bool:
        """Close; what the end means is judged then."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Judge what the end means for the answer at hand."""
        if self._left:
            return
        self._stop_timer()
        if self._front.head is None:
            self._front.site_lost()
            return
        try:
            if self._reader is None or error is not None:
                raise refused("the site closed before its answer was whole")
            self._reader.end()
            self._finish()
        except RefusedError as fault:
            self._refuse(fault)

    def data_received(self, data: bytes) -> None:
        """Take what the site sent."""
        if self._left:
            return
        try:
            if self._reader is not None:
                self._take_body(data)
            else:
                self._take_head(data)
        except RefusedError as error:
            self._refuse(error)

    def _take_head(self, data: bytes) -> None:
        front = self._front
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        most = front.service.policy.limits.head_bytes
        while True:
            request = front.head
            if request is None:
                raise refused("the site sent what nobody asked for")
            end = end_of_head(data, most)
            if not end:
                self._buffer = data
                return
            head = read_answer(data[:end], request.method)
            if not head.is_interim:
                break
            if head.status == SWITCHING:
                raise RefusedError(Refusal.UNREADABLE, "the site switched to what is not read here")
            front.transport.write(plain_answer(head))
            data = data[end:]
            if not data:
                return
        whole = self._look_at_whole(head, data, end)
        if whole is not None and whole.is_clean:
            new = plain_answer(head)
            front.transport.write(data if new is head.raw else new + data[end:])
            front.answered(reusable=head.keeps_alive)
            return
        self._begin(head)
        self._take_body(data[end:], whole)

    def _look_at_whole(self, head: Head, data: bytes, end: int) -> Whole | None:
        service = self._front.service
        if (
            head.framed is Framed.LENGTH
            and len(data) - end == head.length <= service.policy.limits.body_bytes
            and not head.partial
            and is_plain(head.encoding, head.content_type)
        ):
            return look_at_whole(service.answers, data, end, time.thread_time)
        return None

    def _begin(self, head: Head) -> None:
        self._head = head
        self._sent_head = False
        service = self._front.service
        if service.answers.steps and head.framed is not Framed.NONE:
            if head.partial:
                raise RefusedError(Refusal.UNREADABLE, "a part of a body cannot be judged")
            self._scan = self._front.scan_answer(head, service.policy.answers & WITHHELD)
        self._reader = reader_of(head)

    def _take_body(self, data: bytes, whole: Whole | None = None) -> None:
        reader, scan = self._reader, self._scan
        assert reader is not None  # noqa: S101  # for the type checker
        body = reader.feed(data) if data else b""
        parts: list[bytes | memoryview] = [body]
        if scan is not None and body:
            parts = scan.parts(body, whole)
        if reader.done:
            self._finish(parts)
            return
        if any(parts):
            self._emit(parts)
        self._came = True
        if self._timer is None:
            self._arm()

    def _emit(self, parts: list[bytes | memoryview], end: bytes = b"") -> None:
        head = self._head
        assert head is not None  # noqa: S101  # for the type checker
        if head.framed in _CHUNKED:
            parts = chunked(parts)
        if not self._sent_head:
            self._sent_head = True
            new = chunked_answer(head) if head.framed is Framed.CLOSE else plain_answer(head)
            parts = [new, *parts]
        if end:
            parts.append(end)
        # One call, so that the gateway is not woken for each part.
        self._front.transport.writelines(parts)

    def _finish(self, parts: Iterable[bytes | memoryview] = ()) -> None:
        head, reader, scan, front = self._head, self._reader, self._scan, self._front
        assert head is not None  # noqa: S101  # for the type checker
        assert reader is not None  # noqa: S101  # for the type checker
        parts = list(parts)
        if scan is not None:
            parts.append(scan.close())
        if scan is not None and scan.is_decoded:
            body = b"".join(parts)
            front.transport.write(decoded_answer(head, len(body)) + body)
        elif head.framed in _CHUNKED:
            changed = scan is not None and scan.counts
            self._emit(parts, last_chunk(b"" if changed else reader.trailers))
        else:
            self._emit(parts)
        if scan is not None and scan.counts:
            front.note(scan.counts, outgoing=True)
        self._stop_timer()
        self._head = self._reader = self._scan = None
        front.answered(reusable=head.keeps_alive and not reader.rest)

    def _refuse(self, error: RefusedError) -> None:
        self._front.refuse(
            error, of_request=False, begun=self._sent_head and self._head is not None
        )

    def _arm(self) -> None:
        self._came = False
        head, scan = self._head, self._scan
        waits = scan is not None and scan.holds and head is not None
        if waits and head is not None and not head.content_type.startswith(_EVENTS):
            seconds = ENCODED_FLUSH_SECONDS
        else:
            seconds = FLUSH_SECONDS
        self._timer = self._front.service.loop.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._left or self._reader is None:
            return
        if self._came:
            self._arm()
            return
        try:
            self._emit([self._scan.flush()] if self._scan is not None else [])
        except RefusedError as error:
            self._refuse(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_CHUNKED = frozenset({Framed.CHUNKED, Framed.CLOSE})

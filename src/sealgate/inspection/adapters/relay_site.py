"""
The relay's side towards the site: reads answers, and lets on what may be shown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from sealgate.inspection.adapters.decoding import is_plain
from sealgate.inspection.body import is_clean
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
from sealgate.inspection.framing_bodies import BodyReader, chunk, last_chunk, reader_of
from sealgate.inspection.model import WITHHELD, Refusal, RefusedError

if TYPE_CHECKING:
    from sealgate.inspection.adapters.relay import GatewaySide
    from sealgate.inspection.body import BodyScan
    from sealgate.inspection.encoded import EncodedScan

# So long a sender may pause before whole lines of what it sent go on. An encoded body that
# goes on can no longer be masked, so that waits longer where nobody expects events.
FLUSH_SECONDS = 0.05
ENCODED_FLUSH_SECONDS = 1.0
_EVENTS = b"text/event-stream"


class SiteSide(asyncio.Protocol):
    """
    The connection to the site that belongs to one of the gateway's.
    """

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
        """
        Take the connection.
        """
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(256 * 1024)

    def leave(self) -> None:
        """
        Close, and tell nobody.
        """
        self._left = True
        self._stop_timer()
        self.transport.abort()

    def pause_writing(self) -> None:
        """
        Have the gateway wait until the site has taken more.
        """
        if not self._left:
            self._front.transport.pause_reading()

    def resume_writing(self) -> None:
        """
        Let the gateway go on.
        """
        if not self._left:
            self._front.transport.resume_reading()

    def eof_received(self) -> bool:
        """
        Close; what the end means is judged then.
        """
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """
        Judge what the end means for the answer at hand.
        """
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
        """
        Take what the site sent.
        """
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
            data = data[end:]
            if not head.is_interim:
                break
            if head.status == SWITCHING:
                raise RefusedError(Refusal.UNREADABLE, "the site switched to what is not read here")
            front.transport.write(plain_answer(head))
            if not data:
                return
        if self._is_whole_and_clean(head, data):
            front.transport.write(plain_answer(head) + data)
            front.answered(reusable=head.keeps_alive)
            return
        self._begin(head)
        self._take_body(data)

    def _is_whole_and_clean(self, head: Head, body: bytes) -> bool:
        detector = self._front.service.answers
        return (
            head.framed is Framed.LENGTH
            and len(body) == head.length
            and not head.partial
            and is_plain(head.encoding, head.content_type)
            and is_clean(detector, body)
        )

    def _begin(self, head: Head) -> None:
        self._head = head
        self._sent_head = False
        service = self._front.service
        if service.answers.steps and head.framed is not Framed.NONE:
            if head.partial:
                raise RefusedError(Refusal.UNREADABLE, "a part of a body cannot be judged")
            self._scan = self._front.scan_answer(head, service.policy.answers & WITHHELD)
        self._reader = reader_of(head)

    def _take_body(self, data: bytes) -> None:
        reader, scan = self._reader, self._scan
        assert reader is not None  # noqa: S101  # for the type checker
        body = reader.feed(data) if data else b""
        if scan is not None and body:
            body = scan.feed(body)
        if reader.done:
            self._finish(body)
            return
        if body:
            self._emit(body)
        self._came = True
        if self._timer is None:
            self._arm()

    def _emit(self, body: bytes) -> None:
        head = self._head
        assert head is not None  # noqa: S101  # for the type checker
        write = self._front.transport.write
        if not self._sent_head:
            self._sent_head = True
            write(chunked_answer(head) if head.framed is Framed.CLOSE else plain_answer(head))
        if body:
            write(chunk(body) if head.framed in _CHUNKED else body)

    def _finish(self, body: bytes = b"") -> None:
        head, reader, scan, front = self._head, self._reader, self._scan, self._front
        assert head is not None  # noqa: S101  # for the type checker
        assert reader is not None  # noqa: S101  # for the type checker
        if scan is not None:
            rest = scan.close()
            body = body + rest if body else rest
        if scan is not None and scan.is_decoded:
            front.transport.write(decoded_answer(head, len(body)) + body)
        else:
            self._emit(body)
            if head.framed in _CHUNKED:
                changed = scan is not None and scan.counts
                front.transport.write(last_chunk(b"" if changed else reader.trailers))
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
            body = self._scan.flush() if self._scan is not None else b""
            self._emit(body)
        except RefusedError as error:
            self._refuse(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_CHUNKED = frozenset({Framed.CHUNKED, Framed.CLOSE})

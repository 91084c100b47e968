"""
The two sides of a relay: one reads requests, and answers when one is refused; one reads answers.

One connection of the gateway has one connection to the site behind it; the gateway pools.
Nothing of a request reaches the site before it is whole and clean, or longer than what is
held. What goes wrong closes; nothing goes on unseen.
"""

from __future__ import annotations

import asyncio
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sealgate.inspection.adapters.decoding import decoder_of, is_plain, unreadable
from sealgate.inspection.body import BodyScan, look_at_whole
from sealgate.inspection.content_type import may_be_form
from sealgate.inspection.detector import Detector, detector_of
from sealgate.inspection.encoded import EncodedScan, EveryWay, FormDecoder, unescaped
from sealgate.inspection.framing import (
    SWITCHING,
    Framed,
    Head,
    chunked_answer,
    decoded_answer,
    end_of_head,
    path_shape,
    plain_answer,
    read_answer,
    read_request,
    readable,
    refused,
)
from sealgate.inspection.framing_bodies import BodyReader, chunk, chunked, last_chunk, reader_of
from sealgate.inspection.model import WITHHELD, BodyRefusal, BodyRefusedError, Sighting
from sealgate.inspection.refusal import refusal_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.detect.catalogue import Kind
    from sealgate.inspection.body import Whole
    from sealgate.inspection.model import Policy, Reporter

# So long a sender may pause before whole lines of what it sent go on. An encoded body that
# goes on can no longer be masked, so that waits longer where nobody expects events.
FLUSH_SECONDS = 0.05
ENCODED_FLUSH_SECONDS = 1.0
_EVENTS = b"text/event-stream"
CONNECT_SECONDS = 5.0
# After a refusal the rest of the request is taken and dropped for so long, so that the
# gateway reads the answer before it notices the end.
LINGER_SECONDS = 2.0
# More than this waits in a connection before its sender is stopped.
HIGH_WATER = 256 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

RequestScan = BodyScan | EncodedScan | EveryWay


@dataclass(slots=True)
class RelayService:
    """What all connections of one route share."""

    policy: Policy
    reporter: Reporter
    loop: asyncio.AbstractEventLoop
    answers: Detector = field(init=False)
    requests: Detector = field(init=False)
    connections: set[GatewaySide] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Build the detectors before anybody waits for them."""
        self.answers = detector_of(self.policy.answers)
        self.requests = detector_of(self.policy.requests)

    def connected(self) -> GatewaySide:
        """Return what takes a new connection."""
        return GatewaySide(self)

    def close_idle(self) -> None:
        """Close the connections on which nothing is under way."""
        for one in tuple(self.connections):
            if one.is_idle:
                one.transport.close()


def scan_of_request(detector: Detector, policy: Policy, head: Head) -> RequestScan:
    """
    Return what reads the body behind the *head* of a request: in every way where it may be a form.

    Raises:
        BodyRefusedError: it cannot be read.
    """
    one = scan_of(detector, policy, head, policy.requests)
    if may_be_form(head.content_type):
        if head.encoding not in {b"", b"identity"}:
            raise unreadable("a body that may be a form is not read in a content encoding")
        plain = BodyScan(detector, policy.limits, time.thread_time, withheld=policy.requests)
        if isinstance(one, BodyScan):
            one = EncodedScan(one, FormDecoder(), policy.limits)
        return EveryWay(plain, one)
    return one


def scan_of(
    detector: Detector, policy: Policy, head: Head, withheld: frozenset[Kind]
) -> BodyScan | EncodedScan:
    """
    Return what reads the body behind *head*.

    Raises:
        BodyRefusedError: it cannot be read.
    """
    decoder = decoder_of(head.encoding, head.content_type)
    scan = BodyScan(detector, policy.limits, time.thread_time, withheld=withheld)
    return scan if decoder is None else EncodedScan(scan, decoder, policy.limits)


class GatewaySide(asyncio.Protocol):
    """One connection of the gateway."""

    __slots__ = (
        "_buffer",
        "_connecting",
        "_dropping",
        "_held",
        "_held_bytes",
        "_is_paused",
        "_outbox",
        "_outbox_bytes",
        "_reader",
        "_scan",
        "_site",
        "head",
        "service",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, service: RelayService) -> None:
        self.service = service
        self.head: Head | None = None  # of the request that is not answered yet
        self._buffer = b""
        self._reader: BodyReader | None = None  # while its body comes
        self._scan: RequestScan | None = None
        self._held: list[bytes] | None = None
        self._held_bytes = 0
        self._site: SiteSide | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._outbox: list[bytes] = []
        self._outbox_bytes = 0
        self._dropping = False
        self._is_paused = False

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is under way."""
        return self.head is None and not self._buffer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)
        # So much is read of a site at once. What goes on at once leaves its memory, still in the
        # cache, to the next piece.
        self.transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, HIGH_WATER
        )
        self.service.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go of the site, too."""
        self.service.connections.discard(self)
        self._dropping = True
        self._let_go()

    def eof_received(self) -> bool:
        """Close: who sends nothing more takes no answer here."""
        return False

    def data_received(self, data: bytes) -> None:
        """Take what the gateway sent."""
        if self._dropping:
            return
        try:
            if self._reader is not None:
                self._take_body(data)
            else:
                self._take_head(data)
        except BodyRefusedError as error:
            self.refuse(error, of_request=True)

    def pause_writing(self) -> None:
        """Have the site wait until the gateway has taken more."""
        self._is_paused = True
        if self._site is not None:
            self._site.transport.pause_reading()

    def resume_writing(self) -> None:
        """Let the site go on."""
        self._is_paused = False
        if self._site is not None:
            self._site.transport.resume_reading()

    # The site's side calls these.

    def answered(self, *, reusable: bool) -> None:
        """Take it that the answer went out whole. The next request may come."""
        if self._reader is not None:
            self.transport.close()  # The rest of the request would be taken for the next.
            self._let_go()
            return
        self.head = None
        if not reusable:
            self._let_go()

    def site_lost(self) -> None:
        """Take it that the site closed while nothing was asked."""
        self._site = None
        self.transport.close()

    def refuse(self, error: BodyRefusedError, *, of_request: bool, begun: bool = False) -> None:
        """Say why the message does not go on; where an answer has *begun*, cut it."""
        self.note(dict.fromkeys(error.kinds, 1), outgoing=not of_request, refusal=error.refusal)
        self._dropping = True
        self._let_go()
        head = self.head
        if begun or (head is None and not of_request):
            self.transport.abort()
            return
        self.transport.write(
            refusal_answer(
                error,
                of_request=of_request,
                accept=head.accept if head else b"",
                head=head is not None and head.method == b"HEAD",
                named=head.id if head else b"",
            )
        )
        if self._reader is None or self._reader.done:
            self.transport.close()
        else:
            self.service.loop.call_later(LINGER_SECONDS, self.transport.close)

    def scan_answer(self, head: Head, withheld: frozenset[Kind]) -> BodyScan | EncodedScan:
        """
        Return what reads the body of an answer.

        Raises:
            BodyRefusedError: it cannot be read.
        """
        return scan_of(self.service.answers, self.service.policy, head, withheld)

    def note(
        self, counts: Mapping[Kind, int], *, outgoing: bool, refusal: BodyRefusal | None = None
    ) -> None:
        """Tell what was found."""
        if counts or refusal is not None:
            shape = path_shape(self.head.target) if self.head else "*"
            asset = self.service.policy.asset
            self.service.reporter.note(
                Sighting(asset, shape, outgoing, True, dict(counts), refusal)
            )

    def _take_head(self, data: bytes) -> None:
        if self.head is not None:
            raise refused("a request came before the answer to the one before")
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        end = end_of_head(data, self.service.policy.limits.head_bytes)
        if not end:
            self._buffer = data
            return
        self.head = head = read_request(data[:end])
        if head.upgrade:
            raise BodyRefusedError(
                BodyRefusal.UNREADABLE, "an upgrade leads to what cannot be read here"
            )
        self._read_query(head)
        reader = reader_of(head)
        if not reader.done:
            self._begin_body(head, reader)
            if end < len(data):
                self._take_body(data[end:])
        elif end < len(data):
            raise refused("something follows a request that has no body")
        else:
            self._to_site(readable(head))

    def _begin_body(self, head: Head, reader: BodyReader) -> None:
        self._reader = reader
        if self.service.requests.steps:
            policy = self.service.policy
            self._scan = scan_of_request(self.service.requests, policy, head)
            self._held, self._held_bytes = [], 0
        else:
            self._to_site(readable(head))
        if head.expects:
            self.transport.write(_CONTINUE)

    def _read_query(self, head: Head) -> None:
        query = head.target.partition(b"?")[2]
        detector = self.service.requests
        if query and detector.steps:
            policy = self.service.policy
            scan = BodyScan(detector, policy.limits, time.thread_time, withheld=policy.requests)
            scan.feed(unescaped(query))
            scan.close()

    def _take_body(self, data: bytes) -> None:
        reader, scan, head = self._reader, self._scan, self.head
        assert reader is not None  # noqa: S101  # for the type checker
        assert head is not None  # noqa: S101  # for the type checker
        body = reader.feed(data)
        if scan is not None:
            body = scan.feed(body)
            if reader.done:
                body += scan.close()
        if reader.done and reader.rest:
            raise refused("something follows the body of the request")
        self._pass_on(head, body, reader)
        if reader.done:
            self._reader = self._scan = None

    def _pass_on(self, head: Head, body: bytes, reader: BodyReader) -> None:
        chunked = head.framed is Framed.CHUNKED
        out = chunk(body) if chunked else body
        if reader.done and chunked:
            out += last_chunk(reader.trailers)
        if self._held is None:
            self._to_site(out)
            return
        self._held.append(out)
        self._held_bytes += len(out)
        if reader.done or self._held_bytes > self.service.policy.limits.hold_bytes:
            held, self._held = self._held, None
            self._to_site(b"".join((readable(head), *held)))

    def _to_site(self, data: bytes) -> None:
        site = self._site
        if site is not None:
            if data:
                site.transport.write(data)
            return
        self._outbox.append(data)
        self._outbox_bytes += len(data)
        if self._outbox_bytes > HIGH_WATER:
            self.transport.pause_reading()
        if self._connecting is None:
            self._connecting = self.service.loop.create_task(self._connect())

    async def _connect(self) -> None:
        upstream, loop = self.service.policy.upstream, self.service.loop
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if upstream.is_socket:
                    _, site = await loop.create_unix_connection(self._made, upstream.host)
                else:
                    _, site = await loop.create_connection(self._made, upstream.host, upstream.port)
        except (OSError, TimeoutError):
            if not self._dropping:
                error = BodyRefusedError(BodyRefusal.UNREACHABLE, "the site does not answer")
                self.refuse(error, of_request=True)
            return
        if self._dropping:
            site.transport.abort()
            return
        self._site, self._connecting = site, None
        out, self._outbox, self._outbox_bytes = self._outbox, [], 0
        self.transport.resume_reading()
        if self._is_paused:
            site.transport.pause_reading()
        site.transport.write(b"".join(out))

    def _made(self) -> SiteSide:
        return SiteSide(self)

    def _let_go(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        site, self._site = self._site, None
        if site is not None:
            site.leave()


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
        except BodyRefusedError as fault:
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
        except BodyRefusedError as error:
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
                raise BodyRefusedError(
                    BodyRefusal.UNREADABLE, "the site switched to what is not read here"
                )
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
                raise BodyRefusedError(BodyRefusal.UNREADABLE, "a part of a body cannot be judged")
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

    def _refuse(self, error: BodyRefusedError) -> None:
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
        except BodyRefusedError as error:
            self._refuse(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_CHUNKED = frozenset({Framed.CHUNKED, Framed.CLOSE})

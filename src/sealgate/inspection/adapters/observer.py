"""
Routes that are only observed: bytes go on at once, and a copy is read when there is time.

What cannot be read, or comes faster than there is time for, is not seen; that is what a
sample is. Nothing here can hold back, change or end what passes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sealgate.inspection.adapters.decoding import decoder_of
from sealgate.inspection.adapters.relay import CONNECT_SECONDS, HIGH_WATER
from sealgate.inspection.body import BodyScan
from sealgate.inspection.detector import Detector, detector_of
from sealgate.inspection.framing import Framed, Head, end_of_head, path_shape, read_answer
from sealgate.inspection.framing import read_request as read_request_head
from sealgate.inspection.framing_bodies import BodyReader, reader_of
from sealgate.inspection.model import BodyRefusedError, Sighting

if TYPE_CHECKING:
    from sealgate.inspection.encoded import Decoder
    from sealgate.inspection.model import Policy, Reporter

# Copies that wait to be read, over all connections; what comes on top is not seen.
MOST_WAITING = 8 * 1024 * 1024
# Of one body so much is read.
MOST_READ = 1024 * 1024
# Between two looks at the copies, and how long one may take, so that traffic goes first.
_REST_SECONDS = 0.002
_LOOK_SECONDS = 0.001


@dataclass(slots=True)
class Observing:
    """What all connections of one observed route share."""

    policy: Policy
    reporter: Reporter
    loop: asyncio.AbstractEventLoop
    answers: Detector = field(init=False)
    connections: set[ObservedGatewaySide] = field(default_factory=set)
    # How often something came from the gateway.
    passed: int = 0
    _waiting: deque[tuple[_Copy, bool, bytes]] = field(default_factory=deque)
    _waiting_bytes: int = 0
    _is_due: bool = False

    def __post_init__(self) -> None:
        """Build the detector before anybody waits for it."""
        self.answers = detector_of(self.policy.answers)

    def connected(self) -> ObservedGatewaySide:
        """Return what takes a new connection."""
        return ObservedGatewaySide(self)

    def close_idle(self) -> None:
        """
        Do nothing: whether an answer is under way is not known here.

        The gateway closes what it does not use within seconds, and uses none for long.
        """

    def take(self, copy: _Copy, data: bytes, *, outgoing: bool) -> None:
        """Have *data* read later."""
        if self._waiting_bytes + len(data) > MOST_WAITING:
            copy.is_blind = True
            return
        self._waiting.append((copy, outgoing, data))
        self._waiting_bytes += len(data)
        if not self._is_due:
            self._is_due = True
            self.loop.call_later(_REST_SECONDS, self._look)

    def _look(self) -> None:
        until = time.monotonic() + _LOOK_SECONDS
        while self._waiting and time.monotonic() < until:
            copy, outgoing, data = self._waiting.popleft()
            self._waiting_bytes -= len(data)
            if not copy.is_blind:
                copy.read(data, outgoing=outgoing)
        self._is_due = bool(self._waiting)
        if self._is_due:
            self.loop.call_later(_REST_SECONDS, self._look)


class _Copy:
    """What passed one connection, read once more."""

    def __init__(self, service: Observing) -> None:
        self._service = service
        self._request = b""
        self._asked: deque[Head] = deque()
        self._answer = b""
        self._body_of_request: BodyReader | None = None
        self._reader: BodyReader | None = None
        self._scan: BodyScan | None = None
        self._decoder: Decoder | None = None
        self.is_blind = False

    def read(self, data: bytes, *, outgoing: bool) -> None:
        try:
            if outgoing:
                self._read_answer(data)
            else:
                self._read_request(data)
        except BodyRefusedError:
            self._drop()

    def end(self) -> None:
        """Take it that the connection has ended."""
        if self._reader is not None and not self.is_blind:
            self._tell()

    def _drop(self) -> None:
        self.is_blind = True
        self._request = self._answer = b""
        self._scan = self._decoder = None

    def _read_request(self, data: bytes) -> None:
        data = self._request + data
        self._request = b""
        while data:
            if self._body_of_request is not None:
                self._body_of_request.feed(data)
                if not self._body_of_request.done:
                    return
                data, self._body_of_request = self._body_of_request.rest, None
                continue
            end = end_of_head(data, self._service.policy.limits.head_bytes)
            if not end:
                self._request = data
                return
            head = read_request_head(data[:end])
            if head.upgrade:
                self._drop()
                return
            self._asked.append(head)
            self._body_of_request = reader_of(head)
            if self._body_of_request.done:
                self._body_of_request = None
            data = data[end:]

    def _read_answer(self, data: bytes) -> None:
        if self._reader is None:
            data = self._answer + data
            self._answer = b""
            end = end_of_head(data, self._service.policy.limits.head_bytes)
            if not end:
                self._answer = data
                return
            if not self._asked:
                self._drop()
                return
            head = read_answer(data[:end], self._asked[0].method)
            data = data[end:]
            if head.is_interim:
                if data:
                    self._read_answer(data)
                return
            self._begin(head)
        self._read_body(data)

    def _begin(self, head: Head) -> None:
        self._reader = reader_of(head)
        if head.framed is Framed.NONE or head.partial:
            return
        policy = self._service.policy
        try:
            self._decoder = decoder_of(head.encoding, head.content_type)
        except BodyRefusedError:
            return  # This one cannot be read; the next may be.
        self._scan = BodyScan(self._service.answers, policy.limits, time.thread_time, tells=True)

    def _read_body(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            return
        body = reader.feed(data)
        try:
            self._scan_body(body)
        except BodyRefusedError:
            self._scan = None
        if reader.done:
            self._tell()
            if reader.rest:
                self._drop()

    def _scan_body(self, body: bytes) -> None:
        scan = self._scan
        if scan is None or scan.size > MOST_READ:
            return
        if self._decoder is None:
            scan.feed(body)
            return
        for plain in self._decoder.feed(body):
            scan.feed(plain)
            if scan.size > MOST_READ:
                return

    def _tell(self) -> None:
        request, scan = self._asked.popleft(), self._scan
        self._reader = self._scan = self._decoder = None
        if scan is None:
            return
        try:
            scan.close()
        except BodyRefusedError:
            return
        if scan.counts:
            self._service.reporter.note(
                Sighting(
                    self._service.policy.asset,
                    path_shape(request.target),
                    outgoing=True,
                    kept_back=False,
                    counts=dict(scan.counts),
                )
            )


class ObservedGatewaySide(asyncio.Protocol):
    """One connection of the gateway, joined to one to the site."""

    transport: asyncio.Transport

    def __init__(self, service: Observing) -> None:
        self._service = service
        self._copy = _Copy(service)
        self._site: asyncio.Transport | None = None
        self._outbox: list[bytes] = []
        self._is_lost = False
        self._is_paused = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, and open the one to the site."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)
        self._service.connections.add(self)
        self._task = self._service.loop.create_task(self._connect())

    def data_received(self, data: bytes) -> None:
        """Pass *data* on."""
        self._service.passed += 1
        if self._site is not None:
            self._site.write(data)
        else:
            self._outbox.append(data)
            self.transport.pause_reading()
        if not self._copy.is_blind:
            self._service.take(self._copy, data, outgoing=False)

    def answer_received(self, data: bytes) -> None:
        """Pass *data* of the site on."""
        self.transport.write(data)
        if not self._copy.is_blind:
            self._service.take(self._copy, data, outgoing=True)

    def connection_lost(self, _error: Exception | None) -> None:
        """Close the other side."""
        self._is_lost = True
        self._service.connections.discard(self)
        if self._site is not None:
            self._site.close()

    def pause_writing(self) -> None:
        """Have the site wait."""
        self._is_paused = True
        if self._site is not None:
            self._site.pause_reading()

    def resume_writing(self) -> None:
        """Let the site go on."""
        self._is_paused = False
        if self._site is not None:
            self._site.resume_reading()

    def site_lost(self, error: Exception | None) -> None:
        """Close this side as the other one was closed."""
        self._service.loop.call_later(_REST_SECONDS, self._copy.end)
        if error is None:
            self.transport.close()
        else:
            self.transport.abort()

    async def _connect(self) -> None:
        upstream, loop = self._service.policy.upstream, self._service.loop
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if upstream.is_socket:
                    made = await loop.create_unix_connection(lambda: _Site(self), upstream.host)
                else:
                    made = await loop.create_connection(
                        lambda: _Site(self), upstream.host, upstream.port
                    )
        except (OSError, TimeoutError):
            self.transport.abort()
            return
        site = made[0]
        if self._is_lost:
            site.abort()
            return
        self._site = site
        if self._is_paused:
            site.pause_reading()
        out, self._outbox = self._outbox, []
        site.write(b"".join(out))
        self.transport.resume_reading()


class _Site(asyncio.Protocol):
    """The connection to the site."""

    def __init__(self, front: ObservedGatewaySide) -> None:
        self._front = front

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).set_write_buffer_limits(HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        self._front.answer_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._front.site_lost(error)

    def pause_writing(self) -> None:
        self._front.transport.pause_reading()

    def resume_writing(self) -> None:
        self._front.transport.resume_reading()

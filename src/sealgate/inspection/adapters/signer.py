"""
Answers for the gateway what a site answers, signed, or not at all.

The gateway comes here over a Unix socket with what visitors ask over plain HTTP; which route
that is, is told by the socket. An answer is read to its end before its first byte goes on,
for its signature stands in its head. What cannot be signed does not go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.inspection.adapters.signer_body import HeldBody, Spooled, TooMuchError
from sealgate.inspection.framing import (
    SWITCHING,
    Framed,
    Head,
    read_answer,
    read_request,
)
from sealgate.inspection.framing_bodies import reader_of
from sealgate.inspection.model import BodyRefusedError
from sealgate.signing.keys import current_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.passing import CREDENTIALS, answered_fields, asked_fields
from sealgate.signing.sign import Signer

if TYPE_CHECKING:
    from sealgate.inspection.adapters.signer_plan import SignerPolicy
    from sealgate.signing.keys import SigningKey
    from sealgate.signing.model import Fields

CONNECT_SECONDS = 5.0
# So long a site may be silent. The gateway waits as long as there is an end in sight.
SILENCE_SECONDS = 60.0
HEAD_BYTES = 64 * 1024
_READ_BYTES = 256 * 1024
_READS = frozenset({b"GET", b"HEAD"})
_NO_CONTENT = frozenset({204, 304})
# What asks a client for a password; in clear nobody may be asked.
_ASKING = frozenset({401, 407})
_FORBIDDEN, _BAD_REQUEST, _BAD_GATEWAY, _UNAVAILABLE = 403, 400, 502, 503
_PHRASES = {
    _BAD_REQUEST: "Bad Request",
    _FORBIDDEN: "Forbidden",
    _BAD_GATEWAY: "Bad Gateway",
    _UNAVAILABLE: "SignerService Unavailable",
}


class NoAnswerError(Exception):
    """There is no answer to sign: the *status* and the reason that a visitor is told."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class _Site:
    """A connection to the site."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass(slots=True)
class SignerService:
    """What all connections of one route share."""

    policy: SignerPolicy
    keys: tuple[SigningKey, ...]
    spooled: Spooled
    open: int = 0
    busy: int = 0
    _signers: dict[str, Signer] = field(default_factory=dict)

    def signer(self, now: float) -> Signer:
        """Return what signs at *now*."""
        key = current_key(self.keys, now)
        if key.kid not in self._signers:
            self._signers = {key.kid: Signer(key)}
        return self._signers[key.kid]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection of the gateway until it ends."""
        self.open += 1
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # The gateway, or whoever asked it, has gone.
        finally:
            self.open -= 1
            connection.close()


class _Connection:
    def __init__(
        self, service: SignerService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._site: _Site | None = None

    async def run(self) -> None:
        while True:
            try:
                raw = await self._reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            self._service.busy += 1
            try:
                await self._answer(raw)
            except NoAnswerError as error:
                await self._refuse(raw, error)
                return
            finally:
                self._service.busy -= 1

    def close(self) -> None:
        self._leave_site()
        self._writer.close()

    async def _answer(self, raw: bytes) -> None:
        head = self._request(raw)
        fields = asked_fields(fields_of(head))
        request = Request(
            head.method.decode("ascii"),
            next((value for name, value in fields if name == "host"), ""),
            head.target.decode("latin-1"),
            fields,
        )
        body = HeldBody(self._service.policy, self._service.spooled)
        try:
            answered = await self._asked(request, body)
            await body.send(self._writer, self._signed(request, answered, body))
        except TooMuchError as error:
            raise NoAnswerError(
                _UNAVAILABLE, "the answer is larger than what can be signed here"
            ) from error
        finally:
            body.close()

    def _request(self, raw: bytes) -> Head:
        try:
            head = read_request(raw)
        except BodyRefusedError as error:
            raise NoAnswerError(_BAD_REQUEST, error.reason) from error
        if head.method not in _READS or head.framed is not Framed.NONE or head.upgrade:
            raise NoAnswerError(_FORBIDDEN, "only GET and HEAD are answered over plain HTTP")
        if any(name.lower() in CREDENTIALS for name, _ in fields_of(head)):
            raise NoAnswerError(_FORBIDDEN, "credentials never travel over plain HTTP; use https")
        return head

    async def _asked(self, request: Request, body: HeldBody) -> Head:
        """Return the head of the site's answer, once *body* holds the whole of it."""
        while True:
            used = self._site is not None
            if self._site is None:
                self._site = await self._connect()
            try:
                return await self._exchange(self._site, request, body)
            except TimeoutError as error:
                raise NoAnswerError(_BAD_GATEWAY, "the site has gone silent") from error
            except (OSError, asyncio.IncompleteReadError) as error:
                self._leave_site()
                # An idle connection may end just when it is used again (RFC 9110, 9.2.2).
                if not used or body.size:
                    raise NoAnswerError(_BAD_GATEWAY, "the site broke off its answer") from error
            except (BodyRefusedError, asyncio.LimitOverrunError) as error:
                raise NoAnswerError(_BAD_GATEWAY, "the site's answer cannot be read") from error

    async def _connect(self) -> _Site:
        upstream = self._service.policy.upstream
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if upstream.is_socket:
                    made = await asyncio.open_unix_connection(upstream.host, limit=HEAD_BYTES)
                else:
                    made = await asyncio.open_connection(
                        upstream.host, upstream.port, limit=HEAD_BYTES
                    )
        except (OSError, TimeoutError) as error:
            raise NoAnswerError(_UNAVAILABLE, "the site does not answer") from error
        return _Site(*made)

    async def _exchange(self, site: _Site, request: Request, body: HeldBody) -> Head:
        site.writer.write(_wire(f"{request.method} {request.target} HTTP/1.1", request.fields))
        await site.writer.drain()
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                raw = await site.reader.readuntil(b"\r\n\r\n")
            head = read_answer(raw, request.method.encode("ascii"))
            if head.status == SWITCHING:
                raise NoAnswerError(_BAD_GATEWAY, "the site switched to what is not read here")
            if not head.is_interim:
                break
        if head.status in _ASKING:
            raise NoAnswerError(
                _FORBIDDEN, "the site asks for a password, which never travels over plain HTTP"
            )
        if head.partial:
            raise NoAnswerError(_BAD_GATEWAY, "the site sent a part that nobody asked for")
        reader = reader_of(head)
        while not reader.done:
            async with asyncio.timeout(SILENCE_SECONDS):
                data = await site.reader.read(_READ_BYTES)
            if not data:
                reader.end()
                break
            if self._reader.at_eof():
                raise ConnectionResetError  # Whoever asked has gone.
            await body.take(reader.feed(data))
        if not head.keeps_alive or reader.rest:
            self._leave_site()
        return head

    def _signed(self, request: Request, head: Head, body: HeldBody) -> bytes:
        fields = answered_fields(fields_of(head))
        if request.method == "HEAD":
            told = [v for n, v in fields_of(head) if n.lower() == "content-length"]
            fields = (*fields, *(("content-length", value) for value in told))
        elif head.status not in _NO_CONTENT:
            fields = (*fields, ("content-length", str(body.size)))
        now = time.time()
        try:
            signed = self._service.signer(now).fields(
                request, Answer(head.status, fields), body.digest(), now
            )
        except ValueError as error:
            raise NoAnswerError(_BAD_REQUEST, str(error)) from error
        return _wire(f"HTTP/1.1 {head.status} {_PHRASES.get(head.status, 'Signed')}", signed)

    async def _refuse(self, raw: bytes, error: NoAnswerError) -> None:
        phrase = _PHRASES[error.status]
        problem = {"title": phrase, "status": error.status, "detail": f"{error.reason}."}
        content = json.dumps(problem).encode() + b"\n"
        fields = (
            ("content-type", "application/problem+json"),
            ("content-length", str(len(content))),
            ("cache-control", "no-store"),
            ("connection", "close"),
        )
        head = _wire(f"HTTP/1.1 {error.status} {phrase}", fields)
        self._writer.write(head if raw.startswith(b"HEAD ") else head + content)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def _leave_site(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            site.writer.close()


def fields_of(head: Head) -> Fields:
    """Return the field lines of *head*, which was read strictly."""
    lines = head.raw.decode("latin-1").split("\r\n")[1:-2]
    pairs = (line.partition(":") for line in lines)
    return tuple((name, value.strip(" \t")) for name, _, value in pairs)


def _wire(first: str, fields: Fields) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")

"""
Who is served at once: what Envoy asks about sessions, and the pages, each with room of its own.

An ASGI application around the service. A stranger decides when a request to a page arrives
whole, so that is waited for here, for a time, before anything of the service is taken up: an
address that sends many halves loses its own oldest, and where all together are too many the oldest
of whoever has most goes. What Envoy asks has no body, and waits for no page.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from starlette.responses import Response

from sealgate.gateway.model import ADDRESS_HEADER, CHECK_PATH
from sealgate.identity.throttle import prefix
from sealgate.signin.adapters.exchange import MOST_FORM_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A form has a few hundred bytes; this is for a telephone that loses its network for a moment.
BODY_SECONDS = 10.0
MOST_CHECKS = 200
MOST_PAGES = 200
MOST_HALVES = 200
# An office behind one address; each page takes some milliseconds, a password a second.
MOST_PER_ADDRESS = 32
_RETRY = {"retry-after": "2", "cache-control": "no-store"}


class Admission:
    """
    *app* with room for so many *checks*, *pages* and *halves* of requests at once.
    """

    def __init__(  # each bound is one a test sets
        self,
        app: ASGIApp,
        *,
        checks: int = MOST_CHECKS,
        pages: int = MOST_PAGES,
        halves: int = MOST_HALVES,
        per_address: int = MOST_PER_ADDRESS,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._most_checks, self._most_pages = checks, pages
        self._per_address = per_address
        self._body_seconds = body_seconds
        self._checks = 0
        self._pages: Counter[str] = Counter()
        self._halves = Halves(halves, per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer one request.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if str(scope["path"]).startswith(f"{CHECK_PATH}/"):
            await self._check(scope, receive, send)
            return
        place = prefix(_header(scope, ADDRESS_HEADER))
        body = await self._whole(place, receive)
        if body is None:
            await Response(status_code=408, headers=_RETRY)(scope, receive, send)
            return
        if self._pages[place] >= self._per_address:
            await Response(status_code=429, headers=_RETRY)(scope, receive, send)
            return
        if self._pages.total() >= self._most_pages:
            # Without words: Envoy has a page for it.
            await Response(status_code=503, headers=_RETRY)(scope, receive, send)
            return
        with self._served(place):
            await self._app(scope, _once(body, receive), send)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._checks >= self._most_checks:
            await Response(status_code=503, headers=_RETRY)(scope, receive, send)
            return
        self._checks += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._checks -= 1

    async def _whole(self, place: str, receive: Receive) -> bytes | None:
        """
        Return the body, or as much as shows that it is too large; ``None`` when it stays away.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds) as patience:
                with self._halves.waiting(place, patience):
                    more = True
                    while more and len(body) <= MOST_FORM_BYTES:
                        message = await receive()
                        if message["type"] != "http.request":
                            return None
                        body += message.get("body", b"")
                        more = message.get("more_body", False)
        except TimeoutError:
            return None
        return bytes(body)

    @contextlib.contextmanager
    def _served(self, place: str) -> Iterator[None]:
        self._pages[place] += 1
        try:
            yield
        finally:
            self._pages[place] -= 1
            if not self._pages[place]:
                del self._pages[place]


class Halves:
    """
    The requests that have not arrived whole: at most *most*, *per_address* of one address.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._of: dict[str, OrderedDict[asyncio.Timeout, None]] = {}
        self._count = 0

    @contextlib.contextmanager
    def waiting(self, place: str, patience: asyncio.Timeout) -> Iterator[None]:
        """
        Have one more of *place* wait; *patience* ends at once when another one needs the room.
        """
        theirs = self._of.setdefault(place, OrderedDict())
        if len(theirs) >= self._per_address:
            self._end(place)
        elif self._count >= self._most:
            self._end(max(self._of, key=lambda one: len(self._of[one])))
        # Ending the last one of a place forgets the place.
        self._of.setdefault(place, theirs)[patience] = None
        self._count += 1
        try:
            yield
        finally:
            self._forget(place, patience)

    def _end(self, place: str) -> None:
        oldest = next(iter(self._of[place]))
        self._forget(place, oldest)
        if not oldest.expired():
            oldest.reschedule(asyncio.get_running_loop().time())

    def _forget(self, place: str, patience: asyncio.Timeout) -> None:
        theirs = self._of.get(place, OrderedDict())
        if patience in theirs:
            del theirs[patience]
            self._count -= 1
        if not theirs:
            self._of.pop(place, None)

    def __len__(self) -> int:
        return self._count


def _once(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def read() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read


def _header(scope: Scope, name: str) -> str:
    wanted = name.lower().encode()
    found = [value for key, value in scope["headers"] if key == wanted]
    return str(found[-1].decode("latin-1")) if found else ""

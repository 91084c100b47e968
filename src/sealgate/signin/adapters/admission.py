"""
Who is served at once: what Envoy asks about sessions, pages, passwords, each with room of its own.

An ASGI application around the service. A stranger decides when a request to a page arrives
whole, so that is waited for here, for a time, before anything of the service is taken up: an
address that sends many halves loses its own oldest, and where all together are too many the oldest
of whoever has most goes. What Envoy asks has no body, and waits for no page; and whoever has a
session or a certificate waits for no stranger who asks for the same.

To have a password checked is slow on purpose, and under a flood of them, from many addresses, the
queue is long. Whoever signed in before under the same name and from the same address has a place of
its own there, one at a time for each name; so the flood, which is of names and addresses that never
signed in, is not in their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from starlette.responses import Response

from sealgate.gateway.model import ADDRESS_HEADER, CHECK_PATH
from sealgate.identity.adapters.password_hash import MOST_AT_ONCE
from sealgate.identity.throttle import prefix
from sealgate.signin.adapters.exchange import MOST_FORM_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# A form has a few hundred bytes; this is for a telephone that loses its network for a moment.
BODY_SECONDS = 10.0
MOST_CHECKS = 200
MOST_STRANGERS = 100
MOST_PAGES = 200
MOST_HALVES = 200
# An office behind one address; each page takes some milliseconds, a password a second.
MOST_PER_ADDRESS = 32
# More than this are told to come again: they would wait for longer than anybody waits.
MOST_WAITING = 60
# Strangers' hashes leave the processor to whoever else needs it.
_NICENESS = 10
_OK = 200
_RETRY = {"retry-after": "2", "cache-control": "no-store"}

_Value = TypeVar("_Value")


class Admission:
    """
    *app* with room for so many *checks*, *pages* and *halves* of requests at once.

    *is_known* tells of a check whether it is about somebody with a session that we signed, or with
    a certificate; *strangers* are the others.
    """

    def __init__(  # each bound is one a test sets
        self,
        app: ASGIApp,
        is_known: Callable[[Scope], bool],
        *,
        checks: int = MOST_CHECKS,
        strangers: int = MOST_STRANGERS,
        pages: int = MOST_PAGES,
        halves: int = MOST_HALVES,
        per_address: int = MOST_PER_ADDRESS,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._is_known = is_known
        self._body_seconds = body_seconds
        # An office behind one address, and a page with many parts, ask at once when tokens end.
        self._known = Room(checks, checks)
        self._strangers = Room(strangers, per_address)
        self._pages = Room(pages, per_address)
        self._halves = Halves(halves, per_address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        place = prefix(_header(scope, ADDRESS_HEADER))
        if str(scope["path"]).startswith(f"{CHECK_PATH}/"):
            room = self._known if self._is_known(scope) else self._strangers
            await self._within(room, place, scope, receive, send)
            return
        body = await self._whole(place, receive)
        if body is None:
            await Response(status_code=408, headers=_RETRY)(scope, receive, send)
            return
        await self._within(self._pages, place, scope, _once(body, receive), send)

    async def _within(
        self, room: Room, place: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        with room.taken(place) as status:
            if status == _OK:
                await self._app(scope, receive, send)
            else:
                # Without words: Envoy has a page for it.
                await Response(status_code=status, headers=_RETRY)(scope, receive, send)

    async def _whole(self, place: str, receive: Receive) -> bytes | None:
        """Return the body, or as much as shows that it is too large; ``None`` when it stays away."""
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


class Room:
    """So many requests at once: at most *most*, *per_address* of one address."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._of: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, place: str) -> Iterator[int]:
        """Take the room of one request of *place*; gives 200, or the status that says why not."""
        if self._of[place] >= self._per_address:
            yield 429
            return
        if self._of.total() >= self._most:
            yield 503
            return
        self._of[place] += 1
        try:
            yield _OK
        finally:
            self._of[place] -= 1
            if not self._of[place]:
                del self._of[place]


class Halves:
    """The requests that have not arrived whole: at most *most*, *per_address* of one address."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._of: dict[str, OrderedDict[asyncio.Timeout, None]] = {}
        self._count = 0

    @contextlib.contextmanager
    def waiting(self, place: str, patience: asyncio.Timeout) -> Iterator[None]:
        """Have one more of *place* wait; *patience* ends at once when another one needs the room."""
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


class BusyError(Exception):
    """Too many wait already."""


class Turns:
    """
    *slow* checks at a time for strangers, and as many for those who usually come.

    Together no more than are hashed at once in a process, or one kind would wait for the other.
    """

    def __init__(self, slow: int, most_waiting: int = MOST_WAITING) -> None:
        slow = min(slow, MOST_AT_ONCE // 2)
        self._strangers = ThreadPoolExecutor(slow, "password", initializer=_yield_processor)
        self._usual = ThreadPoolExecutor(slow, "usual")
        self._most_waiting = most_waiting
        self._waiting = 0
        self._names: dict[str, tuple[asyncio.Lock, int]] = {}

    def is_full(self, *, usual: bool) -> bool:
        """Return whether :meth:`check` would refuse, for who wants to know before any work."""
        return not usual and self._waiting >= self._most_waiting

    async def check(self, name: str, check: Callable[[], _Value], *, usual: bool) -> _Value:
        """
        Return what *check* returns, for somebody who says to be *name*.

        Raises:
            BusyError: too many strangers wait already.
        """
        loop = asyncio.get_running_loop()
        if usual:
            async with self._one_of(name):
                return await loop.run_in_executor(self._usual, check)
        if self.is_full(usual=usual):
            raise BusyError
        self._waiting += 1
        try:
            return await loop.run_in_executor(self._strangers, check)
        finally:
            self._waiting -= 1

    @contextlib.asynccontextmanager
    async def _one_of(self, name: str) -> AsyncIterator[None]:
        lock, count = self._names.get(name, (asyncio.Lock(), 0))
        self._names[name] = (lock, count + 1)
        try:
            async with lock:
                yield
        finally:
            lock, count = self._names[name]
            if count == 1:
                del self._names[name]
            else:
                self._names[name] = (lock, count - 1)


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


def _yield_processor() -> None:
    # Niceness is a thread's own on Linux (sched(7)).
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

"""What is never sent to its end takes room from nobody but whoever sends it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.gateway.model import ADDRESS_HEADER, CHECK_PATH
from sealgate.signin.adapters.admission import Admission, BusyError, Turns

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

PAGE = "/.sealgate/sign-in"


class Inner:
    """An application that tells what it was given, once *may_go* is set."""

    def __init__(self) -> None:
        """Let everything through at once."""
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200."""
        del scope
        message = await receive()
        self.bodies.append(message.get("body", b""))
        await self.may_go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def is_known(scope: Scope) -> bool:
    """Return whether a check is about somebody known, as its path says here."""
    return not str(scope["path"]).endswith("/stranger")


async def ask(app: Any, path: str, address: str, *pieces: bytes, ends: bool = True) -> int:
    """Return the status of a request whose body comes in *pieces*, and never when it does not end."""
    told: list[Message] = []
    waiting = list(pieces) or [b""]

    async def receive() -> Message:
        if waiting:
            more = len(waiting) > 1 or not ends
            return {"type": "http.request", "body": waiting.pop(0), "more_body": more}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        told.append(message)

    headers = [(ADDRESS_HEADER.encode(), address.encode())]
    await app({"type": "http", "path": path, "headers": headers, "method": "POST"}, receive, send)
    return int(told[0]["status"])


async def many_halves(app: Any, count: int, address: str) -> list[asyncio.Task[int]]:
    """Begin so many requests that never end; *address* may hold the number."""
    tasks = [
        asyncio.ensure_future(
            ask(app, PAGE, address.format(n=n, a=n // 250, b=n % 250), b"name=", ends=False)
        )
        for n in range(count)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def end(tasks: list[asyncio.Task[int]]) -> None:
    """Let go of what was begun."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize(
    ("count", "address"),
    [
        (210, "192.0.2.9"),
        (2000, "192.0.2.9"),
        (1000, "2001:db8::{n:x}"),
        (1000, "198.51.{a}.{b}"),
        (1000, ""),
    ],
)
def test_halves_keep_nobody_out(count: int, address: str) -> None:
    """Neither from sign-in nor from what Envoy asks, whether from one address or from many."""

    async def tried() -> None:
        inner = Inner()
        app = Admission(inner, is_known)
        tasks = await many_halves(app, count, address)
        for mine in ("192.0.2.1", address.format(n=1, a=1, b=1)):
            assert await ask(app, PAGE, mine, b"name=", b"anna") == 200
        for _ in range(100):
            assert await ask(app, f"{CHECK_PATH}/", "192.0.2.1") == 200
        assert inner.bodies[0] == b"name=anna"
        await end(tasks)

    asyncio.run(tried())


def test_a_half_ends_after_its_time() -> None:
    """With 408, and leaves nothing behind."""

    async def tried() -> None:
        app = Admission(Inner(), is_known, body_seconds=0.01)
        assert await ask(app, PAGE, "192.0.2.9", b"name=", ends=False) == 408
        assert len(app._halves) == 0

    asyncio.run(tried())


def test_whoever_sends_the_most_halves_loses_the_oldest() -> None:
    """Not whoever sends one slowly."""

    async def tried() -> None:
        app = Admission(Inner(), is_known, halves=10, per_address=8)
        slow = await many_halves(app, 1, "192.0.2.1")
        crowd = await many_halves(app, 8, "192.0.2.9")
        others = await many_halves(app, 3, "192.0.2.8")
        await asyncio.sleep(0.01)
        assert not slow[0].done()
        assert [task.done() for task in crowd].count(True) == 2
        assert {task.result() for task in crowd if task.done()} == {408}
        await end([*slow, *crowd, *others])
        assert len(app._halves) == 0

    asyncio.run(tried())


def test_pages_are_bounded_by_address_and_sessions_apart_from_them() -> None:
    """One address has so many pages under way; all of them together leave sessions their room."""

    async def tried() -> None:
        inner = Inner()
        app = Admission(inner, is_known, checks=3, pages=5, strangers=2, per_address=2)
        inner.may_go.clear()
        begun = [asyncio.ensure_future(ask(app, PAGE, f"192.0.2.{n // 2}", b"x")) for n in range(5)]
        await asyncio.sleep(0.01)
        assert await ask(app, PAGE, "192.0.2.0", b"x") == 429
        assert await ask(app, PAGE, "192.0.2.7", b"x") == 503
        strange = f"{CHECK_PATH}/stranger"
        strangers = [asyncio.ensure_future(ask(app, strange, f"192.0.2.{n}")) for n in range(2)]
        await asyncio.sleep(0.01)
        assert await ask(app, strange, "192.0.2.5") == 503
        checks = [
            asyncio.ensure_future(ask(app, f"{CHECK_PATH}/a", f"192.0.2.{n // 2}"))
            for n in range(3)
        ]
        await asyncio.sleep(0.01)
        # An office asks behind one address: only the total bounds those whom we know.
        assert await ask(app, f"{CHECK_PATH}/a", "192.0.2.0") == 503
        assert await ask(app, f"{CHECK_PATH}/a", "192.0.2.5") == 503
        inner.may_go.set()
        assert await asyncio.gather(*begun, *strangers, *checks) == [200] * 10
        assert await ask(app, PAGE, "192.0.2.0", b"x") == 200

    asyncio.run(tried())


def test_a_body_that_is_too_large_is_not_waited_for() -> None:
    """The application sees enough of it to refuse it."""

    async def tried() -> None:
        inner = Inner()
        app = Admission(inner, is_known)
        assert await ask(app, PAGE, "192.0.2.1", b"x" * 20_000, ends=False) == 200
        assert len(inner.bodies[0]) == 20_000

    asyncio.run(tried())


def test_whoever_usually_comes_is_not_behind_strangers() -> None:
    """However many of them there are; beyond some, strangers are told to come again."""

    async def tried() -> None:
        turns, stop = Turns(2, most_waiting=20), threading.Event()
        flood = [
            asyncio.ensure_future(turns.check(f"name{n}", stop.wait, usual=False))
            for n in range(20)
        ]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await turns.check("one more", stop.wait, usual=False)
        async with asyncio.timeout(10):
            assert await turns.check("anna", lambda: "right", usual=True) == "right"
        assert not any(task.done() for task in flood)
        stop.set()
        assert await asyncio.gather(*flood) == [True] * 20
        assert await turns.check("one more", lambda: 1, usual=False) == 1

    asyncio.run(tried())


def test_one_who_usually_comes_has_one_place() -> None:
    """So nobody takes the places of others with an account of their own."""

    async def tried() -> None:
        turns, stop = Turns(2), threading.Event()
        greedy = [
            asyncio.ensure_future(turns.check("mallory", stop.wait, usual=True)) for _ in range(9)
        ]
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            assert await turns.check("anna", lambda: "right", usual=True) == "right"
        stop.set()
        assert await asyncio.gather(*greedy) == [True] * 9

    asyncio.run(tried())


def test_an_error_gives_the_place_back() -> None:
    """As a right or wrong password does."""

    def fails() -> None:
        raise LookupError

    async def tried() -> None:
        turns = Turns(1, most_waiting=1)
        for usual in (True, False) * 3:
            with pytest.raises(LookupError):
                await turns.check("anna", fails, usual=usual)

    asyncio.run(tried())

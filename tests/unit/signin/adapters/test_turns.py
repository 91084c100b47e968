"""Who usually comes does not wait behind a flood of passwords."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sealgate.signin.adapters.admission import BusyError, Turns


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

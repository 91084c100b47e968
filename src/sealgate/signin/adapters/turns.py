"""
Who has a password checked next, which is slow on purpose: those who usually come do not wait.

Under a flood of passwords from many addresses the queue is long. Whoever signed in before under
the same name and from the same address has a place of its own, one at a time for each name; so
the flood, which is of names and addresses that never signed in, is not in their way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from sealgate.identity.adapters.password_hash import MOST_AT_ONCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# More than this are told to come again: they would wait for longer than anybody waits.
MOST_WAITING = 60
# Strangers' hashes leave the processor to whoever else needs it.
_NICENESS = 10

_Value = TypeVar("_Value")


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


def _yield_processor() -> None:
    # Niceness is a thread's own on Linux (sched(7)).
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

"""
Beginnings of sealed objects made ahead of time, while nobody waits.

An object's header costs more than anything else of a small file: for each recipient a key
pair and an exchange. It depends on nothing that the client says, so a thread of the process
makes some in the pauses. Each is used once and by one object: it leaves the pool when it is
taken, and what is left dies with the process. A child process begins with none.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
import weakref
from collections import deque
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# About a kilobyte each. As many as were wanted so far, up to this, so that a store to which
# nobody writes keeps none.
MOST_READY = 128
# Between two of them the thread leaves the interpreter to whoever has a client waiting.
_PAUSE_SECONDS = 0.0001


class Ready(Generic[T]):
    """What *make* gives, made before it is asked for. Safe for several threads."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._kept: deque[T] = deque()
        self._wanted = 0
        self._is_asked_for = False
        _pools().add(self)

    def take(self) -> T:
        """Return one that nobody else gets; it is made now only when none is ready."""
        self._wanted = min(self._wanted + 1, MOST_READY)
        try:
            one = self._kept.popleft()
        except IndexError:
            one = self._make()
        if not self._is_asked_for:
            self._is_asked_for = True
            _thread().put(weakref.ref(self))
        return one

    def fill(self) -> bool:
        """Make one more, if there are too few; return whether to come again."""
        self._is_asked_for = False
        if len(self._kept) < self._wanted:
            # What cannot be made is told to whoever takes.
            with contextlib.suppress(Exception):
                self._kept.append(self._make())
                self._is_asked_for = len(self._kept) < self._wanted
        return self._is_asked_for

    def forget(self) -> None:
        """Throw away what is ready: in another process it would be used twice."""
        self._wanted = 0
        self._is_asked_for = False
        self._kept.clear()


def _live(asked: queue.SimpleQueue[weakref.ref[Ready[Any]]]) -> None:
    while True:
        reference = asked.get()
        time.sleep(_PAUSE_SECONDS)
        pool = reference()
        if pool is not None and pool.fill():
            asked.put(reference)
        del pool


@cache
def _pools() -> weakref.WeakSet[Ready[Any]]:
    return weakref.WeakSet()


@cache
def _thread() -> queue.SimpleQueue[weakref.ref[Ready[Any]]]:
    asked: queue.SimpleQueue[weakref.ref[Ready[Any]]] = queue.SimpleQueue()
    threading.Thread(target=_live, args=(asked,), name="sealgate ready", daemon=True).start()
    return asked


def _forget_all() -> None:
    _thread.cache_clear()
    for pool in list(_pools()):
        pool.forget()


# The thread does not live on in a child, and what was made must not be used there, too.
os.register_at_fork(after_in_child=_forget_all)

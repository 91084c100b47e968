"""Beginnings made ahead: each is used once, in one process."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from sealgate.storage.adapters import ready as module
from sealgate.storage.adapters.ready import MOST_READY, Ready
from tests.waiting import wait_until


def test_nobody_gets_what_somebody_else_got() -> None:
    """A thousand taken by eight threads are a thousand different ones."""
    numbers, lock = itertools.count(), threading.Lock()

    def make() -> int:
        with lock:
            return next(numbers)

    pool = Ready(make)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda _: pool.take(), range(1000)))
    assert len(set(taken)) == len(taken)


def test_as_many_are_made_ahead_as_were_wanted_and_no_more() -> None:
    """A pool that was asked twice fills to two, one that is asked for ever to its limit."""
    numbers = itertools.count()
    pool = Ready(lambda: next(numbers))
    assert not pool.fill()
    pool.take()
    pool.take()
    assert wait_until(lambda: len(pool._kept) == 2)
    assert not pool.fill()
    for _ in range(2 * MOST_READY):
        pool.take()
    assert wait_until(lambda: len(pool._kept) == MOST_READY)
    assert not pool.fill()


def test_what_cannot_be_made_is_told_to_whoever_takes() -> None:
    """The thread survives it, and fills other pools."""

    def fail() -> int:
        raise ValueError("no")

    bad, good = Ready(fail), Ready(lambda: 1)
    for _ in range(3):
        try:
            bad.take()
        except ValueError:
            continue
        raise AssertionError
    bad._wanted = 5
    assert not bad.fill()
    good.take()
    assert wait_until(lambda: len(good._kept) == 1)


def test_a_child_process_begins_with_none() -> None:
    """What was made before a fork would otherwise be used in both."""
    pool = Ready(lambda: os.urandom(8))
    pool.take()
    assert wait_until(lambda: len(pool._kept) == 1)
    module._forget_all()  # what the child does; forking threads in a test is no good
    assert not pool._kept
    assert len(pool.take()) == 8
    assert wait_until(lambda: len(pool._kept) == 1)

"""
Runs looks beside each other, so that whoever waits for them can leave at any moment.

The threads are daemons: a look that still waits for a server keeps nobody from ending.
"""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


def run_beside(looks: Sequence[Callable[[], T]], workers: int) -> Iterator[tuple[int, T]]:
    """
    Yield the place of each of *looks* in its list and what it returned, as they end.

    At most *workers* run at once. What has not begun when the caller leaves never does.

    Raises:
        BaseException: whatever one of *looks* raises, when its turn comes.
    """
    waiting = deque(enumerate(looks))
    ended: SimpleQueue[tuple[int, T] | BaseException] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                index, look = waiting.popleft()
            except IndexError:
                return
            try:
                ended.put((index, look()))
            except BaseException as error:  # noqa: BLE001  # it is raised where somebody waits for it
                ended.put(error)

    for _ in range(min(workers, len(looks))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in looks:
            outcome = ended.get()
            if isinstance(outcome, BaseException):
                raise outcome
            yield outcome
    finally:
        waiting.clear()


def all_beside(looks: Sequence[Callable[[], T]], workers: int) -> list[T]:
    """Return what each of *looks* returned, in their order; see :func:`run_beside`."""
    return [result for _, result in sorted(run_beside(looks, workers), key=lambda pair: pair[0])]

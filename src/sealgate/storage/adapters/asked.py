"""
Asks what may not answer for long, as a folder of the network, in a thread of its own.

The thread ends with the process. What comes when nobody waits any more is up to the caller.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
# So many are asked at once.
_AT_ONCE = 32


def asked(ask: Callable[[], T], name: str) -> Future[T]:
    """Return what *ask* will return or raise; *name* is what the thread is called."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  # raised where somebody waits for it
            answer.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer


def answers(asks: Mapping[str, Callable[[], T]], seconds: float, name: str) -> dict[str, T]:
    """
    Return what each of *asks* returned within *seconds*; who did not answer is left out.

    The first error is raised, after all were heard.
    """
    found: dict[str, T] = {}
    for first in range(0, len(asks), _AT_ONCE):
        some = {key: asked(asks[key], name) for key in list(asks)[first : first + _AT_ONCE]}
        wait(some.values(), seconds)
        found |= {key: answer.result() for key, answer in some.items() if answer.done()}
    return found

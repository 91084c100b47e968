"""What ``verify`` and ``rotate`` share: progress on a terminal, and names that cannot lie."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
Advance = Callable[[str, int, int | None], None]
"""
Told of each step: a drop, bytes, and of how many or ``None`` for a sum.
"""


def one_by_one(verb: str, begin: Callable[[Advance], Iterator[T]]) -> Iterator[T]:
    """
    Yield each result of *begin* when it is there; a bar shows how far the next one is.

    While the caller has a result, no bar is drawn over what it prints.
    """
    advance: Advance

    def told(drop: str, done: int, of: int | None) -> None:
        advance(drop, done, of)

    results = begin(told)
    while True:
        with _bar(verb) as advance:
            try:
                result = next(results)
            except StopIteration:
                return
        yield result


def _nothing(_drop: str, _done: int, _of: int | None) -> None:
    pass


@contextmanager
def _bar(verb: str) -> Iterator[Advance]:
    if not sys.stderr.isatty():
        yield _nothing
        return
    from rich.console import Console  # only a terminal needs it
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown_progress:
        tasks: dict[str, object] = {}

        def advance(drop: str, done: int, of: int | None) -> None:
            if drop not in tasks:
                tasks[drop] = shown_progress.add_task(f"{verb} {drop}", total=of)
            task = tasks[drop]
            if of is None:
                shown_progress.update(task, advance=done)  # type: ignore[arg-type]  # an int of theirs
            else:
                shown_progress.update(task, completed=done)  # type: ignore[arg-type]

        yield advance


def shown(text: str) -> str:
    """Return *text* with everything that a terminal would obey made visible."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

"""
What ``verify`` and ``rotate`` share: progress on a terminal, and names that cannot lie.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def bar(verb: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """
    Give what is told of each step: a drop, bytes, and of how many or ``None`` for a sum.
    """
    if not sys.stderr.isatty():
        yield lambda _drop, _done, _of: None
        return
    from rich.console import Console  # noqa: PLC0415  # only a terminal needs it
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

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
    """
    Return *text* with everything that a terminal would obey made visible.
    """
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)

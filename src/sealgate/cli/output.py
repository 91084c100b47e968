"""Where a report goes: to standard output, or to a file for its owner only; and what moves meanwhile."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sealgate.errors import SealgateError, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What whoever typed the name can mend; the rest (a full disk) is a failure.
_MISTYPED = {errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG}


def write_report(text: str, output: str | None) -> None:
    """
    Print *text*, or write it to the file *output*.

    A report tells where the weak places and the sensitive data are, so a new file is
    readable by its owner only.

    Raises:
        UsageError: nothing can be written under that name.
        SourceError: it could not be written to the end.
    """
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        kind: type[SealgateError] = UsageError if number in _MISTYPED else SourceError
        reason = os.strerror(number).lower() if number else "no path"
        message = f'output "{output}" cannot be written: {reason}'
        raise kind(message, hint="name another file with --output") from error


def in_colour() -> bool:
    """Return whether what goes to standard output may be coloured: for people who want it."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and sys.stdout.isatty()


@contextmanager
def looking(at_first: str = "looking") -> Iterator[Callable[[str], None]]:
    """
    Show on a terminal that something goes on, and yield what tells at what.

    It is for people only: a log or a pipe gets none of it.
    """
    if not sys.stderr.isatty():
        yield lambda _name: None
        return
    from rich.console import Console  # only a terminal needs it
    from rich.text import Text

    with Console(stderr=True).status(at_first) as status:
        yield lambda name: status.update(Text(f"looking at {name}", no_wrap=True))

"""Makes text safe and pleasant to read on a terminal, and plain in a pipe."""

from __future__ import annotations

import io
import textwrap
import unicodedata
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.console import RenderableType

# Control, format (bidirectional overrides), surrogate and unassigned characters: what a
# hostile server puts into a cookie's name must not steer the reader's terminal.
_UNSAFE = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])

# On anything narrower, folding would leave single words.
_LEAST_COLUMNS = 40


def clean(text: str) -> str:
    r"""Return *text* with every character that could steer a terminal written as ``\x..``."""
    return "".join(
        char.encode("unicode_escape", "backslashreplace").decode("ascii")
        if unicodedata.category(char) in _UNSAFE
        else char
        for char in text
    )


def folded(line: str, columns: int | None, indent: str = "") -> str:
    """
    Return *line* behind *indent*, over several lines where it is wider than *columns*.

    Words stay whole, so that paths and commands can be copied. ``None`` is no limit.
    """
    if columns is None:
        return f"{indent}{line}"
    return textwrap.fill(
        line,
        max(columns, _LEAST_COLUMNS),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def drawn(renderable: RenderableType, *, console_width: int, colour: bool) -> str:
    """
    Return *renderable* as text of at most *console_width* columns.

    Without *colour* there is no escape sequence in it. Lines end without blanks.
    """
    console = Console(
        file=io.StringIO(),
        width=console_width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        console.print(renderable)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())

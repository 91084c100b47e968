"""Programs on a terminal of their own, where somebody types."""

from __future__ import annotations

import os
import pty
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def on_terminal(command: Sequence[str], answers: Sequence[str] = ()) -> tuple[int, bytes]:
    """
    Run *command* and type each of *answers* when it is asked for.

    Returns the exit code and what was printed. A question ends with a colon and a space.
    """
    ours, theirs = pty.openpty()
    # Not pty.fork(): processes of pytest-xdist have threads, of which a copy may stand still.
    with subprocess.Popen(
        ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        printed, left = b"", list(answers)
        try:
            while piece := _read(ours):
                printed += piece
                if left and printed.count(b": ") > len(answers) - len(left):
                    os.write(ours, left.pop(0).encode() + b"\n")
        finally:
            os.close(ours)
    return process.returncode, printed


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        # Linux tells the end of a terminal so.
        return b""

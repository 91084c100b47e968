"""Standard input, output and error, as whoever started the process left them."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from sealgate.errors import ExitCode

if TYPE_CHECKING:
    from types import FrameType


def keep_standard_streams() -> None:
    """
    Have what was closed stay refused, and let no character end a command.

    A file that is opened later would else get the number of a closed stream, and what is
    printed would be written into it. Reading or writing such a stream fails from now on, so
    nothing is taken for sealed or printed that went nowhere. Standard error may be closed.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, and those below are taken.
            os.open(os.devnull, flags)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, "r", closefd=False)))
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name that the encoding cannot say is shown in escapes.
        sys.stdout.reconfigure(errors="backslashreplace")


def clean_up_on_signals() -> None:
    """
    Have SIGTERM and SIGHUP end a command as Ctrl-C does, so that it removes what it began.

    What is ignored already stays so (nohup). Commands that go on for long set their own.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # signal calls so
    sys.exit(128 + number)


def settle_output(code: int) -> int:
    """
    Return the exit code of a command that meant *code*: 1 when its output could not be written.

    What cannot be written is dropped here, or Python would complain about it at the end.
    """
    if not _flushed(sys.stdout, 1):
        code = code or int(ExitCode.FAILED)
    # Where messages cannot be written, nobody can be told; the code still says it.
    _flushed(sys.stderr, 2)
    return code


def _flushed(stream: TextIO | None, number: int) -> bool:
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        return False
    return True


def has_reader() -> bool:
    """Return whether somebody may still read standard output."""
    poll = select.poll()
    poll.register(1, 0)
    return not any(event & select.POLLERR for _, event in poll.poll(0))

"""
What the system refused, said in words: a fault of the machine is no bug of Sealgate.

Commands tell what they can in words of their own; this is for what is left, such as a disk
that is full when a report is printed.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from sealgate.errors import SealgateError, SourceError

# Where click writes to a standard stream.
_WRITES = ("utils.py", "echo")


def as_source_error(error: OSError) -> SealgateError | None:
    """
    Return what *error* says about a file, standard output or the current folder, else ``None``.

    Only what the system says is told, and names of files.
    """
    if not error.errno:
        return None
    reason = os.strerror(error.errno).lower()
    if error.filename is not None:
        return SourceError(f'"{os.fsdecode(_name(error))}" cannot be used: {reason}')
    if isinstance(error, BrokenPipeError):
        return SourceError(f"what was written to went away: {reason}")
    if _is_echo(error):
        return SourceError(f"standard output cannot be written: {reason}")
    if not _has_folder():
        return SourceError(
            "the current folder is not there any more", hint="cd, or give a full path"
        )
    return None


def place_of(error: Exception) -> str:
    """Return ``file.py:line``, the place where *error* was raised."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def _name(error: OSError) -> str | bytes:
    # Some calls take a descriptor, where others take a path.
    return error.filename if isinstance(error.filename, str | bytes) else str(error.filename)


def _is_echo(error: OSError) -> bool:
    return any(
        (Path(frame.filename).name, frame.name) == _WRITES
        for frame in traceback.extract_tb(error.__traceback__)[-2:]
    )


def _has_folder() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  # only whether it is there
    except OSError:
        return False
    return True

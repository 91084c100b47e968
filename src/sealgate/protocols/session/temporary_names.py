"""
The names that programs upload under before they give a file its own. Pure.

Each program has a form of its own and none is standardised; these are what they write unless
told otherwise. A file of such a name has not been delivered yet.
"""

from __future__ import annotations

_PREFIXES = (".in.",)  # lftp, xfer:use-temp-file
# What stands between the name and whatever makes it unlike others.
_MARKS = (
    "-restic-temp-",  # restic
    ".tmp-",  # kopia
)
_ENDINGS = (
    ".filepart",  # WinSCP
    ".partial",  # rclone: NAME.xxxxxxxx.partial
    ".ffs_tmp",  # FreeFileSync: NAME.xxxx.ffs_tmp
    ".part",  # Cyberduck and others
    ".tmp",
    ".temp",
)
# What makes the name unlike others stands before these, after a dot.
_NUMBERED = {".partial": 8, ".ffs_tmp": 4}


def final_name(name: str) -> str:
    """Return the name that a file called *name* is going to have; *name* itself mostly."""
    for prefix in _PREFIXES:
        if name.startswith(prefix) and name != prefix:
            return name.removeprefix(prefix)
    for mark in _MARKS:
        first, found, behind = name.rpartition(mark)
        if first and found and behind.isalnum():
            return first
    for ending in _ENDINGS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return _without_number(name[: -len(ending)], _NUMBERED.get(ending, 0))
    return name


def is_temporary(name: str) -> bool:
    """Return whether *name* is of a form that programs upload under before they rename."""
    return final_name(name) != name


def _without_number(name: str, size: int) -> str:
    first, _, number = name.rpartition(".")
    return first if size and first and len(number) == size and number.isalnum() else name
